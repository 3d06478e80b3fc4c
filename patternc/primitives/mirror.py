"""``mirror(R)``: R with query and key exchanged."""

from patternc.ir.relation import Relation, mirror
from patternc.primitives.primitive import Given, Kind, Parameter, Primitive


def _build(given: Given) -> Relation:
    return mirror(given.relation("R"))


MIRROR = Primitive("mirror", (Parameter("R", Kind.RELATION),), _build, "R with query and key exchanged")
