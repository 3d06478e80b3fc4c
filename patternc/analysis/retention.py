"""Which keys a later token can still see: what a cache for decoding must hold.

A key is dead once no query from the current one on can see it.  The last query that may see key k follows from the
shape of the relation: k + 64 under ``window(64)``, the end of its chunk under ``chunk``, none under a sink.  A `Hold`
says so for one conjunction of constraints, and a union of relations holds what any of its parts holds.  Where a
condition is beyond what is understood here its keys are held for ever: the bound may be loose, it is never short.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from patternc.analysis.intset import ALL, INF, Bound, IntSet, TooLarge, interval
from patternc.analysis.semantics import plainly_causal
from patternc.analysis.shapes import Both, ChunkIn, Either, KeyIn, LagIn, QueryIn, Shape, depends_on_n, shape_of
from patternc.ir.instantiate import Instance
from patternc.ir.relation import union

MAX_HOLDS = 64
"""An intersection that multiplies out to more holds than this keeps the bounds of its first parts only."""


class NoCacheError(ValueError):
    """A pattern that cannot be decoded from a cache."""


@dataclass(frozen=True)
class Hold:
    """Keys that are held together, and bounds on the queries that may see key k."""

    keys: IntSet = ALL
    lag: Bound = INF
    """``q - k <= lag``"""
    query: Bound = INF
    """``q <= query``"""
    chunks: tuple[tuple[int, int, int], ...] = ()
    """``(q + offset) // size - (k + offset) // size <= distance``, as (size, offset, distance)."""

    @property
    def endless(self) -> bool:
        """Whether its keys are never dropped."""
        return self.lag == INF and self.query == INF and not self.chunks

    @property
    def reach(self) -> Bound:
        """A bound on the lag across which a key is seen."""
        return min(self.lag, self.query, *((distance + 1) * size - 1 for size, _, distance in self.chunks))

    def meet(self, other: Hold) -> Hold:
        """The keys and bounds of both; where the keys of both are too many to write down, those of one."""
        try:
            keys = self.keys & other.keys
        except TooLarge:
            keys = self.keys
        chunks = dict.fromkeys((*self.chunks, *other.chunks))
        return Hold(keys, min(self.lag, other.lag), min(self.query, other.query), tuple(chunks))

    def within(self, other: Hold) -> bool:
        """Whether ``other`` plainly holds every key at least as long."""
        if self.lag > other.lag or self.query > other.query or not set(other.chunks) <= set(self.chunks):
            return False
        try:
            return (self.keys & _POSITIONS).within(other.keys)
        except TooLarge:
            return False

    def words(self) -> str:
        """In words: ``every key, up to 64 tokens back``."""
        bounds = [f"up to {self.lag} tokens back"] if self.lag != INF else []
        bounds += [f"until token {self.query}"] if self.query != INF else []
        for size, _, distance in self.chunks:
            bounds.append(f"up to {distance} chunks of {size} back" if distance else f"within its chunk of {size}")
        return f"{_key_words(self.keys)}, {' and '.join(bounds) or 'to the end'}"


_POSITIONS = interval(0, None)


def _key_words(keys: IntSet) -> str:
    if _POSITIONS.within(keys):
        return "every key"
    first, *others = (keys & _POSITIONS).pieces
    (lo, hi), *more = first.runs
    if others or more:
        return "some keys"
    if first.lo == first.hi:
        return f"key {first.lo}"
    if first.solid:
        return f"keys from {first.lo} on" if first.hi == INF else f"keys {first.lo} to {first.hi}"
    residues = str(lo) if lo == hi else f"{lo} to {hi}"
    return f"keys that are {residues} mod {first.period}"


