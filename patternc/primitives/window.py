"""``window(l, r)``: lags from ``-r`` to ``l``.

Sliding windows: Longformer (Beltagy et al. 2020, arXiv 2004.05150).
"""

from patternc.ir.expr import ZERO, neg
from patternc.ir.relation import Lag, Relation
from patternc.primitives.primitive import Given, Parameter, Primitive


def _build(given: Given) -> Relation:
    return Lag(lo=neg(given.number("r")), hi=given.number("l"))


WINDOW = Primitive(
    "window", (Parameter("l"), Parameter("r", default=ZERO)), _build, "the query itself, l tokens before and r after it"
)
