"""Whether a tile holds a live pair, in closed form and exactly, for the terms where a closed form is known.

A tile is a rectangle of consecutive queries and keys, given by the positions of its first and last ones.  In a
rectangle of queries ``q0 .. q1`` and keys ``k0 .. k1`` every lag from ``q0 - k1`` to ``q1 - k0`` occurs, and a key
sees a query of a lag interval exactly where the two intervals meet: that is all that the tests below rest on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from patternc.ir.expr import (
    FALSE,
    ONE,
    TRUE,
    Expr,
    Int,
    add,
    arith,
    compare,
    conjunction,
    disjunction,
    maximum,
    minimum,
    mul,
    negation,
    sub,
)
from patternc.ir.plan import FIRST_K, FIRST_Q, LAST_K, LAST_Q
from patternc.ir.relation import (
    Atom,
    ChunkLag,
    Complement,
    KeyMod,
    KeyRange,
    Lag,
    LagMod,
    QueryMod,
    QueryRange,
    Relation,
)
from patternc.lowering.terms import Term, TooManyTermsError, number, terms

MAX_CHUNKS = 2
"""Each chunk distance splits a tile in four."""


@dataclass(frozen=True)
class _Tile:
    """The positions of its first and last query and key."""

    q0: Expr = FIRST_Q
    q1: Expr = LAST_Q
    k0: Expr = FIRST_K
    k1: Expr = LAST_K

    def queries(self, lo: Expr | None, hi: Expr | None) -> _Tile:
        return _Tile(*_clipped(self.q0, self.q1, lo, hi), self.k0, self.k1)

    def keys(self, lo: Expr | None, hi: Expr | None) -> _Tile:
        return _Tile(self.q0, self.q1, *_clipped(self.k0, self.k1, lo, hi))

    @property
    def there(self) -> Expr:
        """Whether clipping left anything."""
        return conjunction((_ordered(self.q0, self.q1), _ordered(self.k0, self.k1)))


@dataclass(frozen=True)
class Holds(Expr):
    """Whether ``first .. last`` holds a number x with ``(x - phase) mod period < width``."""

    first: Expr
    last: Expr
    period: Expr
    phase: Expr
    width: Expr

    def children(self) -> tuple[Expr, ...]:
        return (self.first, self.last, self.period, self.phase, self.width)

    def test(self) -> Expr:
        """The same in comparisons."""
        residue = arith("%", sub(self.first, self.phase), self.period)
        following = sub(add(self.first, self.period), residue)
        within = disjunction((compare("<", residue, self.width), compare("<=", following, self.last)))
        return conjunction((compare("<=", self.first, self.last), within, compare(">", self.width, Int(0))))


def _holds(first: Expr, last: Expr, mod: LagMod | KeyMod | QueryMod) -> Expr:
    return Holds(first, last, mod.period, mod.phase, mod.width)


def _clipped(first: Expr, last: Expr, lo: Expr | None, hi: Expr | None) -> tuple[Expr, Expr]:
    return first if lo is None else maximum(first, lo), last if hi is None else minimum(last, hi)


def _ordered(first: Expr, last: Expr) -> Expr:
    """``first <= last``; a tile as it came has a first and a last member."""
    return TRUE if (first, last) in ((FIRST_Q, LAST_Q), (FIRST_K, LAST_K)) else compare("<=", first, last)


def some_pair(relation: Relation, size: int) -> Expr | None:
    """Whether a tile of at most ``size`` queries and keys holds a pair of ``relation``; None without a closed form."""
    try:
        tests = [some(term, size) for term in sequence_terms(relation)]
    except TooManyTermsError:
        return None
    return None if any(t is None for t in tests) else disjunction(t for t in tests if t is not None)


def sequence_terms(relation: Relation) -> tuple[Term, ...]:
    """The terms that speak of positions from 0 on.  Raises `TooManyTermsError`."""

    def below(term: Term) -> bool:
        return any(isinstance(a, QueryRange) and (number(a.hi) or 0) < 0 for a in term.atoms if not a.document)

    return tuple(t for t in terms(relation) if not below(t))


def every_pair(relation: Relation, size: int) -> Expr | None:
    """Whether such a tile holds nothing but pairs of ``relation``: none of its complement."""
    outside = some_pair(Complement(relation), size)
    return None if outside is None else negation(outside)


def some(term: Term, size: int) -> Expr | None:
    """Whether a tile of at most ``size`` queries and keys holds a pair of ``term``; None without a closed form."""
    known = (Lag, KeyRange, QueryRange, LagMod, KeyMod, QueryMod, ChunkLag)
    if any(a.document or not isinstance(a, known) for a in term.atoms):
        return None
    tile, bounds = _Tile(), term.lag
    for atom in term.atoms:
        match atom:
            case Lag(_, lo, hi):
                bounds = Lag(lo=_tighter(maximum, bounds.lo, lo), hi=_tighter(minimum, bounds.hi, hi))
            case KeyRange(_, lo, hi):
                tile = tile.keys(lo, hi)
            case QueryRange(_, lo, hi):
                tile = tile.queries(lo, hi)
            case _:
                pass
    chunks = [a for a in term.atoms if isinstance(a, ChunkLag)]
    mods = tuple(a for a in term.atoms if isinstance(a, LagMod | KeyMod | QueryMod))
    if len(chunks) == 1 and not mods and (simple := _chunk_and_lag(tile, bounds, chunks[0])) is not None:
        return simple
    if len(chunks) > MAX_CHUNKS or any((number(c.size) or 0) < size for c in chunks):
        return None
    found = _within_chunks(tile, bounds, chunks, mods)
    if found is None or bounds.lo is None or bounds.hi is None:
        return found
    # Bounds that hold n may leave nothing between them.
    return conjunction((compare("<=", bounds.lo, bounds.hi), found))


def _tighter(pick: Callable[..., Expr], a: Expr | None, b: Expr | None) -> Expr | None:
    return pick(*(e for e in (a, b) if e is not None)) if (a, b) != (None, None) else None


def _within_chunks(tile: _Tile, lag: Lag, chunks: Sequence[ChunkLag], mods: tuple[Atom, ...]) -> Expr | None:
    """The tile cut at the borders of chunks, of which each side has one at most."""
    if not chunks:
        return _without_chunks(tile, lag, mods)
    chunk, *rest = chunks
    cases: list[Expr] = []
    for q in (tile.q0, tile.q1):
        for k in (tile.k0, tile.k1):
            of_q, of_k = arith("//", q, chunk.size), arith("//", k, chunk.size)
            piece = tile.queries(*_span(of_q, chunk.size)).keys(*_span(of_k, chunk.size))
            inner = _within_chunks(piece, lag, rest, mods)
            if inner is None:
                return None
            cases.append(conjunction((_within(sub(of_q, of_k), sub(of_q, of_k), chunk.lo, chunk.hi), inner)))
    return disjunction(cases)


def _span(chunk: Expr, size: Expr) -> tuple[Expr, Expr]:
    first = mul(chunk, size)
    return first, add(first, sub(size, ONE))


def _within(least: Expr, greatest: Expr, lo: Expr | None, hi: Expr | None) -> Expr:
    """Whether ``least .. greatest`` meets ``lo .. hi``."""
    above = TRUE if lo is None else compare(">=", greatest, lo)
    return conjunction((above, TRUE if hi is None else compare("<=", least, hi)))


def _chunk_and_lag(tile: _Tile, lag: Lag, chunk: ChunkLag) -> Expr | None:
    """Bounds of the chunk distance and of the lag together: each may be tested by itself where one implies the other.

    Lags from ``c * size`` up imply chunk distances from c up, lags to ``c * size`` chunk distances to c; a chunk
    distance to c implies lags below ``(c + 1) * size``, and from c lags above ``(c - 1) * size``.
    """
    size, c_lo, c_hi = number(chunk.size), number(chunk.lo), number(chunk.hi)
    lo, hi = number(lag.lo), number(lag.hi)
    if size is None or (chunk.lo, chunk.hi, lag.lo, lag.hi) != (_int(c_lo), _int(c_hi), _int(lo), _int(hi)):
        return None
    if c_lo is not None and lo is not None and lo >= c_lo * size:
        c_lo = None
    if c_hi is not None and hi is not None and hi <= c_hi * size:
        c_hi = None
    if lo is not None and c_lo is not None and lo <= (c_lo - 1) * size + 1:
        lo = None
    if hi is not None and c_hi is not None and hi >= (c_hi + 1) * size - 1:
        hi = None
    mixed = (lo is not None or c_lo is not None) and (hi is not None or c_hi is not None)
    by_lag, by_chunk = lo is not None or hi is not None, c_lo is not None or c_hi is not None
    if mixed and by_lag and by_chunk:
        # One bound from below and one from above, of different kinds: on the line of the one the other is met.
        if None not in (lo, c_hi) and (c_lo, hi) == (None, None):
            if c_hi * size < lo:  # type: ignore[operator]
                return None
        elif None not in (c_lo, hi) and (lo, c_hi) == (None, None):
            if c_lo * size > hi:  # type: ignore[operator]
                return None
        else:
            return None
    first = (arith("//", tile.q0, chunk.size), arith("//", tile.k1, chunk.size))
    last = (arith("//", tile.q1, chunk.size), arith("//", tile.k0, chunk.size))
    return conjunction(
        (
            tile.there,
            _within(sub(tile.q0, tile.k1), sub(tile.q1, tile.k0), _int(lo), _int(hi)),
            _within(sub(*first), sub(*last), _int(c_lo), _int(c_hi)),
        )
    )


def _int(value: int | None) -> Expr | None:
    return None if value is None else Int(value)


def _without_chunks(tile: _Tile, lag: Lag, mods: tuple[Atom, ...]) -> Expr | None:
    lo, hi = lag.lo, lag.hi
    by_lag = [m for m in mods if isinstance(m, LagMod)]
    by_key = [m for m in mods if isinstance(m, KeyMod)]
    by_query = [m for m in mods if isinstance(m, QueryMod)]
    if max(len(by_lag), len(by_key), len(by_query)) > 1 or (by_lag and (by_key or by_query)):
        return None
    if by_lag:
        lags = _clipped(sub(tile.q0, tile.k1), sub(tile.q1, tile.k0), lo, hi)
        return conjunction((tile.there, _holds(*lags, by_lag[0])))
    if not by_key and not by_query:
        return conjunction((tile.there, _within(sub(tile.q0, tile.k1), sub(tile.q1, tile.k0), lo, hi)))
    if by_key and by_query and (lo is not None or hi is not None):
        return _ends(tile, lo, hi, by_key[0], by_query[0])
    if by_key and by_query:
        return conjunction((_holds(tile.k0, tile.k1, by_key[0]), _holds(tile.q0, tile.q1, by_query[0])))
    if by_key:
        low, high = None if hi is None else sub(tile.q0, hi), None if lo is None else sub(tile.q1, lo)
        return conjunction((tile.there, _holds(*_clipped(tile.k0, tile.k1, low, high), by_key[0])))
    low, high = None if lo is None else add(tile.k0, lo), None if hi is None else add(tile.k1, hi)
    return conjunction((tile.there, _holds(*_clipped(tile.q0, tile.q1, low, high), by_query[0])))


def _ends(tile: _Tile, lo: Expr | None, hi: Expr | None, keys: KeyMod, queries: QueryMod) -> Expr | None:
    """A lag bound on one side only: the extreme members of the two residues decide."""
    if (lo is not None and hi is not None) or number(keys.width) is None or number(queries.width) is None:
        return None
    there = conjunction((_holds(tile.k0, tile.k1, keys), _holds(tile.q0, tile.q1, queries)))
    if lo is not None:
        return conjunction((there, compare(">=", sub(_last(tile.q1, queries), _first(tile.k0, keys)), lo)))
    if hi is not None:
        return conjunction((there, compare("<=", sub(_first(tile.q0, queries), _last(tile.k1, keys)), hi)))
    return FALSE


def _first(position: Expr, mod: KeyMod | QueryMod) -> Expr:
    """The first member from ``position`` on: where it lies past the run of its period, the next period's first."""
    residue = arith("%", sub(position, mod.phase), mod.period)
    # min(residue, width) // width is 1 past the run and 0 within it.
    past = arith("//", minimum(residue, mod.width), mod.width)
    return add(position, mul(past, sub(mod.period, residue)))


def _last(position: Expr, mod: KeyMod | QueryMod) -> Expr:
    """The last member up to ``position``."""
    residue = arith("%", sub(position, mod.phase), mod.period)
    return sub(position, maximum(sub(residue, sub(mod.width, ONE)), Int(0)))
