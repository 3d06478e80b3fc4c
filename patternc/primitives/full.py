"""``full``: every pair."""

from patternc.ir.relation import EVERYTHING, Relation
from patternc.primitives.primitive import Given, Primitive


def _build(_: Given) -> Relation:
    return EVERYTHING


FULL = Primitive("full", (), _build, "every pair")
