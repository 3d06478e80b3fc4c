"""Patterns and stacks with numbers for their parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from patternc.ir.expr import HEAD_SYMBOLS, Bool, Expr, ExprError, Int, show, substitute
from patternc.ir.program import HeadRange, Layers, Parameter, Pattern, Program, Repeat, Requirement, Stack
from patternc.ir.relation import NOTHING, Relation, atoms, needs_documents, substituted
from patternc.source import NOWHERE, Span

MAX_HEADS = 4096
MAX_LAYERS = 65536


class InstantiationError(ValueError):
    """Values that a pattern or a stack does not take.  ``span`` is the place of the condition that fails."""

    def __init__(self, message: str, span: Span = NOWHERE, code: str = "value"):
        super().__init__(message)
        self.span = span
        self.code = code


@dataclass(frozen=True)
class Head:
    """What one query head attends to: one softmax, or the branches of a gate."""

    branches: tuple[Relation, ...]


@dataclass(frozen=True)
class Instance:
    """A pattern whose parameters are numbers; `h` and `heads` are still open."""

    pattern: Pattern
    values: Mapping[str, int]
    ranges: tuple[HeadRange, ...]

    @property
    def name(self) -> str:
        return self.pattern.name

    @property
    def causal(self) -> bool:
        return self.pattern.causal

    @property
    def branches(self) -> int:
        """How many branches the pattern has: the largest number among its heads."""
        return max(len(r.branches) for r in self.ranges)

    @property
    def gated(self) -> bool:
        return self.branches > 1

    @property
    def needs_documents(self) -> bool:
        return any(needs_documents(b) for r in self.ranges for b in r.branches)

    @property
    def depends_on_head(self) -> bool:
        """Whether heads differ, or the number of heads matters."""
        parts = (atom for r in self.ranges for branch in r.branches for atom in atoms(branch))
        return self.pattern.by_head or any(HEAD_SYMBOLS & e.symbols for a in parts for e in a.arguments().values())

    @property
    def fixed_heads(self) -> int | None:
        """The head count where a `heads` block without `else` fixes it."""
        if not self.pattern.by_head or any(r.lo is None for r in self.ranges):
            return None
        ends = [r.hi.value for r in self.ranges if isinstance(r.hi, Int)]
        return max(ends) if len(ends) == len(self.ranges) else None

    def default_heads(self) -> int:
        """A head count that the pattern takes: the fixed one, else the least power of two from 8 that fits."""
        if (fixed := self.fixed_heads) is not None:
            return fixed
        ends = [r.hi.value for r in self.ranges if isinstance(r.hi, Int)]
        return max(8, 1 << (max(ends, default=1) - 1).bit_length())

    def heads(self, count: int) -> tuple[Head, ...]:
        """The heads of a layer with ``count`` query heads, each with as many branches as the pattern has."""
        if not 1 <= count <= MAX_HEADS:
            raise InstantiationError(f"{count} heads: a pattern has 1 to {MAX_HEADS}", self.pattern.span, "heads")
        if (fixed := self.fixed_heads) is not None and fixed != count:
            raise InstantiationError(f"pattern {self.name} has {fixed} heads, not {count}", self.pattern.span, "heads")
        owner: dict[int, HeadRange] = {}
        otherwise: HeadRange | None = None
        for part in self.ranges:
            if part.lo is None or part.hi is None:
                otherwise = part
                continue
            lo, hi = (_number(substitute(e, {"heads": count}), part.span) for e in (part.lo, part.hi))
            if not 0 <= lo <= hi:
                raise InstantiationError(f"head range {lo}..{hi} is not a range", part.span, "heads")
            if hi > count:
                raise InstantiationError(f"head range {lo}..{hi} exceeds the {count} heads", part.span, "heads")
            for h in range(lo, hi):
                if h in owner:
                    raise InstantiationError(f"head {h} is in two ranges", part.span, "heads")
                owner[h] = part
        result: list[Head] = []
        for h in range(count):
            part = owner.get(h, otherwise)
            if part is None:
                raise InstantiationError(f"head {h} of {count} is in no range", self.pattern.span, "heads")
            values: dict[str, Expr | int] = {"h": h, "heads": count}
            _check(part.domains, values, f" for head {h}")
            try:
                branches = tuple(substituted(b, values) for b in part.branches)
            except ExprError as error:
                raise InstantiationError(f"{error} (head {h})", part.span) from error
            result.append(Head(branches + (NOTHING,) * (self.branches - len(branches))))
        return tuple(result)

    def branch_counts(self, count: int) -> tuple[int, ...]:
        """How many branches each of ``count`` heads was written with (missing ones take no weight)."""
        self.heads(count)
        counts: list[int] = []
        for h in range(count):
            part = next((r for r in self.ranges if r.lo is not None and _holds(r, h, count)), None)
            part = part or next(r for r in self.ranges if r.lo is None)
            counts.append(len(part.branches))
        return tuple(counts)


def _holds(part: HeadRange, h: int, count: int) -> bool:
    lo, hi = (_number(substitute(e, {"heads": count}), part.span) for e in (part.lo, part.hi) if e is not None)
    return lo <= h < hi


def _number(expr: Expr, span: Span) -> int:
    if not isinstance(expr, Int):
        raise InstantiationError(f"`{show(expr)}` is not a number here", span)
    return expr.value


def _check(requirements: Iterable[Requirement], values: Mapping[str, Expr | int], where: str = "") -> None:
    for requirement in requirements:
        try:
            outcome = substitute(requirement.condition, values)
        except ExprError as error:
            raise InstantiationError(f"{error}{where}", requirement.span) from error
        if outcome == Bool(False):
            shown = ", ".join(f"{n} = {v}" for n, v in values.items() if n in requirement.condition.symbols)
            text = requirement.message or f"`require {show(requirement.condition)}` does not hold"
            raise InstantiationError(text + (f" ({shown})" if shown else "") + where, requirement.span, "require")


def parameter_values(parameters: Iterable[Parameter], given: Mapping[str, int], owner: str) -> dict[str, int]:
    """Every parameter's number: the given one, else its default."""
    parameters = tuple(parameters)
    known = [p.name for p in parameters]
    for name in given:
        if name not in known:
            listed = ", ".join(known) if known else "none"
            raise InstantiationError(f"{owner} has no parameter `{name}` (its parameters: {listed})", code="parameter")
    values: dict[str, int] = {}
    for parameter in parameters:
        try:
            value = substitute(parameter.default, values) if parameter.name not in given else Int(given[parameter.name])
        except ExprError as error:
            raise InstantiationError(f"default of `{parameter.name}`: {error}", parameter.span) from error
        values[parameter.name] = _number(value, parameter.span)
    return values


