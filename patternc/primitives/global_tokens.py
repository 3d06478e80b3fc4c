"""``global(g)``: the first ``g`` tokens see every token and are seen by every token.

Global tokens: Longformer (Beltagy et al. 2020, arXiv 2004.05150).
"""

from patternc.ir.expr import ONE, sub
from patternc.ir.relation import KeyRange, QueryRange, Relation, union
from patternc.primitives.primitive import Given, Parameter, Primitive


def _build(given: Given) -> Relation:
    last = sub(given.number("g"), ONE)
    return union(KeyRange(hi=last), QueryRange(hi=last))


GLOBAL = Primitive("global", (Parameter("g"),), _build, "the first g tokens, as keys and as queries")
