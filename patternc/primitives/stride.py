"""``stride(p, hops, phase)``: lags ``phase + m*p`` with ``0 <= m <= hops``.

Strided attention: Sparse Transformers (Child et al. 2019, arXiv 1904.10509); with few hops the skips of pi-Attention
(arXiv 2511.10696).
"""

from patternc.ir.expr import ZERO, add, mul
from patternc.ir.relation import Lag, LagMod, Relation, intersection
from patternc.primitives.primitive import Given, Kind, Parameter, Primitive


def _build(given: Given) -> Relation:
    period, phase, hops = given.number("p"), given.number("phase"), given.get("hops")
    last = None if hops is None else add(phase, mul(hops, period))
    return intersection(Lag(lo=phase, hi=last), LagMod(period=period, phase=phase))


STRIDE = Primitive(
    "stride",
    (Parameter("p", minimum=1), Parameter("hops", Kind.COUNT, optional=True), Parameter("phase", default=ZERO)),
    _build,
    "every p-th token back, up to a number of hops",
)
