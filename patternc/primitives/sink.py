"""``sink(g)``: the first ``g`` keys."""

from patternc.ir.expr import ONE, sub
from patternc.ir.relation import KeyRange, Relation
from patternc.primitives.primitive import Given, Parameter, Primitive


def _build(given: Given) -> Relation:
    return KeyRange(hi=sub(given.number("g"), ONE))


SINK = Primitive("sink", (Parameter("g"),), _build, "the first g keys")
