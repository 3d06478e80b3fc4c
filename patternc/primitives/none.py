"""``none``: no pair."""

from patternc.ir.relation import NOTHING, Relation
from patternc.primitives.primitive import Given, Primitive


def _build(_: Given) -> Relation:
    return NOTHING


NONE = Primitive("none", (), _build, "no pair")
