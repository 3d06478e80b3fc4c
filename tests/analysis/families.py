"""The families of patterns that have closed forms, each with the definition that brute force counts by."""

# The parameter M is named as in the literature.
# ruff: noqa: N803

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from patternc import driver
from patternc.analysis.closed_form import Bounds, Cases
from patternc.analysis.rules import BOUNDS, RULES
from patternc.analysis.subject import Subject, heads_of
from patternc.analysis.symbolic.knowledge import Knowledge
from patternc.ir.expr import Int
from patternc.ir.program import Infinity, Program
from patternc.source import Source
from tests.analysis import brute
from tests.analysis.brute import Member

INF = float("inf")
LONGEST = 160
"""Skips without end are looked at up to this lag, unless a family says less."""
MARGIN = 20
"""What is seen without a hole up to so little less counts as seen without end."""


@dataclass(frozen=True, eq=False)
class Family:
    """A pattern, and what its branches hold for given parameters; by lag where membership is a function of it."""

    text: str
    grid: Mapping[str, range]
    lags: Callable[..., frozenset[int]] | None = None
    branches: Callable[..., tuple[Member, ...]] | None = None
    endless: int = 0
    """Skips have no end; lags are looked at up to this one."""
    where: Callable[..., bool] = lambda **_: True

    @property
    def name(self) -> str:
        return self.text.split("(")[0].split()[-1]

    def parameters(self) -> Iterator[dict[str, int]]:
        for values in product(*self.grid.values()):
            chosen = dict(zip(self.grid, values, strict=True))
            if self.where(**chosen):
                yield chosen

    def members(self, **values: int) -> tuple[Member, ...]:
        """Membership in each branch."""
        if self.branches is not None:
            return self.branches(**values)
        assert self.lags is not None
        lags = self.lags(**values)
        return (lambda q, k, n: q - k in lags,)

    def member(self, **values: int) -> Member:
        """Membership in the union of the branches."""
        branches = self.members(**values)
        return lambda q, k, n: any(branch(q, k, n) for branch in branches)


def skips(k: int, p: int, hops: int | None, width: int = 0, longest: int = LONGEST) -> frozenset[int]:
    last = longest // p if hops is None else hops
    return frozenset([*range(k + 1), *(m * p + r for m in range(last + 1) for r in range(width + 1))])


def both(lags: frozenset[int]) -> frozenset[int]:
    return lags | {-d for d in lags}


K, P, M = range(6), range(1, 11), range(5)

