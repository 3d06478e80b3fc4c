"""``ring(l, r)``: the window wrapped around the sequence.

The ring-local window of pi-Attention (arXiv 2511.10696).
"""

from patternc.ir.expr import ONE, ZERO, add, neg
from patternc.ir.relation import LagMod, N, Relation
from patternc.primitives.primitive import Given, Parameter, Primitive


def _build(given: Given) -> Relation:
    left, right = given.number("l"), given.number("r")
    return LagMod(period=N, phase=neg(right), width=add(add(left, right), ONE))


RING = Primitive(
    "ring", (Parameter("l"), Parameter("r", default=ZERO)), _build, "the window wrapped around the sequence"
)
