"""The search for counterexamples: layers first, then length, then parameters, the smallest numbers first.

It can refute and nothing else: that no counterexample was found is no proof.  The one exception is a claim whose free
variables have finitely many values, all of which were tried (`exhaust`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from patternc.analysis.decisions import Undecided
from patternc.analysis.intset import TooLarge
from patternc.analysis.numeric import Finding
from patternc.analysis.question import LAYERS, TOKENS, Question
from patternc.analysis.semantics import NotByLag
from patternc.ir.expr import ExprError
from patternc.ir.instantiate import InstantiationError
from patternc.ir.program import Causal, Equal, NonEmpty, Subset

STAGES = ((2, 6, 5), (3, 8, 8), (6, 16, 12), (12, 32, 20), (32, 64, 32), (64, 256, 64), (256, 1024, 256))
"""Boxes that are searched in turn: the largest L, the largest n, the largest sum of the parameters' offsets."""
MORE = 0.1
"""The share of the budget that is spent on smaller ones once a counterexample is known."""
FIRST = 0.05
"""The share of the budget for a first look, before anything else is tried."""
MAX_EXHAUSTED = 4096
PairClaim = Causal | NonEmpty | Equal | Subset
"""Claims about single pairs: at every length, which is no variable of theirs."""
UNDECIDED = (Undecided, TooLarge, NotByLag, ExprError)

Chosen = Mapping[str, int]


@dataclass(frozen=True)
class Counterexample:
    """Values of the free variables for which the claim fails, and what was found there."""

    chosen: dict[str, int]
    finding: Finding


@dataclass
class Search:
    """The search for the smallest counterexample, within a budget of seconds."""

    question: Question
    budget: float
    tried: dict[tuple[int, ...], Finding | None] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    def look(self) -> Counterexample | None:
        """A counterexample among very small numbers, if there is one and it is found in a moment."""
        near = self._stages(STAGES[:2], None, time.monotonic() + FIRST * self.budget)
        return near and self._stages(STAGES, near, time.monotonic() + MORE * self.budget)

    def run(self, hint: Chosen | None = None) -> Counterexample | None:
        """The smallest counterexample that is found in time; a ``hint`` is one that somebody knows already."""
        known = None if hint is None else self._minimised(hint)
        deadline = time.monotonic() + self.budget * (1 if known is None else MORE)
        best = self._stages(STAGES, known, deadline)
        return best if best is not None else self._elsewhere(time.monotonic() + self.budget / 2)

    def _stages(
        self, stages: Sequence[tuple[int, int, int]], best: Counterexample | None, deadline: float
    ) -> Counterexample | None:
        for stage in stages:
            for chosen in self._box(stage, best):
                if time.monotonic() > deadline:
                    return best
                if (found := self._fails(chosen)) is not None and (best is None or self._key(found) < self._key(best)):
                    if best is None:
                        deadline = min(deadline, time.monotonic() + self.budget * MORE)
                    best = found
                    if self._ordered:
                        break
        return best

    @property
    def _ordered(self) -> bool:
        """Whether the first counterexample of a box is its smallest: not where the length is not a variable."""
        return TOKENS in self.question.free or not isinstance(self.question.item.claim, PairClaim)

    def _size(self, found: Counterexample) -> int:
        """The sum of the parameters' offsets."""
        ranges = self.question.ranges
        return sum(ranges[p].offset(found.chosen[p]) for p in self.question.parameters)

    def _key(self, found: Counterexample) -> tuple[int, ...]:
        """By layers, then length, then the sum of the parameters' offsets, then these one by one."""
        ranges = self.question.ranges
        offsets = [ranges[p].offset(found.chosen[p]) for p in self.question.parameters]
        length = found.chosen.get(TOKENS, found.finding.n or 0)
        return (found.chosen.get(LAYERS, 0), length, self._size(found), *offsets)

    def _box(self, stage: tuple[int, int, int], best: Counterexample | None) -> Iterator[dict[str, int]]:
        """The choices of a box in order; with a counterexample at hand only those that may be smaller."""
        question = self.question
        layers, tokens, total = stage
        ranges = question.ranges
        heads = [name for name in (LAYERS, TOKENS) if name in question.free]
        tops = {LAYERS: layers, TOKENS: tokens}
        spans = [range(0, _limit(ranges[name].size, tops[name])) for name in heads]
        for offsets in product(*spans):
            chosen = {name: ranges[name].number(o) for name, o in zip(heads, offsets, strict=True)}
            known = None if best is None else tuple(best.chosen[h] for h in heads)
            if known is not None and tuple(chosen.values()) > known:
                return
            least = best is not None and self._ordered and tuple(chosen.values()) == known
            for vector in self._vectors(min(total, self._size(best)) if best is not None and least else total):
                yield {**chosen, **vector}

    def _vectors(self, total: int) -> Iterator[dict[str, int]]:
        names = self.question.parameters
        ranges = [self.question.ranges[name] for name in names]
        for size in range(total + 1 if names else 1):
            for offsets in _compositions(size, len(names)):
                if all(r.size is None or o < r.size for o, r in zip(offsets, ranges, strict=True)):
                    yield {name: r.number(o) for name, o, r in zip(names, offsets, ranges, strict=True)}

    def _fails(self, chosen: Chosen) -> Counterexample | None:
        """The choice as a counterexample, if it is one."""
        key = tuple(chosen[name] for name in self.question.free)
        if key not in self.tried:
            self.tried[key] = self._finding(chosen)
        finding = self.tried[key]
        return None if finding is None else Counterexample(dict(chosen), finding)

    def _finding(self, chosen: Chosen) -> Finding | None:
        try:
            values = self.question.values(chosen)
            if not self.question.admits(values):
                return None
            finding = self.question.point(chosen).finding()
        except (InstantiationError, KeyError, *UNDECIDED):
            return None
        return None if finding.holds else finding

    def _elsewhere(self, deadline: float) -> Counterexample | None:
        """Far from the origin: powers of two, the numbers of the claim, and their neighbours."""
        question = self.question
        special = {2**i for i in range(1, 21)} | {abs(c) for c in question.constants()}
        near = sorted({x + e for x in special for e in (-1, 0, 1)} | {0, 1, 2, 3})
        choices: list[list[int]] = []
        for name in question.free:
            r = question.ranges[name]
            fits = [x for x in near if (r.low is None or x >= r.low) and (r.high is None or x <= r.high)]
            lows = [] if r.low is None else [r.low, r.low + 1]
            choices.append(list(dict.fromkeys([*lows, *fits])) or [r.number(0)])
        for chosen in _diagonal(choices):
            if time.monotonic() > deadline:
                return None
            found = self._fails(dict(zip(question.free, chosen, strict=True)))
            if found is not None:
                return self._minimised(found.chosen)
        return None

    def _minimised(self, chosen: Chosen) -> Counterexample | None:
        """A counterexample made smaller, one variable after the other."""
        best = self._fails(chosen)
        changed = best is not None
        while best is not None and changed and time.monotonic() < self.started + 4 * self.budget:
            changed = False
            for name in self.question.free:
                smaller = self._smaller(best, name)
                if smaller is not None:
                    best, changed = smaller, True
        return best

    def _smaller(self, known: Counterexample, name: str) -> Counterexample | None:
        """With ``name`` at the least value that still fails, as far as halving and a few small values find it."""
        r = self.question.ranges[name]
        top = r.offset(known.chosen[name])
        found: Counterexample | None = None
        for offset in range(min(top, 8)):
            if (small := self._fails({**known.chosen, name: r.number(offset)})) is not None:
                return small
        low, high = 8, top
        while low < high:
            middle = (low + high) // 2
            small = self._fails({**known.chosen, name: r.number(middle)})
            if small is not None:
                found, high = small, middle
            else:
                low = middle + 1
        return found


