"""Patterns and stacks with numbers for their parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import index

from patternc.ir.expr import HEAD_SYMBOLS, Bool, Expr, ExprError, Int, bounded, evaluate, show, substitute
from patternc.ir.program import HeadRange, Layers, Parameter, Pattern, Program, Repeat, Requirement, Stack
from patternc.ir.recognise import recognised
from patternc.ir.relation import NOTHING, Relation, atoms, needs_documents, substituted
from patternc.source import NOWHERE, Span

MAX_HEADS = 1024
MAX_LAYERS = 1024


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
        """The pattern's name."""
        return self.pattern.name

    @property
    def causal(self) -> bool:
        """Whether it was declared `causal`."""
        return self.pattern.causal

    @property
    def branches(self) -> int:
        """How many branches the pattern has: the largest number among its heads."""
        return max(len(r.branches) for r in self.ranges)

    @property
    def gated(self) -> bool:
        """Whether it fuses several softmaxes."""
        return self.branches > 1

    @property
    def needs_documents(self) -> bool:
        """Whether it speaks of documents."""
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

    def owners(self, count: int) -> list[HeadRange]:
        """The range that each of ``count`` heads lies in.  Raises `InstantiationError`."""
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
            lo, hi = (_number(_value(e, {"heads": count}, part.span), part.span) for e in (part.lo, part.hi))
            if not 0 <= lo <= hi:
                raise InstantiationError(f"head range {lo}..{hi} is not a range", part.span, "heads")
            if hi > count:
                raise InstantiationError(f"head range {lo}..{hi} exceeds the {count} heads", part.span, "heads")
            for h in range(lo, hi):
                if h in owner:
                    raise InstantiationError(f"head {h} is in two ranges", part.span, "heads")
                owner[h] = part
        result: list[HeadRange] = []
        for h in range(count):
            part = owner.get(h, otherwise)
            if part is None:
                raise InstantiationError(f"head {h} of {count} is in no range", self.pattern.span, "heads")
            result.append(part)
        return result

    def heads(self, count: int) -> tuple[Head, ...]:
        """The heads of a layer with ``count`` query heads, each with as many branches as the pattern has."""
        result: list[Head] = []
        most = self.branches
        for h, part in enumerate(self.owners(count)):
            values: dict[str, Expr | int] = {"h": h, "heads": count}
            _check(part.domains, values, f" for head {h}")
            try:
                branches = tuple(recognised(substituted(b, values)) for b in part.branches)
            except ExprError as error:
                raise InstantiationError(f"{error} (head {h})", part.span) from error
            result.append(Head(branches + (NOTHING,) * (most - len(branches))))
        return tuple(result)

    def branch_counts(self, count: int) -> tuple[int, ...]:
        """How many branches each of ``count`` heads was written with (missing ones take no weight)."""
        return tuple(len(part.branches) for part in self.owners(count))


def _number(expr: Expr, span: Span) -> int:
    if not isinstance(expr, Int):
        raise InstantiationError(f"`{show(expr)}` is not a number here", span)
    return expr.value


def _value(expr: Expr, values: Mapping[str, Expr | int], span: Span) -> Expr:
    try:
        return substitute(expr, values)
    except ExprError as error:
        raise InstantiationError(str(error), span) from error


def _violations(
    requirements: Iterable[Requirement], values: Mapping[str, Expr | int], where: str = ""
) -> Iterator[InstantiationError]:
    for requirement in requirements:
        condition = requirement.condition
        numbers = {name: value for name, value in values.items() if isinstance(value, int)}
        try:
            # Where all is known, `and` and `or` stop early; substitution would look at every part.
            whole = condition.symbols <= numbers.keys()
            outcome = Bool(bool(evaluate(condition, numbers))) if whole else substitute(condition, values)
        except ExprError as error:
            yield InstantiationError(f"{error}{where}", requirement.span)
            continue
        if outcome == Bool(False):
            shown = ", ".join(f"{n} = {v}" for n, v in values.items() if n in condition.symbols)
            text = requirement.message or f"`require {show(condition)}` does not hold"
            yield InstantiationError(text + (f" ({shown})" if shown else "") + where, requirement.span, "require")


def _check(requirements: Iterable[Requirement], values: Mapping[str, Expr | int], where: str = "") -> None:
    for violation in _violations(requirements, values, where):
        raise violation


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
        if parameter.name in given:
            values[parameter.name] = _given(parameter, given[parameter.name])
            continue
        try:
            value = substitute(parameter.default, values)
        except ExprError as error:
            raise InstantiationError(f"default of `{parameter.name}`: {error}", parameter.span) from error
        values[parameter.name] = _number(value, parameter.span)
    return values


