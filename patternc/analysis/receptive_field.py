"""Reach, coverage and prefix: which lags information can cross in so many layers, on the unbounded line.

The lags that L layers cross are the sum of the layers' lag sets.  Three ways to the sum, all exact: closed forms for a
window with hops of one period, integers as bit sets where the reach is moderate, and the normal form of `lagset` where
numbers are large or endless.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from patternc.analysis import bits, filling, scales
from patternc.analysis.apart import Apart, first_gap, one_by_one, whole_sum
from patternc.analysis.dense import filled_by
from patternc.analysis.endless import endless_sum
from patternc.analysis.intset import INF, Bound, IntSet, TooLarge, interval
from patternc.analysis.lagset import Term, sum_of, terms_of
from patternc.analysis.nearby import Members
from patternc.analysis.pieces import first_of
from patternc.analysis.residues import crosses_all_from
from patternc.analysis.semantics import Model
from patternc.analysis.shapes import LagIn
from patternc.analysis.skip_family import Skips, skips_of

Groups: TypeAlias = "Sequence[tuple[IntSet | Apart, int]]"
"""Lag sets, each with the number of layers that have it; 0 is in each."""
Parts: TypeAlias = "Sequence[tuple[IntSet, int]]"

Sum: TypeAlias = "IntSet | int | Members"

BIT_LIMIT = 1 << 22
"""Sums within this span are computed as bit sets at once."""
MAX_BITS = 1 << 27
MAX_SHIFTED = 1 << 38
"""A sum for which more bits than this would be moved is refused."""
LITTLE_MOVED = 1 << 36
"""So many bits are moved at most, where there are other ways to try."""
MUCH_MOVED = 1 << 40
"""So many at last: a minute's work."""
MAX_STEPS = 4096
FIRST_BOUND = 1 << 16
"""A missing lag is first looked for up to this one."""
FAR_BELOW = 1 << 25
"""Negative lags are counted from their least, where that is no further below 0."""
MAX_START = 1 << 25
"""All lags up to this one are looked at, where those that follow are known to be crossed."""
FAR_BOUNDS = (FIRST_BOUND, 1 << 22)
FEW_TERMS = 4096
"""So many pairs of terms are tried before bit sets, where the span is large."""
VERY_FEW_TERMS = 256
"""So many before sums at two scales."""
MANY_INTERVALS = 1 << 18
"""So many where more than half of the lags are members, so that sums soon fill up."""
MANY_TERMS = 1 << 13
"""So many at last."""


