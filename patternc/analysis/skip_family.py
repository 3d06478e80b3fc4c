"""Closed forms for the commonest lag set, a window and hops of one period: ``[0, k] | {p, 2p, ..., M p}``.

It is the lag set of arXiv 2511.10696, whose bound ``k L + p ceil(log2 L)`` these forms contradict for p > k.

Here L layers reach ``union over j <= L of {m p : m <= j M} + [0, k (L - j)]``, by induction over L with the sum of
terms of equal period (`lagset.add`).  Everything below follows by counting.  With c = ceil((p - 1) / k), the stretches
of k that fill a period, the holes at the near end close from layer c on; those at the far end never do.
"""

from __future__ import annotations

from dataclasses import dataclass

from patternc.analysis.intset import INF, Bound, IntSet, interval
from patternc.analysis.lagset import Term, terms_of


@dataclass(frozen=True)
class Skips:
    """``window`` k, ``period`` p > k, ``hops`` M >= 1 (`INF`: no end); a mere window has M = 0."""

    window: int
    period: int = 1
    hops: Bound = 0
    both: bool = False
    """Whether the set holds the negated lags too."""

    @property
    def stretches(self) -> Bound:
        """c: how many windows fill a period."""
        return INF if self.window == 0 else -((1 - self.period) // self.window)

    def reach(self, layers: int) -> Bound:
        """The largest lag that so many layers reach."""
        return layers * max(self.window, self.period * self.hops) if layers and self.hops else layers * self.window

    def prefix(self, layers: int) -> Bound:
        """The largest lag up to which none is missing after ``layers`` layers, at least one."""
        k, p, m = self.window, self.period, self.hops
        if m == 0:
            return k * layers
        if k >= p:
            first = k + ((k + 1) % p == 0)
            if m * p <= k:
                return k * layers
            return first if layers == 1 else (layers - 1) * m * p + first
        if self.both:
            return self._prefix_of_both(layers)
        c = self.stretches
        if layers < c:
            return k * layers
        between = 0 if layers == c else m * (layers - int(c))
        return (between + 1) * p + k * (int(c) - 1) if between != INF else INF

    def _prefix_of_both(self, layers: int) -> Bound:
        k, p, m, c = self.window, self.period, self.hops, self.stretches
        if m == 1:
            half = c // 2 if c != INF else INF
            return k * layers if layers <= half else (layers - int(half)) * p + k * int(half)
        if c > 2 * layers - 1:
            return k * layers
        if c % 2 == 0:
            skips = layers - int(c) // 2
            return (m * skips * p if skips else 0) + k * int(c) // 2
        t = (int(c) - 1) // 2
        skips = layers - t - 1
        return ((m * skips if skips else 0) + 1) * p + k * t

    def depth(self, last: int, limit: Bound = INF) -> Bound:
        """The fewest layers after which no lag up to ``last`` is missing; `INF` where none is enough."""
        if last <= 0:
            return 0
        low, high = 1, 1
        while self.prefix(high) < last:
            if high >= limit or (self.window == 0 and self.period > 1) or high > last:
                return INF
            low, high = high + 1, high * 2
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self.prefix(middle) >= last else (middle + 1, high)
        return low

    def path(self, lag: int, layers: int) -> tuple[int, ...] | None:
        """Hops, one a layer, that cross ``lag``: the longest ones first; None where there are none (one way only)."""
        if self.both or not 0 <= lag <= self.reach(layers):
            return None
        k, p = self.window, self.period
        most = lag // p if self.hops * p > k else 0
        per_layer = max(int(min(self.hops, most)), 1)
        for used in range(min(-(-most // per_layer), layers), -1, -1):
            skips = min(most, per_layer * used)
            rest = lag - skips * p
            if rest > k * (layers - used):
                continue
            whole, left = divmod(skips, per_layer)
            steps, last = divmod(rest, k) if k else (0, 0)
            hops = [*[per_layer * p] * whole, *([left * p] if left else []), *[k] * steps, *([last] if last else [])]
            return (*hops, *[0] * (layers - len(hops)))
        return None

    def neighbours(self, lag: int, layers: int) -> tuple[int, int | None] | None:
        """The nearest lags below and above a missing one, where that is plain."""
        if self.both or self.window >= self.period or not self.hops:
            return None
        skips = int(min(lag // self.period, self.hops * layers))
        used = -(-skips // self.hops) if self.hops != INF else min(skips, 1)
        above = (skips + 1) * self.period if skips < self.hops * layers else None
        return skips * self.period + self.window * (layers - int(used)), above

    def coverage(self, layers: int) -> Bound:
        """How many lags from 0 up are reached after ``layers`` layers, at least one; not for both directions."""
        k, p, m = self.window, self.period, self.hops
        reach = self.reach(layers)
        if m == 0 or m * p <= k:
            return k * layers + 1
        if m == INF or not isinstance(reach, int):
            return INF
        m = int(m)
        if k >= p:
            return reach + 1 - (m * p - k - m + k // p)
        t = int(min(layers - 1, self.stretches - 1))
        holes = (m - 1) * (p - 1) + m * (t * (p - 1) - k * t * (t + 1) // 2) + max(p - 1 - k * layers, 0)
        return reach + 1 - holes


def skips_of(lags: IntSet) -> Skips | None:
    """``lags`` as a window with hops, where they are that."""
    if lags.least < 0:
        up = lags & _NOT_NEGATIVE
        if not up.reflected().equals(lags & _NOT_POSITIVE):
            return None
        found = skips_of(up)
        usable = found is not None and (found.window < found.period or found.hops == 0)
        return Skips(found.window, found.period, found.hops, True) if found is not None and usable else None
    terms = terms_of(lags)
    window = next((t for t in terms if t.start == 0 and (t.hops == 0 or t.period == 1)), Term(0))
    others = [t for t in terms if t != window]
    if window.hops == INF or len(others) > 1:
        return None
    if not others:
        return Skips(window.width)
    skip = others[0]
    p, k = skip.period, window.width
    if skip.hops == 0 and skip.width == 0 and skip.start > 0:
        return Skips(k, skip.start, 1)
    if skip.width != 0 or p <= 0 or skip.start % p or skip.start > (k // p + 1) * p:
        return None
    return Skips(k, p, skip.start // p + skip.hops)


_NOT_NEGATIVE = interval(0, None)
_NOT_POSITIVE = interval(None, 0)