def _given(parameter: Parameter, value: int) -> int:
    """A value that was given, from a command or from Python, where it may be anything."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{parameter.name}: expected an integer, got {value!r}")
    try:
        return bounded(index(value))
    except ExprError as error:
        raise InstantiationError(f"{parameter.name}: {error}", parameter.span) from error


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
                    tuple(recognised(substituted(b, values)) for b in part.branches),
                    None if part.lo is None else substitute(part.lo, values),
                    None if part.hi is None else substitute(part.hi, values),
                    tuple(Requirement(substitute(r.condition, values), r.message, r.span) for r in per_head),
                    part.span,
                )
            )
        except ExprError as error:
            raise InstantiationError(str(error), part.span) from error
    return Instance(pattern, values, tuple(ranges))


def problems(pattern: Pattern, given: Mapping[str, int]) -> list[InstantiationError]:
    """All that is wrong with the values, where `instantiate` stops at the first."""
    try:
        values = parameter_values(pattern.parameters, given, f"pattern {pattern.name}")
    except InstantiationError as error:
        return [error]
    shared = [r for part in pattern.ranges for r in part.domains if not HEAD_SYMBOLS & r.condition.symbols]
    found = list(_violations((*pattern.requirements, *shared), values))
    if found:
        return found
    try:
        instance = instantiate(pattern, given)
        count = instance.default_heads()
        owners = instance.owners(count)
    except InstantiationError as error:
        return [error]
    by_place: dict[Span, InstantiationError] = {}
    for h, part in enumerate(owners):
        for violation in _violations(part.domains, {"h": h, "heads": count}, f" for head {h}"):
            by_place.setdefault(violation.span, violation)
    if by_place:
        return list(by_place.values())
    try:
        instance.heads(count)
    except InstantiationError as error:
        return [error]
    return []


def stack_layers(program: Program, stack: Stack, given: Mapping[str, int]) -> list[Instance]:
    """The layers of a stack, in order.  Raises `InstantiationError`."""
    return [instance for instance, _ in _layers(program, stack, given)]


def stack_problems(program: Program, stack: Stack, given: Mapping[str, int]) -> list[InstantiationError]:
    """What is wrong with the values for a stack, or with the heads of its layers: they share one count."""
    try:
        layers = _layers(program, stack, given)
        fixed = [(i, own) for i, (instance, _) in enumerate(layers) if (own := instance.fixed_heads) is not None]
        count = fixed[0][1] if fixed else max((layer.default_heads() for layer, _ in layers), default=1)
        checked: set[int] = set()
        for i, (instance, span) in enumerate(layers):
            if id(instance) in checked:
                continue
            checked.add(id(instance))
            own = instance.fixed_heads
            if fixed and own is not None and own != fixed[0][1]:
                text = f"layer {i} has {own} heads, layer {fixed[0][0]} has {fixed[0][1]}; all layers share one count"
                raise InstantiationError(text, span, "heads")
            try:
                instance.heads(count)
            except InstantiationError as error:
                raise InstantiationError(f"layer {i}: {error}", span, error.code) from error
    except InstantiationError as error:
        return [error]
    return []


def _layers(program: Program, stack: Stack, given: Mapping[str, int]) -> list[tuple[Instance, Span]]:
    """The layers of a stack, each with the place of its entry.  Equal layers are one instance."""
    values = parameter_values(stack.parameters, given, f"stack {stack.name}")
    result: list[tuple[Instance, Span]] = []
    known: dict[tuple[str, tuple[tuple[str, int], ...]], Instance] = {}

    def number(expr: Expr, span: Span, **more: int) -> int:
        return _number(_value(expr, {**values, **more}, span), span)

    def layer(entry: Layers) -> Instance:
        pattern = program.pattern(entry.pattern)
        if pattern is None:
            raise InstantiationError(f"no pattern `{entry.pattern}`", entry.span, "name")
        given_here = {n: number(e, entry.span, layer=len(result)) for n, e in entry.arguments}
        key = (entry.pattern, tuple(given_here.items()))
        if key not in known:
            try:
                known[key] = instantiate(pattern, given_here)
            except InstantiationError as error:
                # The place to mend is the entry: the pattern's own condition is right.
                text = f"layer {len(result)}, pattern {pattern.name}: {error}"
                raise InstantiationError(text, entry.span, error.code) from error
        return known[key]

    def run(entries: Iterable[Layers | Repeat]) -> None:
        for entry in entries:
            count = number(entry.count, entry.span)
            if count < 0:
                raise InstantiationError(f"a count of {count} layers", entry.span)
            for _ in range(count):
                before = len(result)
                if isinstance(entry, Repeat):
                    run(entry.entries)
                elif before == MAX_LAYERS:
                    text = f"stack {stack.name} has more than {MAX_LAYERS} layers, the most that is allowed"
                    raise InstantiationError(text, entry.span, "bound")
                else:
                    result.append((layer(entry), entry.span))
                if len(result) == before:
                    break

    run(stack.entries)
    return result
