"""Claims with numbers for everything that they speak of: decided exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from patternc.analysis import depth as depths
from patternc.analysis import edges as edge_counts
from patternc.analysis import evidence
from patternc.analysis.bounds import coverage_bounds, prefix_bounds
from patternc.analysis.decisions import (
    Undecided,
    Witness,
    first_future_pair,
    first_pair,
    first_query_without_key,
)
from patternc.analysis.intset import INF, Bound, TooLarge
from patternc.analysis.operands import compared, extended, show_claim, spelt
from patternc.analysis.receptive_field import Field, field_of
from patternc.analysis.semantics import ONE_DOCUMENT, Layer, Model, NotByLag, model_of
from patternc.ir.expr import (
    MIRRORED,
    Arith,
    Expr,
    ExprError,
    Int,
    Sym,
    evaluate,
)
from patternc.ir.instantiate import InstantiationError, instantiate, stack_layers
from patternc.ir.program import (
    Causal,
    Chain,
    Covers,
    Equal,
    GapFree,
    Infinity,
    Measure,
    NonEmpty,
    Program,
    Prove,
    Subset,
)
from patternc.ir.relation import Relation, Union, difference

Values: TypeAlias = Mapping[str, int]

BOUNDS = {"coverage": coverage_bounds, "prefix": prefix_bounds}
"""What encloses a term that is too large to count."""
NO_LAGS = "; ask `covers` or `depth`, which speak of a sequence of n tokens"


@dataclass(frozen=True)
class Finding:
    """What a claim comes to for one choice of numbers.  ``n`` and what follows belong to a failure."""

    holds: bool
    reason: str
    layers: int | None = None
    n: int | None = None
    lag: int | None = None
    pair: tuple[int, int] | None = None
    query: int | None = None
    documents: tuple[int, ...] | None = None
    values: tuple[Bound | str, ...] | None = None
    path: tuple[int, ...] | None = None


@dataclass
class Point:
    """One choice of numbers for a claim: its parameters (of the pattern and of the other one), and `L` and `n`."""

    program: Program
    item: Prove
    values: Values
    """Every parameter of the target, and of the pattern it is compared with; `L` and `n` where the claim uses them."""
    models: dict[object, Model] = field(default_factory=dict)
    """Models made so far, by target and parameters."""
    measured: dict[tuple[str, int], Bound] = field(default_factory=dict)
    known: dict[Expr, str] = field(default_factory=dict)
    """What is known of terms that are too large to count."""
    remarks: list[str] = field(default_factory=list)

    @cached_property
    def heads(self) -> int | None:
        """The head count that the claim gives, if it gives one."""
        return None if self.item.heads is None else int(evaluate(self.item.heads, self.values))

    @cached_property
    def model(self) -> Model:
        """Raises `InstantiationError`."""
        return self._model(self.item.target, self.heads)

    def _model(self, name: str, heads: int | None) -> Model:
        pattern, stack = self.program.pattern(name), self.program.stack(name)
        owner = pattern or stack
        if owner is None:
            raise InstantiationError(f"no pattern or stack `{name}`", self.item.span, "name")
        given = {p.name: self.values[p.name] for p in owner.parameters}
        key = (name, heads, *given.values())
        if key not in self.models:
            if pattern is not None:
                self.models[key] = model_of([instantiate(pattern, given)], True, heads)
            elif stack is not None:
                self.models[key] = model_of(stack_layers(self.program, stack, given), False, heads)
        return self.models[key]

    def finding(self) -> Finding:
        """Whether the claim holds.  Raises `Undecided`, `TooLarge`, `NotByLag` or `ExprError` where it cannot say."""
        match self.item.claim:
            case Chain() as chain:
                return self._chain(chain)
            case Covers(tokens, layers):
                count = len(self.model.layers) if layers is None else self.number(layers)
                return self._covers(self.number(tokens), count)
            case GapFree(layers):
                return self._gapfree(self.number(layers))
            case Causal():
                return self._causal()
            case NonEmpty():
                return self._nonempty()
            case Subset(other):
                return self._compared(other, both=False)
            case Equal(other):
                return self._compared(other, both=True)

    # Terms and comparisons.

    def number(self, expr: Expr) -> int:
        """The value of an expression that must be finite.  Raises `ExprError`."""
        value = self.value(expr)
        if not isinstance(value, int):
            raise ExprError(f"`{show_claim(expr)}` is infinite, where a number must stand")
        return value

    def value(self, expr: Expr) -> Bound:
        """The value of an operand of a claim."""
        match expr:
            case Int(value):
                return value
            case Sym(name):
                return self.values[name]
            case Infinity():
                return INF
            case Measure(name, argument):
                return self.measure(name, self.number(argument))
            case Arith(op, args):
                return extended(op, [self.value(a) for a in args])
            case _:
                raise ExprError(f"`{show_claim(expr)}` is not a number")

    def measure(self, name: str, argument: int) -> Bound:
        """The value of a term at its argument, computed once."""
        if (name, argument) not in self.measured:
            self.measured[name, argument] = self._measure(name, argument)
        return self.measured[name, argument]

    def _measure(self, name: str, argument: int) -> Bound:
        if name in ("edges", "depth"):
            if argument < 1:
                raise ExprError(f"{name}({argument}): a sequence has at least one token")
            compute = edge_counts.edges if name == "edges" else depths.depth
            return compute(self.model, argument)
        found = self.field(argument, name)
        return found.reach if name == "reach" else found.coverage if name == "coverage" else found.prefix

    def field(self, layers: int, name: str) -> Field:
        """The receptive field after so many layers.  Raises `NotByLag`."""
        self._check_layers(layers, f"{name}({layers})")
        try:
            return field_of(self.model, layers)
        except NotByLag as problem:
            raise NotByLag(f"{name} counts lags, but {problem}{NO_LAGS}") from problem

    def _check_layers(self, layers: int, what: str) -> None:
        if layers < 0:
            raise ExprError(f"{what}: the number of layers is negative")
        if layers > self.model.limit:
            raise ExprError(f"{what}: {self.item.target} has {evidence.counted(self.model.limit)} only")

    def _chain(self, chain: Chain) -> Finding:
        undecided: Undecided | TooLarge | NotByLag | None = None
        for left, op, right in zip(chain.operands, chain.ops, chain.operands[1:], strict=False):
            try:
                if (missed := self._deeper(left, op, right)) is not None:
                    return missed
                if self._bounded(left, op, right):
                    continue
                a, b = self.value(left), self.value(right)
            except (Undecided, TooLarge, NotByLag) as problem:
                found = self._by_bounds(left, op, right) if isinstance(problem, TooLarge) else None
                if found is not None and not found.holds:
                    return found
                if found is None:
                    undecided = undecided or problem
                continue
            if not compared(op, a, b):
                return self._broken(left, op, right, a, b)
        if undecided is not None:
            raise undecided
        shown = " ".join(self._valued(o) for o in _alternate(chain))
        return Finding(True, shown)

    def _deeper(self, left: Expr, op: str, right: Expr) -> Finding | None:
        """The failure of ``depth(n) <= bound`` on a long sequence, where it is shown without the depth itself."""
        if isinstance(right, Measure) and right.name == "depth":
            left, op, right = right, MIRRORED[op], left
        if op not in ("<", "<=", "==") or not isinstance(left, Measure) or left.name != "depth":
            return None
        n, bound = self.number(left.argument), self.value(right)
        layers = bound - 1 if op == "<" else bound
        if not isinstance(layers, int) or not 0 <= layers < n or n <= depths.GRAPH_LIMIT:
            return None
        if depths.has_formula(self.model, n):
            return None
        try:
            deepest = depths.depth(self.model, n, layers)
            if deepest <= layers:
                self.measured["depth", n] = deepest
                return None
        except TooLarge:
            bounds = depths.enclosed(self.model, n)
            if bounds is None or bounds[0] <= layers:
                return None
        return self._unseen(f"{show_claim(left)} is more than {layers}", n, layers, (f"> {layers}", bound))

    def _bounded(self, left: Expr, op: str, right: Expr) -> bool:
        """Whether ``depth(n) <= bound`` holds by an upper bound of the depth, where that is all that is known."""
        if isinstance(right, Measure) and right.name == "depth":
            left, op, right = right, MIRRORED[op], left
        if op not in ("<", "<=") or not isinstance(left, Measure) or left.name != "depth":
            return False
        n = self.number(left.argument)
        bounds = depths.enclosed(self.model, n) if n > depths.LARGE_GRAPH else None
        return bounds is not None and bounds[1] <= self.model.limit and compared(op, bounds[1], self.value(right))

    def _by_bounds(self, left: Expr, op: str, right: Expr) -> Finding | None:
        """What bounds of a coverage or prefix that is too large to count say of a comparison; None where they do not
        decide.
        """
        if isinstance(right, Measure) and right.name in BOUNDS:
            left, op, right = right, MIRRORED[op], left
        if not isinstance(left, Measure) or left.name not in BOUNDS:
            return None
        try:
            layers, value = self.number(left.argument), self.value(right)
            low, high = BOUNDS[left.name](self.field(layers, left.name), lambda covered: covered > value)
        except (Undecided, TooLarge, NotByLag):
            return None
        certain = {compared(op, x, value) for x in (low, high)}
        if len(certain) > 1 or (op in ("==", "!=") and low <= value <= high and low < high):
            return None
        (holds,) = certain
        bound = f"at least {spelt(low)}" if low >= value else f"at most {spelt(high)}"
        known = self.known[left] = spelt(low) if low == high else bound
        reason = f"{show_claim(left)} is {known}, which is not {op} {show_claim(right)}"
        return Finding(holds, "" if holds else reason, layers, values=None if holds else (known, value))

    def _valued(self, part: Expr | str) -> str:
        if isinstance(part, str):
            return part
        if part in self.known:
            return f"{show_claim(part)} ({self.known[part]})"
        try:
            shown, value = show_claim(part), spelt(self.value(part))
        except TooLarge:
            return show_claim(part)
        return shown if shown == value else f"{shown} = {value}"

    def _broken(self, left: Expr, op: str, right: Expr, a: Bound, b: Bound) -> Finding:
        why = f"{show_claim(left)} is {spelt(a)}" if show_claim(left) != spelt(a) else spelt(a)
        other = show_claim(right) if show_claim(right) == spelt(b) else f"{show_claim(right)} = {spelt(b)}"
        reason = f"{why}, which is not {op} {other}"
        plain = next((m for m in (left, right) if isinstance(m, Measure)), None)
        if plain is None:
            return Finding(False, reason, values=(a, b))
        argument = self.number(plain.argument)
        match plain.name:
            case "reach":
                return self._reaches(reason, argument, (a, b))
            case "prefix":
                return self._ends(reason, argument, (a, b))
            case "coverage":
                return Finding(False, reason, layers=argument, values=(a, b))
            case "depth":
                return self._too_deep(reason, argument, (a, b), b if left is plain else a)
            case _:
                return Finding(False, reason, n=argument, values=(a, b))

    def _reaches(self, reason: str, layers: int, values: tuple[Bound, Bound]) -> Finding:
        found = self.field(layers, "reach")
        if found.reach == INF:
            return Finding(False, f"{reason}: hops of unbounded length", layers, values=values)
        lag = int(found.reach)
        path = evidence.lag_path([self.model.layer(i).crossed for i in range(layers)], lag) if layers <= 4096 else None
        return Finding(False, reason, layers, lag=lag, values=values, path=path)

    def _ends(self, reason: str, layers: int, values: tuple[Bound, Bound]) -> Finding:
        gap = self.field(layers, "prefix").prefix
        if gap == INF:
            return Finding(False, reason, layers, values=values)
        lag = int(gap) + 1
        more = evidence.why_lag_is_missing(self.model, layers, lag)
        return Finding(False, f"{reason}; lag {lag} is missing: {more}", layers, lag=lag, values=values)

    def _too_deep(self, reason: str, n: int, values: tuple[Bound, Bound], enough: Bound) -> Finding:
        """Where the depth exceeds a number of layers, what these layers miss."""
        deepest = self.measure("depth", n)
        layers = min(enough, self.model.limit)
        if deepest <= layers or not isinstance(layers, int) or layers < 0:
            return Finding(False, reason, n=n, values=values)
        return self._unseen(reason, n, layers, values)

    def _unseen(self, reason: str, n: int, layers: int, values: tuple[Bound | str, ...] | None) -> Finding:
        pair = evidence.missing_pair(self.model, n, layers)
        if pair is None:
            return Finding(False, reason, layers, n, values=values)
        more = evidence.why_pair_is_missing(self.model, n, layers, *pair)
        lag = pair[0] - pair[1]
        return Finding(False, f"{reason}: {more}", layers, n, lag, pair, values=values)

    def _covers(self, n: int, layers: int) -> Finding:
        if n < 1:
            raise ExprError(f"covers({n}): a sequence has at least one token")
        self._check_layers(layers, f"covers({n}, layers = {layers})")
        try:
            deepest = depths.depth(self.model, n, layers)
        except TooLarge:
            bounds = depths.enclosed(self.model, n)
            if bounds is None or bounds[0] <= layers < bounds[1]:
                raise
            deepest = bounds[1] if bounds[1] <= layers else INF
        if deepest > layers:
            reason = f"{evidence.counted(layers)} {'is' if layers == 1 else 'are'} not enough for {n} tokens"
            return self._unseen(reason, n, layers, None)
        reason = f"after {evidence.counted(int(deepest))} every one of {n} tokens sees all that it may"
        if deepest == 0:
            return Finding(True, reason)
        query, key = evidence.hardest_pair(self.model, n, int(deepest))
        path = evidence.pair_path(self.model, n, int(deepest), query, key)
        if path is not None:
            reason += f"; for instance token {query} sees token {key}"
        return Finding(True, reason, pair=(query, key), path=path)

    def _gapfree(self, layers: int) -> Finding:
        found = self.field(layers, "gapfree")
        if found.prefix == found.reach:
            return Finding(True, f"prefix({layers}) and reach({layers}) are both {spelt(found.reach)}")
        lag = int(found.prefix) + 1
        reason = f"lag {lag} is missing below reach({layers}) = {spelt(found.reach)}: "
        reason += evidence.why_lag_is_missing(self.model, layers, lag)
        return Finding(False, reason, layers, lag=lag, values=(found.prefix, found.reach))

    # Claims about pairs, at every length.

    def _causal(self) -> Finding:
        found = [first_future_pair(layer.relation) for layer in self.model.distinct]
        if (seen := _least(found)) is None:
            return Finding(True, "no key comes after its query, at any length")
        return _failed(f"token {seen.query} sees the later token {seen.key}", seen)

    def _nonempty(self) -> Finding:
        heads = [(layer, head) for layer in self.model.distinct for head in layer.heads]
        found = [first_query_without_key(Union(head)) for _, head in heads]
        if (seen := _least(found)) is None:
            return Finding(True, "every query sees a key, at every length")
        return _failed(f"token {seen.query} sees no key" + _in_head(*heads[found.index(seen)]), seen)

    def _compared(self, other: str, both: bool) -> Finding:
        if self.program.pattern(other) is None:
            raise Undecided(f"`{other}` is not a pattern")
        here, there = self.item.target, other
        pairs = [p for layer in self.model.distinct for p in self._paired(layer, other)]
        forth = _least([first_pair(difference(mine, its)) for mine, its in pairs])
        back = _least([first_pair(difference(its, mine)) for mine, its in pairs]) if both else None
        if (seen := _least([forth, back])) is None:
            holds = f"and {there} hold the same pairs" if both else f"holds no pair that {there} does not"
            return Finding(True, f"{here} {holds}, at every length")
        larger, smaller = (here, there) if seen is forth else (there, here)
        return _failed(f"{larger} holds a pair that {smaller} does not", seen)

    def _paired(self, mine: Layer, other: str) -> list[tuple[Relation, Relation]]:
        """Each head with the other pattern's head of the same number; all heads at once where the numbers differ."""
        theirs = self._model(other, self.heads).layers[0]
        counts = {len(layer.order): layer.assumed for layer in (mine, theirs) if len(layer.order) > 1}
        if len(counts) > 1 and any(counts.values()) and not isinstance(self.model.limit, int):
            # A count that somebody chose goes before one that was assumed.
            count = next((c for c, assumed in counts.items() if not assumed), max(counts))
            mine = self._model(self.item.target, count).layers[0]
            theirs = self._model(other, count).layers[0]
            counts = {len(layer.order): 0 for layer in (mine, theirs) if len(layer.order) > 1}
        if len(counts) > 1:
            self.remarks.append("the head counts differ: all heads of either pattern are taken together")
            return [(mine.relation, theirs.relation)]
        pairs = ((mine.head(h), theirs.head(h)) for h in range(max(counts, default=1)))
        return [(Union(a), Union(b)) for a, b in dict.fromkeys(pairs)]

    def notes(self) -> list[str]:
        """What was taken for granted."""
        found = list(dict.fromkeys(self.remarks))
        pairs = isinstance(self.item.claim, Causal | NonEmpty | Subset | Equal)
        if self.model.documents and not pairs:
            found.append(ONE_DOCUMENT)
        if count := max((layer.assumed for layer in self.model.distinct), default=0):
            found.append(f"for {count} heads, since the claim gives no head count")
        return found


def _least(found: Sequence[Witness | None]) -> Witness | None:
    """The witness at the least length."""
    return min((w for w in found if w is not None), key=lambda w: (w.n, w.query), default=None)


def _failed(reason: str, seen: Witness) -> Finding:
    if seen.documents is not None:
        reason += f", with documents of {', '.join(map(str, seen.documents))} tokens"
    pair = None if seen.key is None else (seen.query, seen.key)
    lag = None if seen.key is None else seen.query - seen.key
    return Finding(False, reason, n=seen.n, lag=lag, pair=pair, query=seen.query, documents=seen.documents)


def _in_head(layer: Layer, head: tuple[Relation, ...]) -> str:
    return f" in head {layer.order.index(layer.heads.index(head))}" if len(layer.heads) > 1 else ""


def _alternate(chain: Chain) -> list[Expr | str]:
    parts: list[Expr | str] = [chain.operands[0]]
    for op, operand in zip(chain.ops, chain.operands[1:], strict=True):
        parts += (op, operand)
    return parts