@dataclass(frozen=True)
class Field:
    """What so many layers see, by lag."""

    groups: Groups
    known: filling.Known = field(default_factory=dict)
    """Terms of the lag sets, as the pattern is written."""

    @cached_property
    def reach(self) -> Bound:
        """The largest lag that can be crossed."""
        return sum(lags.greatest * count for lags, count in self.groups if count)

    @cached_property
    def coverage(self) -> Bound:
        """How many lags from 0 up can be crossed."""
        if self.reach == INF:
            return INF
        if (skips := self._skips) is not None and not skips.both:
            return skips.coverage(self.groups[0][1])
        found = self._sum
        if isinstance(found, Members):
            return found.count
        return found.count(0, INF) if isinstance(found, IntSet) else found.bit_count()

    @cached_property
    def prefix(self) -> Bound:
        """The largest lag up to which none is missing."""
        if (skips := self._skips) is not None:
            return skips.prefix(self.groups[0][1])
        if (found := self._nearest_missing()) is not None:
            return found - 1
        if self.reach == INF:
            return self._endless_prefix()
        held = self._by_relations
        if held is None:
            if (found := self._gap_within(FAR_BOUNDS)) is not None:
                return found - 1
            held = self._sum
        if isinstance(held, Members):
            return self.reach if held.gap is None else held.gap - 1
        if isinstance(held, IntSet):
            gap = (interval(0, None) - held).at_least(0)
            return INF if gap is None else gap - 1
        return bits.first_missing(held) - 1

    def members_up_to(self, last: int) -> int:
        """The lags up to ``last`` that can be crossed, as a bit set.  Raises `TooLarge`."""
        if all(lags.least >= 0 for lags, _ in self.groups):
            if last > MAX_BITS:
                raise TooLarge(f"the lags up to {last}, one by one")
            total, mask = 1, bits.ones(last + 1)
            for lags, count in self.groups:
                total = add_layers(total, lags, count, mask, self.known.get(lags))
            return total
        if self.reach == INF:
            if any(isinstance(lags, Apart) for lags, _ in self.groups):
                raise TooLarge("lags of several long periods at once")
            return endless_sum([(d, c) for d, c in self.groups if isinstance(d, IntSet)]).cut(0, last)
        held = self._sum
        if isinstance(held, Members):
            held = _bit_sum(self._clipped(int(self.reach)), LITTLE_MOVED, self.known)
        return bits.from_set(held, 0, last) if isinstance(held, IntSet) else held & bits.ones(last + 1)

    @property
    def terms(self) -> list[tuple[Sequence[Term], int]]:
        """The groups, their lags as terms.  Raises `TooLarge`."""
        groups: list[tuple[Sequence[Term], int]] = []
        for lags, count in self.groups:
            terms = terms_of(lags) if isinstance(lags, IntSet) else lags.terms
            if terms is None:
                raise TooLarge("lags of several long periods at once")
            groups.append((terms, count))
        return groups

    @property
    def closed_form(self) -> bool:
        """Whether the prefix is a formula."""
        return self._skips is not None

    def neighbours(self, lag: int) -> tuple[int, int | None] | None:
        """The nearest lags below and above a missing one, where a formula says."""
        return None if self._skips is None else self._skips.neighbours(lag, self.groups[0][1])

    @cached_property
    def _skips(self) -> Skips | None:
        lags = self.groups[0][0] if len(self.groups) == 1 and self.groups[0][1] >= 1 else None
        try:
            return skips_of(lags) if isinstance(lags, IntSet) else None
        except TooLarge:
            return None

    @cached_property
    def _sum(self) -> Sum:
        """The lags from 0 up where there is a greatest one, as a bit set where the span allows it.

        Of others it is known how many they are and which is the first that is missing.
        """
        if any(isinstance(d, Apart) for d, _ in self.groups):
            if (found := self._by_relations) is not None:
                return found
            return first_of(
                lambda: self._at_scales(int(self.reach)),
                lambda: whole_sum(self.groups),
                lambda: self._by_ends(MUCH_MOVED),
            )
        parts = self._clipped(int(self.reach))
        span = sum(int(d.greatest - d.least) * c for d, c in parts)
        if span <= BIT_LIMIT:
            return _bit_sum(parts, known=self.known)
        if span <= MAX_BITS:
            return first_of(
                lambda: self._by_ends(LITTLE_MOVED),
                lambda: _set_sum(parts, FEW_TERMS),
                lambda: self._by_ends(MUCH_MOVED),
            )
        if all(2 * d.count(-INF, INF) > d.greatest - d.least for d, _ in parts):
            parts, budget = [(one_by_one(d), c) for d, c in parts], MANY_INTERVALS
        else:
            budget = VERY_FEW_TERMS
        if (found := self._by_relations) is not None:
            return found
        try:
            if span <= filling.MAX_HELD:
                return first_of(
                    lambda: self._by_ends(LITTLE_MOVED),
                    lambda: self._at_scales(int(self.reach)),
                    lambda: self._by_ends(MUCH_MOVED),
                    lambda: _set_sum(parts, max(budget, MANY_TERMS)),
                )
            return first_of(
                lambda: _set_sum(parts, budget),
                lambda: self._at_scales(int(self.reach)),
                lambda: _set_sum(parts, MANY_TERMS),
            )
        except TooLarge:
            raise TooLarge("sums of long periods, too many of which lie near one another") from None

    @cached_property
    def _by_relations(self) -> Members | None:
        """The whole of a large sum, where its long periods have few relations."""
        if self.reach <= MAX_BITS:
            return None
        try:
            return scales.by_relations(self.terms, int(self.reach))
        except TooLarge:
            return None

    def _at_scales(self, top: int) -> Members:
        """What is said of the lags within ``[0, top]`` by points and what lies about them.  Raises `TooLarge`."""
        return scales.members(self.terms, top)

    def _by_ends(self, limit: int) -> Members:
        """By what is missing near either end, where no more bits are moved for it.  Raises `TooLarge`."""
        reach = int(self.reach)
        parts = self._clipped(reach)
        below = -sum(int(lags.least) * count for lags, count in parts)
        groups = [lags for lags, count in self.groups if count]
        whole = [
            (cut, lags) for (cut, _), lags in zip(parts, groups, strict=True) if lags.greatest - lags.least <= reach
        ]
        known = {cut: self.known[lags] for cut, lags in whole if lags in self.known}
        found, unit = filling.divided_sum(parts, limit, known)
        gap = found.first_missing(below) - below if unit == 1 else 1
        return Members(found.count(below // unit), gap if gap <= reach else None)

    def _gap_within(self, bounds: Sequence[int]) -> int | None:
        """The least missing lag, where it lies within some of the bounds."""
        for bound in bounds:
            if bound < self.reach:
                try:
                    if (gap := self._at_scales(bound).gap) is not None:
                        return gap
                except TooLarge:
                    continue
        return None

    def _clipped(self, reach: int) -> Parts:
        """Lags so negative that the other layers cannot make up for them are left out."""
        return [(d & interval(int(d.greatest) - reach, int(d.greatest)), c) for d, c in self.groups if c]

    def _nearest_missing(self) -> int | None:
        """The least missing lag, where it lies near 0 and far below the reach: the rest need not be computed then."""
        bound = FIRST_BOUND
        while bound < min(self.reach // 4, BIT_LIMIT):
            if (found := self.first_missing(bound)) is not None:
                return found
            bound *= 16
        return None

    def _endless_prefix(self) -> Bound:
        whole = [(lags, count) for lags, count in self.groups if isinstance(lags, IntSet)]
        if len(whole) < len(self.groups):
            return self._prefix_of_parts()
        start = crosses_all_from(whole)
        if start == 0:
            return INF
        try:
            return endless_sum(whole).first_gap() - 1
        except TooLarge:
            pass
        if self.filled:
            return INF
        if (found := self._gap_within(FAR_BOUNDS)) is not None:
            return found - 1
        if (found := self._full_from(start)) is not None:
            return found
        try:
            gap = (interval(0, None) - _set_sum(whole, MANY_TERMS)).at_least(0)
        except TooLarge:
            return first_gap(whole) - 1
        return INF if gap is None else gap - 1

    def _prefix_of_parts(self) -> Bound:
        """Where the lags of a layer are kept apart."""
        for bound in FAR_BOUNDS:
            if sum(count for _, count in self.groups) == 1:
                gap = (interval(0, bound) - (self.groups[0][0] & interval(0, bound))).at_least(0)
            else:
                gap = self.first_missing(bound)
            if gap is not None:
                return gap - 1
        if self.filled:
            return INF
        if (found := self._gap_within(FAR_BOUNDS)) is not None:
            return found - 1
        layers = [lags for lags, count in self.groups for _ in range(min(count, 2))]
        if len(layers) == 1 and isinstance(one := layers[0], Apart):
            return first_of(lambda: one.first_missing, lambda: first_gap(self.groups)) - 1
        return first_gap(self.groups) - 1

    @cached_property
    def filled(self) -> bool:
        """Whether the other layers cross all lags of an interval [-a, b], and a + b + 1 lags of one hold a member.

        Then every lag x from b up is crossed: one of the lags x - b to x + a is a member, and those below b are.
        """
        near = interval(-FIRST_BOUND, FIRST_BOUND)
        try:
            runs = [next(p for p in _runs_of(lags & near) if p[0] <= 0 <= p[1]) for lags, _ in self.groups]
        except TooLarge:
            return False
        whole = sum((hi - lo) * count for (lo, hi), (_, count) in zip(runs, self.groups, strict=True))
        shapes = [lags.shape if isinstance(lags, Apart) else LagIn(lags) for lags, _ in self.groups]
        return any(filled_by(s, whole - hi + lo + 1) for s, (lo, hi) in zip(shapes, runs, strict=True))

    def first_missing(self, bound: int) -> int | None:
        """The least missing lag, if it is at most ``bound`` and cutting there is exact: where no lag is negative, or
        the least ones are known and not far below.
        """
        if any(d.least < 0 for d, _ in self.groups):
            held = self._from_least(bound)
            return None if held is None or held == bits.ones(bound + 1) else bits.first_missing(held)
        total, mask = 1, bits.ones(bound + 1)
        for lags, count in self.groups:
            total = add_layers(total, lags, count, mask, self.known.get(lags))
            if total == mask:
                return None
        return bits.first_missing(total) if total != mask else None

    def _from_least(self, bound: int) -> int | None:
        """The lags up to ``bound`` as bits: none is negative where those of each layer are counted from its least."""
        below = -sum(lags.least * count for lags, count in self.groups)
        if below > FAR_BELOW:
            return None
        total, mask = 1, bits.ones(bound + int(below) + 1)
        try:
            for lags, count in self.groups:
                if not isinstance(lags, IntSet):
                    return None
                total = add_layers(total, lags.shifted(-int(lags.least)), count, mask)
        except TooLarge:
            return None
        return total >> int(below)

    def _full_from(self, start: Bound) -> Bound | None:
        """The prefix, where all lags from ``start`` on are crossed; None where that is too far to look at others."""
        if start > MAX_START or (held := self._from_least(max(int(start) - 1, 0))) is None:
            return None
        gap = bits.first_missing(held)
        return gap - 1 if gap < start else INF


def _runs_of(lags: IntSet) -> list[tuple[int, int]]:
    return lags.intervals(int(lags.least), int(lags.greatest))


def field_of(model: Model, layers: int) -> Field:
    """What the first ``layers`` layers see.  Raises `NotByLag` or `TooLarge`."""
    merged: dict[IntSet | Apart, int] = {}
    for layer, count in model.groups(layers):
        merged[layer.crossed] = merged.get(layer.crossed, 0) + count
    known: dict[IntSet | Apart, Sequence[Term]] = {}
    for layer, _ in model.groups(layers):
        if layer.terms is not None:
            known[layer.crossed] = layer.terms
    return Field(list(merged.items()), known)


def add_layers(total: int, lags: IntSet | Apart, count: int, mask: int, known: Sequence[Term] | None = None) -> int:
    """``total`` plus ``count`` times ``lags``, which are not negative, cut to ``mask`` (a set ``{0, ..., N}``).

    Their terms may be known.

    As soon as one more layer adds what a shift by the greatest lag adds, so does every later one:
    if T + D = T | (T + m), then T + 2 D = (T + D) | (T + D + m).
    """
    last = mask.bit_length() - 1
    held = lags & interval(0, last)
    terms, top = terms_of(held) if known is None else list(known), int(held.greatest)
    work = sum(_shifts(t.width, t.hops) for t in terms)
    for step in range(count):
        if step * work * (last + 1) > MAX_SHIFTED:
            raise TooLarge("a sum of too many layers")
        following = bits.plus(total, terms, mask)
        if following == (total | total << top) & mask:
            left = count - step
            if top:
                left = min(left, last // top + 1)
            return bits.repeated(total, top, left + 1) & mask
        total = following
    return total


def _shifts(width: Bound, hops: Bound) -> int:
    return sum(2 * int(x + 1).bit_length() for x in (width, min(hops, MAX_BITS)))


def _bit_sum(parts: Parts, limit: int | None = None, known: filling.Known | None = None) -> int:
    """The sum of finite sets, those of its members that are not negative."""
    span = sum(int(d.greatest - d.least) * c for d, c in parts)
    if span > MAX_BITS:
        raise TooLarge(f"a receptive field of more than {MAX_BITS} lags without a closed form")
    return filling.added_up(parts, limit, known).members() >> -sum(int(lags.least) * count for lags, count in parts)


def _set_sum(parts: Parts, budget: Bound = INF) -> IntSet:
    """The sum by its terms; with a budget, `TooLarge` once more pairs of runs than that were added."""
    total = interval(0, 0)
    for lags, count in parts:
        for step in range(count):
            if step > MAX_STEPS:
                raise TooLarge(f"a receptive field of more than {MAX_STEPS} layers without a closed form")
            budget -= total.runs * lags.runs
            if budget < 0:
                raise TooLarge("a sum of too many terms")
            following = sum_of(total, lags)
            if following.equals(total):
                break
            total = following
            if interval(0, None).within(total):
                return total
    return total