FAMILIES = (
    Family(
        "pattern window_(k = 1, r = 1) { attend window(k, r) }",
        {"k": range(7), "r": range(7)},
        lambda k, r: frozenset(range(-r, k + 1)),
    ),
    Family(
        "causal pattern skips_(k = 1, p = 4, M = 1) { attend window(k) | stride(p, M) }",
        {"k": K, "p": P, "M": M},
        lambda k, p, M: skips(k, p, M),
    ),
    Family(
        "causal pattern gated_(k = 1, p = 4, M = 1) { attend gate(window(k), stride(p, M)) }",
        {"k": K, "p": P, "M": M},
        lambda k, p, M: skips(k, p, M),
        lambda k, p, M: (lambda q, j, n: 0 <= q - j <= k, lambda q, j, n: q - j in skips(0, p, M)),
    ),
    Family(
        "causal pattern endless_(k = 1, p = 4) { attend window(k) | stride(p) }",
        {"k": range(8), "p": range(1, 15)},
        lambda k, p: skips(k, p, None),
        endless=LONGEST,
    ),
    Family(
        "causal pattern neighbourhood_(w = 1, p = 4, M = 1) {"
        " attend window(w) | where(0 <= d <= M * p + w and d % p <= w) }",
        {"w": range(5), "p": range(1, 9), "M": M},
        lambda w, p, M: skips(w, p, M, min(w, p - 1)) | frozenset(range(w + 1) if w < p else range(M * p + w + 1)),
    ),
    Family(
        "causal pattern neighbourhoods_(w = 1, p = 4) { attend window(w) | where(d % p <= w) }",
        {"w": range(5), "p": range(1, 10)},
        lambda w, p: skips(w, p, None, min(w, p - 1)),
        endless=LONGEST,
    ),
    Family(
        "pattern symmetric_(k = 1, p = 4, M = 1) { attend window(k, k) | stride(p, M) | mirror(stride(p, M)) }",
        {"k": range(6), "p": range(1, 9), "M": M},
        lambda k, p, M: both(skips(k, p, M)),
    ),
    Family(
        "pattern symmetric_endless_(k = 1, p = 4) { attend window(k, k) | stride(p) | mirror(stride(p)) }",
        {"k": range(4), "p": range(1, 9)},
        lambda k, p: both(skips(k, p, None, longest=56)),
        endless=56,
    ),
    Family(
        "causal pattern run_(a = 2, p = 7, k = 3, M = 2) {"
        " require M >= 0; attend window(k) | where(0 <= d <= M * p + a and d % p <= a) }",
        {"a": range(4), "p": range(1, 9), "k": range(5), "M": range(4)},
        lambda a, p, k, M: skips(k, p, M, a),
        where=lambda a, p, k, M: a < k < p or M == 0,
    ),
    Family(
        "causal pattern runs_(a = 2, p = 7, k = 3) { require a >= 0; attend window(k) | where(d % p <= a) }",
        {"a": range(4), "p": range(1, 10), "k": range(6)},
        lambda a, p, k: skips(k, p, None, min(a, p - 1)),
        endless=LONGEST,
    ),
    Family(
        "causal pattern far_(a = 2, w = 1) { attend where(a <= d <= a + w) }",
        {"a": range(6), "w": range(4)},
        lambda a, w: frozenset(range(a, a + w + 1)),
    ),
    Family(
        "causal pattern phased_(p = 3, M = 2, f = 1) { attend stride(p, M, f) }",
        {"p": range(1, 6), "M": range(4), "f": range(6)},
        lambda p, M, f: frozenset(f + m * p for m in range(M + 1)),
    ),
    Family(
        "causal pattern phases_(k = 1, p = 3, f = 1) { attend window(k) | stride(p, 2, f) }",
        {"k": range(4), "p": range(1, 6), "f": range(6)},
        lambda k, p, f: frozenset([*range(k + 1), f, f + p, f + 2 * p]),
    ),
    Family(
        "causal pattern sinks_(k = 1, g = 2) { attend window(k) | sink(g) }",
        {"k": range(6), "g": range(8)},
        branches=lambda k, g: (lambda q, j, n: j <= q and (q - j <= k or j < g),),
    ),
    Family(
        "causal pattern gated_sinks_(k = 1, g = 2) { attend gate(window(k), sink(g)) }",
        {"k": range(6), "g": range(8)},
        branches=lambda k, g: (lambda q, j, n: 0 <= q - j <= k, lambda q, j, n: j <= q and j < g),
    ),
    Family(
        "causal pattern causal_global_(k = 1, g = 2) { attend window(k) | global(g) }",
        {"k": range(6), "g": range(8)},
        branches=lambda k, g: (lambda q, j, n: j <= q and (q - j <= k or j < g),),
    ),
    Family(
        "pattern sinks_ahead_(k = 1, g = 2) { attend window(k, k) | sink(g) }",
        {"k": range(6), "g": range(8)},
        branches=lambda k, g: (lambda q, j, n: abs(q - j) <= k or j < g,),
    ),
    Family(
        "pattern global_(k = 1, g = 2) { attend window(k, k) | global(g) }",
        {"k": range(6), "g": range(8)},
        branches=lambda k, g: (lambda q, j, n: abs(q - j) <= k or j < g or q < g,),
    ),
    Family(
        "causal pattern chunks_(b = 3, back = 1) { attend chunk(b, back) }",
        {"b": range(1, 8), "back": range(5)},
        branches=lambda b, back: (lambda q, j, n: j <= q and q // b - j // b <= back,),
    ),
    Family(
        "pattern chunks_ahead_(b = 3, back = 1) { attend chunk(b, back) }",
        {"b": range(1, 8), "back": range(5)},
        branches=lambda b, back: (lambda q, j, n: 0 <= q // b - j // b <= back,),
    ),
    Family(
        "pattern ring_(l = 2, r = 1) { attend ring(l, r) }",
        {"l": range(7), "r": range(7)},
        branches=lambda l, r: (lambda q, j, n: (q - j) % n <= l or (j - q) % n <= r,),  # noqa: E741
    ),
    Family(
        "pattern turned_ring_(l = 2, r = 1) { attend mirror(ring(l, r)) }",
        {"l": range(7), "r": range(7)},
        branches=lambda l, r: (lambda q, j, n: (j - q) % n <= l or (q - j) % n <= r,),  # noqa: E741
    ),
    Family(
        "causal pattern chunk_ends_(p = 4, c = 1) { require c <= p; attend chunk(p) | columns(p, p - c, c) }",
        {"p": range(1, 10), "c": range(1, 10)},
        branches=lambda p, c: (lambda q, j, n: j <= q and (q // p == j // p or (j - p + c) % p < c),),
        where=lambda p, c: c <= p,
    ),
    Family(
        "causal pattern window_and_ends_(k = 2, p = 4) { attend window(k) | columns(p, p - 1) }",
        {"k": range(9), "p": range(1, 10)},
        branches=lambda k, p: (lambda q, j, n: j <= q and (q - j <= k or j % p == p - 1),),
    ),
)


def program() -> Program:
    return driver.load_program(Source("families", "\n".join(f.text for f in FAMILIES)))


def subject(program: Program, family: Family, values: Mapping[str, int]) -> Subject:
    """The family's pattern with numbers for its parameters."""
    pattern = program.pattern(family.name)
    assert pattern is not None
    heads = heads_of(pattern, dict(values), None)
    assert heads is not None
    return Subject(heads.branches, Knowledge((), ()))


def crossed(family: Family, lags: frozenset[int], layers: int) -> dict[str, float]:
    """Reach, prefix and coverage of so many layers, by counting."""
    if not family.endless or not layers:
        found = brute.sums(lags, layers)
        return {"reach": brute.reach(found), "prefix": brute.prefix(found), "coverage": brute.coverage(found)}
    if min(lags) < 0:
        first = brute.prefix(brute.sums(lags, layers))
    else:
        first = brute.prefix_of_bits(brute.bits(lags, layers)[layers] & (2 << family.endless) - 1)
    return {"reach": INF, "prefix": INF if first >= family.endless - MARGIN else first, "coverage": INF}


def closed(subject: Subject, name: str, argument: int) -> float | tuple[float, float] | None:
    """The closed form's number, the numbers that enclose it, or None where no rule gives one."""
    subject = subject.at(Int(argument)) if name in ("depth", "edges") else subject
    for rule in RULES:
        measured = rule.measures.get(name)
        value = None if measured is None else measured(subject, Int(argument))
        if value is None or isinstance(value, Cases):
            continue
        if isinstance(value, Bounds):
            return number(value.lower), number(value.upper)
        return number(value)
    return None


def enclosed(subject: Subject, name: str, layers: int) -> tuple[float, float] | None:
    """The bounds that are tried where closed forms do not decide; None where there are none."""
    measured = BOUNDS[0].measures[name](subject, Int(layers))
    assert measured is None or isinstance(measured, Bounds)
    return None if measured is None else (number(measured.lower), number(measured.upper))


def number(value: object) -> float:
    if isinstance(value, Infinity):
        return INF
    assert isinstance(value, Int), value
    return value.value
