"""``same_document``: query and key in one document; positions stay as they are."""

from patternc.ir.relation import Relation, SameDocument
from patternc.primitives.primitive import Given, Primitive


def _build(_: Given) -> Relation:
    return SameDocument()


SAME_DOCUMENT = Primitive("same_document", (), _build, "query and key in one document")