def _limit(size: int | None, top: int) -> int:
    return top if size is None else min(size, top)


def _compositions(total: int, parts: int) -> Iterator[tuple[int, ...]]:
    """All tuples of that many numbers >= 0 with that sum, in lexicographic order."""
    if parts <= 1:
        if parts or not total:
            yield (total,) * parts
        return
    for first in range(total + 1):
        for rest in _compositions(total - first, parts - 1):
            yield (first, *rest)


def _diagonal(choices: list[list[int]]) -> Iterator[tuple[int, ...]]:
    """All combinations, those with small indices first."""
    if not choices:
        return
    for total in range(sum(len(c) - 1 for c in choices) + 1):
        for indices in _compositions(total, len(choices)):
            if all(i < len(c) for i, c in zip(indices, choices, strict=True)):
                yield tuple(c[i] for i, c in zip(indices, choices, strict=True))


def exhaust(question: Question) -> Iterator[tuple[dict[str, int], Finding]] | None:
    """Every choice with its finding, in the search's order; None where they are not finitely (and few) many.

    The iterator raises one of `UNDECIDED` at a choice that could not be decided.
    """
    sizes = [question.ranges[name].size for name in question.free]
    total = 1
    for size in sizes:
        if size is None:
            return None
        total *= size
    return _each(question) if total <= MAX_EXHAUSTED else None


def _each(question: Question) -> Iterator[tuple[dict[str, int], Finding]]:
    names = question.free
    spans = [range(question.ranges[name].size or 0) for name in names]
    for offsets in product(*spans):
        chosen = {name: question.ranges[name].number(o) for name, o in zip(names, offsets, strict=True)}
        values = question.values(chosen)
        if not question.admits(values):
            continue
        try:
            finding = question.point(chosen).finding()
        except InstantiationError:
            continue
        yield chosen, finding