def instantiate(pattern: Pattern, given: Mapping[str, int]) -> Instance:
    """``pattern`` with the given values, defaults for the rest.

    Raises `InstantiationError` where a name is unknown or a value breaks a `require` or an argument's domain.
    """
    values = parameter_values(pattern.parameters, given, f"pattern {pattern.name}")
    _check(pattern.requirements, values)
    ranges: list[HeadRange] = []
    for part in pattern.ranges:
        per_head = tuple(r for r in part.domains if HEAD_SYMBOLS & r.condition.symbols)
        _check((r for r in part.domains if r not in per_head), values)
        try:
            ranges.append(
                HeadRange(
                    tuple(substituted(b, values) for b in part.branches),
                    None if part.lo is None else substitute(part.lo, values),
                    None if part.hi is None else substitute(part.hi, values),
                    tuple(Requirement(substitute(r.condition, values), r.message, r.span) for r in per_head),
                    part.span,
                )
            )
        except ExprError as error:
            raise InstantiationError(str(error), part.span) from error
    return Instance(pattern, values, tuple(ranges))


def stack_layers(program: Program, stack: Stack, given: Mapping[str, int]) -> list[Instance]:
    """The layers of a stack, in order.  Raises `InstantiationError`."""
    values = parameter_values(stack.parameters, given, f"stack {stack.name}")
    result: list[Instance] = []

    def number(expr: Expr, span: Span, **more: int) -> int:
        try:
            return _number(substitute(expr, {**values, **more}), span)
        except ExprError as error:
            raise InstantiationError(str(error), span) from error

    def run(entries: Iterable[Layers | Repeat]) -> None:
        for entry in entries:
            count = number(entry.count, entry.span)
            if count < 0:
                raise InstantiationError(f"a count of {count} layers", entry.span)
            if len(result) + count > MAX_LAYERS:
                raise InstantiationError(f"more than {MAX_LAYERS} layers", entry.span, "bound")
            for _ in range(count):
                if isinstance(entry, Repeat):
                    before = len(result)
                    run(entry.entries)
                    if len(result) == before:
                        break
                    continue
                pattern = program.pattern(entry.pattern)
                if pattern is None:
                    raise InstantiationError(f"no pattern `{entry.pattern}`", entry.span, "name")
                given_here = {n: number(e, entry.span, layer=len(result)) for n, e in entry.arguments}
                result.append(instantiate(pattern, given_here))

    run(stack.entries)
    return result
