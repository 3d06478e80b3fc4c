"""Judges claims about the families by counting, for given numbers; it knows nothing of closed forms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import product

from patternc.ir.expr import ARITHMETIC, COMPARISONS, Arith, Expr, ExprError, evaluate
from patternc.ir.program import Chain, Covers, GapFree, Infinity, Measure, Pattern, Prove
from tests.analysis import brute
from tests.analysis.families import INF, Family, crossed

MAX_LAYERS = 7
MAX_TOKENS = 26


class TooLargeError(ValueError):
    """Numbers for which counting would take too long."""


def verdict(family: Family, pattern: Pattern, item: Prove, values: Mapping[str, int]) -> bool | None:
    """Whether the claim holds for these numbers; None where they break an assumption, or it has no value."""
    conditions = [r.condition for r in (*pattern.requirements, *pattern.ranges[0].domains)]
    conditions += [] if item.condition is None else [item.condition]
    try:
        if not all(evaluate(c, values) for c in conditions):
            return None
        return Judge(family, values).holds(item)
    except (ExprError, TooLargeError):
        return None


def points(family: Family, item: Prove, layers: int = 5, tokens: int = 14) -> Iterator[dict[str, int]]:
    """Numbers for everything that a claim leaves open."""
    used = symbols(item)
    for values in family.parameters():
        for length, count in product(
            range(1, tokens + 1) if "n" in used else (1,), range(1, layers + 1) if "L" in used else (1,)
        ):
            yield {**values, "L": count, "n": length}


def symbols(item: Prove) -> frozenset[str]:
    claim = item.claim
    parts: tuple[Expr | None, ...] = (item.condition,)
    if isinstance(claim, Chain):
        parts += claim.operands
    elif isinstance(claim, Covers):
        parts += (claim.tokens, claim.layers)
    elif isinstance(claim, GapFree):
        parts += (claim.layers,)
    return frozenset().union(*(p.symbols for p in parts if p is not None))


class Judge:
    """The terms of claims for one choice of parameters."""

    def __init__(self, family: Family, values: Mapping[str, int]):
        self.family = family
        self.values = values
        self.parameters = tuple((name, values[name]) for name in family.grid)

    def holds(self, item: Prove) -> bool:
        match item.claim:
            case Chain(operands, ops):
                sides = [self.value(o) for o in operands]
                return all(COMPARISONS[op](a, b) for a, op, b in zip(sides, ops, sides[1:], strict=False))
            case Covers(tokens, Expr() as layers):
                return self.measure("depth", self.value(tokens)) <= self.value(layers)
            case GapFree(layers):
                count = self.value(layers)
                return self.measure("prefix", count) == self.measure("reach", count)
            case other:
                raise TypeError(f"no claim about terms: {other}")

    def value(self, expr: Expr) -> float:
        match expr:
            case Measure(name, argument):
                return self.measure(name, self.value(argument))
            case Infinity():
                return INF
            case Arith(op, args):
                return ARITHMETIC[op](*(self.value(a) for a in args))
            case _:
                return evaluate(expr, self.values)

    def measure(self, name: str, argument: float) -> float:
        if name in ("depth", "edges"):
            if not 1 <= argument <= MAX_TOKENS:
                raise TooLargeError
            return _lengthwise(self.family, self.parameters, name, int(argument))
        if not 0 <= argument <= MAX_LAYERS or (self.family.name == "symmetric_endless_" and argument > 3):
            raise TooLargeError
        return _layerwise(self.family, self.parameters, name, int(argument))


@lru_cache(maxsize=1 << 16)
def _lengthwise(family: Family, parameters: tuple[tuple[str, int], ...], name: str, n: int) -> float:
    if name == "edges":
        return brute.edges(family.members(**dict(parameters)), n)
    depth = brute.depth(family.member(**dict(parameters)), n)
    return INF if depth is None else depth


@lru_cache(maxsize=1 << 16)
def _layerwise(family: Family, parameters: tuple[tuple[str, int], ...], name: str, layers: int) -> float:
    assert family.lags is not None
    return crossed(family, family.lags(**dict(parameters)), layers)[name]
