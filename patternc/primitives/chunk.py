"""``chunk(b, back)``: the query's own chunk of ``b`` tokens and the ``back`` chunks before it.

With `back = 0` the local blocks of fixed attention: Sparse Transformers (Child et al. 2019, arXiv 1904.10509).
"""

from patternc.ir.expr import ZERO
from patternc.ir.relation import ChunkLag, Relation
from patternc.primitives.primitive import Given, Parameter, Primitive


def _build(given: Given) -> Relation:
    return ChunkLag(size=given.number("b"), lo=ZERO, hi=given.number("back"))


CHUNK = Primitive(
    "chunk", (Parameter("b", minimum=1), Parameter("back", default=ZERO)), _build, "its own chunk and some before it"
)
