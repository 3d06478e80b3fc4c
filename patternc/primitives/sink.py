"""``sink(g)``: the first ``g`` keys.

Attention sinks: StreamingLLM (Xiao et al. 2023, arXiv 2309.17453).
"""

from patternc.ir.expr import ONE, sub
from patternc.ir.relation import KeyRange, Relation
from patternc.primitives.primitive import Given, Parameter, Primitive


def _build(given: Given) -> Relation:
    return KeyRange(hi=sub(given.number("g"), ONE))


SINK = Primitive("sink", (Parameter("g"),), _build, "the first g keys")
