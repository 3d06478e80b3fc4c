"""``causal``: no lag below zero."""

from patternc.ir.expr import ZERO
from patternc.ir.relation import Lag, Relation
from patternc.primitives.primitive import Given, Primitive


def _build(_: Given) -> Relation:
    return Lag(lo=ZERO)


CAUSAL = Primitive("causal", (), _build, "the query itself and all before it")
