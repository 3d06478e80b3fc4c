"""A claim with what it leaves open: its free variables, their bounds, and the numbers that may stand for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from patternc.analysis.numeric import Point
from patternc.analysis.semantics import Model
from patternc.ir.expr import HEAD_SYMBOLS, MIRRORED, Compare, Expr, ExprError, Int, Logic, Sym, evaluate
from patternc.ir.instantiate import InstantiationError, parameter_values
from patternc.ir.program import Chain, Covers, Equal, GapFree, Pattern, Program, Prove, Stack, Subset

LAYERS, TOKENS = "L", "n"
MAX_MODELS = 4096
_LAST: list[Any] = [None, {}]
"""The program that was asked about last, and its models."""


@dataclass(frozen=True)
class Range:
    """Bounds of a free variable; None is none known."""

    low: int | None = None
    high: int | None = None

    def number(self, offset: int) -> int:
        """The value that stands at ``offset`` in the order of the search: the smallest first."""
        if self.low is not None:
            return self.low + offset
        if self.high is not None and self.high < 0:
            return self.high - offset
        value = (offset + 1) // 2 * (1 if offset % 2 else -1)
        return value if self.high is None or value <= self.high else -offset

    def offset(self, value: int) -> int:
        """Where ``value`` stands in that order."""
        if self.low is not None:
            return value - self.low
        if self.high is not None and self.high < 0:
            return self.high - value
        if value > 0:
            return 2 * value - 1
        # Where positive values have come to an end their places are taken by negative ones.
        free = self.high is not None and value % 2 and 1 - value > 2 * self.high
        return -value if free else -2 * value

    @property
    def size(self) -> int | None:
        """How many values there are, where that is known."""
        return None if self.low is None or self.high is None else max(self.high - self.low + 1, 0)


@dataclass
class Question:
    """A claim about a pattern or a stack of a program."""

    program: Program
    item: Prove
    models: dict[object, Model] = field(init=False)

    def __post_init__(self) -> None:
        self.models = _models_of(self.program)

    @cached_property
    def owner(self) -> Pattern | Stack:
        """Raises `InstantiationError`."""
        found = self.program.pattern(self.item.target) or self.program.stack(self.item.target)
        if found is None:
            raise InstantiationError(f"no pattern or stack `{self.item.target}`", self.item.span, "name")
        return found

    @cached_property
    def other(self) -> Pattern | None:
        """The other pattern of a `subset` or `equal`."""
        claim = self.item.claim
        return self.program.pattern(claim.other) if isinstance(claim, Subset | Equal) else None

    @cached_property
    def given(self) -> dict[str, Expr]:
        """The arguments that the claim gives."""
        return dict(self.item.arguments)

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The free parameters: of a pattern those that are not given; of a stack none."""
        own = [p.name for p in self.owner.parameters] if isinstance(self.owner, Pattern) else []
        others = [p.name for p in self.other.parameters] if self.other is not None else []
        return tuple(name for name in dict.fromkeys([*own, *others]) if name not in self.given)

    @cached_property
    def free(self) -> tuple[str, ...]:
        """All that is free, `L` and `n` first."""
        used = self._claim_symbols()
        return (*(name for name in (LAYERS, TOKENS) if name in used), *self.parameters)

    def _claim_symbols(self) -> frozenset[str]:
        claim, condition = self.item.claim, self.item.condition
        parts: list[Expr | None] = [condition]
        match claim:
            case Chain(operands, _):
                parts += operands
            case Covers(tokens, layers):
                parts += [tokens, layers]
            case GapFree(layers):
                parts.append(layers)
            case _:
                pass
        return frozenset().union(*(p.symbols for p in parts if p is not None))

    @cached_property
    def conditions(self) -> list[Expr]:
        """What the numbers must satisfy, as far as it can be said before a pattern is made of them."""
        found = [] if self.item.condition is None else [self.item.condition]
        patterns = [p for p in (self.owner, self.other) if isinstance(p, Pattern)]
        for pattern in patterns:
            found += [r.condition for r in pattern.requirements]
            domains = (r.condition for part in pattern.ranges for r in part.domains)
            found += [c for c in domains if not HEAD_SYMBOLS & c.symbols]
        return found

    @cached_property
    def ranges(self) -> dict[str, Range]:
        """Bounds of the free variables, read off the conditions that compare one with a number."""
        found = {name: Range(1 if name in (LAYERS, TOKENS) else None) for name in self.free}
        if isinstance(self.owner, Stack) and LAYERS in found:
            found[LAYERS] = Range(1, len(self.point({}).model.layers))
        for part in _conjuncts(self.conditions):
            name, low, high = _bound(part)
            if name in found:
                old = found[name]
                lows = [x for x in (old.low, low) if x is not None]
                highs = [x for x in (old.high, high) if x is not None]
                found[name] = Range(max(lows, default=None), min(highs, default=None))
        return found

    def values(self, chosen: Mapping[str, int]) -> dict[str, int]:
        """Numbers for all parameters from those of the free ones.  Raises `ExprError` or `InstantiationError`."""
        given = {name: int(evaluate(e, chosen)) for name, e in self.given.items()}
        if isinstance(self.owner, Stack):
            known = parameter_values(self.owner.parameters, given, f"stack {self.owner.name}")
            return {**known, **chosen}
        known = {**given, **chosen}
        order = dict.fromkeys([*(p.name for p in self.owner.parameters), *known])
        return {name: known[name] for name in order if name in known}

    def point(self, chosen: Mapping[str, int]) -> Point:
        """The claim at chosen values of what it leaves free."""
        return Point(self.program, self.item, self.values(chosen), self.models)

    def admits(self, values: Mapping[str, int]) -> bool:
        """Whether the numbers satisfy the conditions."""
        try:
            return all(evaluate(c, values) for c in self.conditions)
        except (ExprError, KeyError):
            return False

    def constants(self) -> Iterator[int]:
        """The numbers that stand in the claim and its conditions."""
        claim = self.item.claim
        exprs: list[Expr] = [*self.conditions, *self.given.values()]
        if isinstance(claim, Chain):
            exprs += claim.operands
        elif isinstance(claim, Covers):
            exprs += [e for e in (claim.tokens, claim.layers) if e is not None]
        for expr in exprs:
            yield from _numbers(expr)


def _models_of(program: Program) -> dict[object, Model]:
    """The models made so far: the claims of one program ask for the same ones."""
    if _LAST[0] is not program or len(_LAST[1]) > MAX_MODELS:
        _LAST[:] = [program, {}]
    return _LAST[1]


def _numbers(expr: Expr) -> Iterator[int]:
    if isinstance(expr, Int):
        yield expr.value
    for child in expr.children():
        yield from _numbers(child)


def _conjuncts(conditions: Iterable[Expr]) -> Iterator[Expr]:
    for condition in conditions:
        if isinstance(condition, Logic) and condition.op == "and":
            yield from _conjuncts(condition.args)
        else:
            yield condition


def _bound(condition: Expr) -> tuple[str, int | None, int | None]:
    """A variable with the bounds that a comparison with a number gives it."""
    if isinstance(condition, Compare):
        left, op, right = condition.left, condition.op, condition.right
        if isinstance(left, Int):
            left, op, right = right, MIRRORED[op], left
        if isinstance(left, Sym) and isinstance(right, Int):
            value = right.value
            low = {">=": value, ">": value + 1, "==": value}.get(op)
            high = {"<=": value, "<": value - 1, "==": value}.get(op)
            return left.name, low, high
    return "", None, None
