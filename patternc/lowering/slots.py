"""Slots of a cache for decoding: as few as ever hold live keys at once, each key in one slot for all its life."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from patternc.analysis.intset import INF, IntSet
from patternc.analysis.retention import Hold, NoCacheError, retention
from patternc.ir.instantiate import Instance

MAX_LENGTH = 2**24
"""The longest sequence that a cache is laid out for: its tokens are looked at one by one."""
MAX_WHY = 3
"""So many reasons stand in a line."""


@dataclass(frozen=True, eq=False)
class Slots:
    """Where a sequence of ``len(last)`` tokens keeps its keys."""

    holds: tuple[Hold, ...]
    last: Any
    """int64 (n,): the last query that may see each key; below the key itself where there is none."""
    slot: Any
    """int64 (n,): the slot of each key, -1 where no query from the key's own on may see it."""
    count: int
    """How many slots there are: the most keys that are alive at once."""

    @property
    def in_order(self) -> int:
        """How many of the first keys have the slot of their own position."""
        moved = np.flatnonzero(self.slot != np.arange(len(self.slot)))
        return int(moved[0]) if len(moved) else len(self.slot)


@lru_cache(maxsize=64)
def slots_of(holds: tuple[Hold, ...], n: int) -> Slots:
    """The fewest slots for a sequence of ``n`` tokens that may be decoded one by one.

    A key lives from its own position to the last query that may see it.  The i-th key that is born takes the slot of
    the (i - count)-th that died: a ring of l + 1 slots under ``window(l)``, and slots that are never reused for sinks.
    """
    last = last_queries(holds, n)
    born = np.flatnonzero(last >= np.arange(n))
    dies = last[born]
    count = most_alive(last)
    # Each key's predecessor in its slot; followed to the slot's first key, whose number is the slot.
    first = np.arange(len(born))
    first[count:] = np.argsort(dies, kind="stable")[: len(born) - count]
    while len(first) and first.max() >= count:
        first = first[first]
    slot = np.full(n, -1, dtype=np.int64)
    slot[born] = first
    return Slots(holds, last, slot, count)


def most_alive(last: Any) -> int:
    """How many keys are alive at once, at most, by the last queries that see them."""
    n = len(last)
    born = np.flatnonzero(last >= np.arange(n))
    ends = np.bincount(last[born] + 1, minlength=n + 1)
    return int(np.cumsum(np.bincount(born, minlength=n + 1) - ends).max(initial=0))


def last_queries(holds: tuple[Hold, ...], n: int) -> Any:
    """int64 (n,): the last of ``n`` queries that may see each key; -1 where none may."""
    k = np.arange(n)
    found = np.full(n, -1, dtype=np.int64)
    for hold in holds:
        last = np.full(n, n - 1, dtype=np.int64)
        if hold.lag != INF:
            last = np.minimum(last, k + min(int(hold.lag), n))
        if hold.query != INF:
            last = np.minimum(last, int(hold.query))
        for size, offset, distance in hold.chunks:
            # Within the sequence the chunks of queries are few, however large the numbers of a pattern.
            chunk = np.minimum((k + offset) // size + min(distance, n + 1), (n + offset) // size)
            last = np.minimum(last, (chunk + 1) * size - 1 - offset)
        found = np.maximum(found, np.where(members(hold.keys, n), last, -1))
    return found


def members(keys: IntSet, n: int) -> Any:
    """bool (n,): which of the positions from 0 on are in the set."""
    found = np.zeros(n, dtype=bool)
    for piece in keys.pieces:
        lo, hi = int(max(piece.lo, 0)), int(min(piece.hi, n - 1))
        if lo > hi:
            continue
        if piece.solid:
            found[lo : hi + 1] = True
            continue
        residue = np.arange(lo, hi + 1) % piece.period
        for a, b in piece.runs:
            found[lo : hi + 1] |= (residue >= a) & (residue <= b)
    return found


@dataclass(frozen=True)
class CacheReport:
    """What a cache for decoding holds of each query head, were it a key-value head of its own."""

    length: int
    heads: tuple[int, ...]
    """Keys held, head by head."""
    why: tuple[str, ...]
    refused: str | None = None

    @property
    def share(self) -> float:
        """Of the keys of all heads, the share that is held."""
        return sum(self.heads) / (self.length * len(self.heads)) if self.heads else 1.0

    def line(self) -> str:
        """One line for people."""
        if self.refused is not None:
            return f"Cache for decoding: none.  {self.refused[0].upper()}{self.refused[1:]}."
        least, most = min(self.heads), max(self.heads)
        count = f"{most:,}" if least == most else f"{least:,} to {most:,}"
        kept = "all" if least == self.length else count
        why = [*self.why[:MAX_WHY], "..."] if len(self.why) > MAX_WHY else self.why
        return f"Cache for decoding: {kept} of {self.length:,} keys a head ({'; '.join(why)})."


def cache_report(instance: Instance, length: int, heads: int) -> CacheReport:
    """What `PatternAttention.make_cache` would hold for sequences of up to ``length`` tokens."""
    if length > MAX_LENGTH:
        return CacheReport(length, (), (), f"a cache is laid out for up to {MAX_LENGTH:,} tokens")
    try:
        needed = retention(instance, length, heads, heads)
    except NoCacheError as problem:
        return CacheReport(length, (), (), str(problem))
    counts = [most_alive(last_queries(kind, length)) for kind in needed.kinds]
    words = dict.fromkeys(hold.words() for kind in needed.kinds for hold in kind)
    return CacheReport(length, tuple(counts[i] for i in needed.order), tuple(words) or ("no key",))
