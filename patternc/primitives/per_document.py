"""``per_document(R)``: R within each document, positions and length counted there."""

from patternc.ir.relation import Relation, per_document
from patternc.primitives.primitive import Given, Kind, Parameter, Primitive


def _build(given: Given) -> Relation:
    return per_document(given.relation("R"))


PER_DOCUMENT = Primitive(
    "per_document", (Parameter("R", Kind.RELATION),), _build, "R within each document, positions counted there"
)