def holds(shape: Shape, n: int) -> tuple[Hold, ...]:
    """What a relation holds in sequences of up to ``n`` tokens.

    After query t, a key that no hold reaches past t is seen by no later query.
    """
    match shape:
        case LagIn(lags):
            return _bounded(lags, n, lambda bound: Hold(lag=bound))
        case KeyIn(keys):
            return (Hold(keys=keys),)
        case QueryIn(queries):
            return _bounded(queries, n, lambda bound: Hold(query=bound))
        case ChunkIn(size, offset, distances):
            return _bounded(distances, n, lambda bound: Hold(chunks=((size, offset, int(bound)),)))
        case Either(parts):
            return _longest(hold for part in parts for hold in holds(part, n))
        case Both(parts):
            found: tuple[Hold, ...] = (Hold(),)
            for several in sorted((holds(part, n) for part in parts), key=len):
                if len(found) * len(several) > MAX_HOLDS:
                    continue
                met = (a.meet(b) for a in found for b in several)
                found = _longest(h for h in met if not (h.keys & interval(0, n - 1)).empty)
            return found
        case _:
            return (Hold(),)


def _bounded(members: IntSet, n: int, hold: Callable[[Bound], Hold]) -> tuple[Hold, ...]:
    """The hold by the greatest number below ``n``: none where it is negative, an endless one where it is the last."""
    most = members.at_most(n - 1)
    if most is None or most < 0:
        return ()
    return (hold(most) if most < n - 1 else Hold(),)


def _longest(found: Iterable[Hold]) -> tuple[Hold, ...]:
    """Without the holds that others contain."""
    distinct = tuple(dict.fromkeys(found))
    if len(distinct) > MAX_HOLDS:
        return (Hold(),)
    return tuple(
        hold
        for i, hold in enumerate(distinct)
        if not any(
            hold.within(other) and not (j > i and other.within(hold)) for j, other in enumerate(distinct) if i != j
        )
    )


@dataclass(frozen=True)
class Retention:
    """What each key-value head must hold; equal heads are one entry of ``kinds``."""

    kinds: tuple[tuple[Hold, ...], ...]
    order: tuple[int, ...]
    """For each key-value head its kind."""


def retention(instance: Instance, n: int, heads: int, kv_heads: int) -> Retention:
    """What a cache of up to ``n`` tokens for ``heads`` query heads that share ``kv_heads`` key-value heads must hold.

    Raises `NoCacheError` where the pattern cannot be decoded token by token, `InstantiationError` where it does not
    take that many heads.
    """
    rows = [head.branches for head in instance.heads(heads)]
    _refuse(instance, [shape_of(b) for b in dict.fromkeys(b for row in rows for b in row)])
    group = heads // kv_heads
    kinds: dict[tuple[Hold, ...], int] = {}
    known: dict[object, tuple[Hold, ...]] = {}
    order: list[int] = []
    for j in range(kv_heads):
        # What a group of query heads sees, their branches united.
        relation = union(*dict.fromkeys(b for row in rows[j * group : (j + 1) * group] for b in row))
        if relation not in known:
            known[relation] = holds(shape_of(relation), n)
        order.append(kinds.setdefault(known[relation], len(kinds)))
    return Retention(tuple(kinds), tuple(order))


def may_see_the_future(instance: Instance, heads: int) -> bool:
    """Whether some query may see a later key; False is certain."""
    branches = dict.fromkeys(b for head in instance.heads(heads) for b in head.branches)
    return not all(plainly_causal(shape_of(b)) for b in branches)


def _refuse(instance: Instance, shapes: list[Shape]) -> None:
    name = instance.name
    if instance.needs_documents:
        raise NoCacheError(
            f"pattern {name} speaks of documents, whose bounds a cache does not know: decode each document by itself, "
            "with the pattern without its documents"
        )
    if any(map(depends_on_n, shapes)):
        raise NoCacheError(
            f"what a token sees in pattern {name} depends on the length n of the sequence, which grows while decoding"
        )
    if not all(map(plainly_causal, shapes)):
        raise NoCacheError(
            f"pattern {name} may see the future, which is not there yet while decoding: declare it `causal pattern`"
        )
