"""``columns(p, phase, width)``: keys with ``(k - phase) mod p < width``.

The columns of fixed attention: Sparse Transformers (Child et al. 2019, arXiv 1904.10509).
"""

from patternc.ir.expr import ONE, ZERO
from patternc.ir.relation import KeyMod, Relation
from patternc.primitives.primitive import Given, Parameter, Primitive


def _build(given: Given) -> Relation:
    return KeyMod(period=given.number("p"), phase=given.number("phase"), width=given.number("width"))


COLUMNS = Primitive(
    "columns",
    (Parameter("p", minimum=1), Parameter("phase", default=ZERO), Parameter("width", minimum=1, default=ONE)),
    _build,
    "periodic keys, the same for every query",
)
