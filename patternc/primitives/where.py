"""``where(COND)``: the pairs that satisfy a condition on positions."""

from patternc.ir.relation import Relation
from patternc.primitives.primitive import Given, Kind, Parameter, Primitive


def _build(given: Given) -> Relation:
    return given.relation("COND")


WHERE = Primitive("where", (Parameter("COND", Kind.CONDITION),), _build, "the pairs that satisfy a condition")
