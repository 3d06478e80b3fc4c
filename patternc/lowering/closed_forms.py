"""Closed forms of a term: which keys a tile of queries can see, which queries a tile of keys, and whether a tile is
full.

Tiles are given by the positions of their first and last member.  Bounds are exact for the first and the last row
they are taken from; every bound is monotone, so they hold for the tile.
"""

from __future__ import annotations

from patternc.ir.expr import (
    FALSE,
    ONE,
    TRUE,
    ZERO,
    Expr,
    Int,
    add,
    arith,
    compare,
    conjunction,
    maximum,
    minimum,
    mul,
    sub,
)
from patternc.ir.plan import DOCUMENT_OF, FIRST_K, FIRST_Q, LAST_K, LAST_Q, SHIFT
from patternc.ir.relation import (
    Atom,
    ChunkLag,
    KeyMod,
    KeyRange,
    Lag,
    LagMod,
    N,
    QueryMod,
    QueryRange,
    SameDocument,
)


def _document(position: Expr, end: str) -> Expr:
    return DOCUMENT_OF[(position.name, end)]  # type: ignore[attr-defined]


def _clip(first: Expr, last: Expr, ranges: list[KeyRange | QueryRange]) -> tuple[Expr, Expr]:
    for r in ranges:
        first = first if r.lo is None else maximum(first, r.lo)
        last = last if r.hi is None else minimum(last, r.hi)
    return first, last


def _ranges(atoms: tuple[Atom, ...], kind: type[KeyRange] | type[QueryRange]) -> list[KeyRange | QueryRange]:
    return [a for a in atoms if isinstance(a, kind) and not a.document]


def live_queries(atoms: tuple[Atom, ...]) -> Expr:
    """Whether a tile of queries has one that the term speaks of."""
    ranges = _ranges(atoms, QueryRange)
    tests = [compare("<=", *_clip(FIRST_Q, LAST_Q, ranges))] if ranges else []
    # A position below 0 lies in no document.
    return conjunction(tests + [compare(">=", LAST_Q, ZERO) for a in atoms if isinstance(a, SameDocument) and a.same])


def live_keys(atoms: tuple[Atom, ...]) -> Expr:
    """Whether a tile of keys has one that the term speaks of."""
    ranges = _ranges(atoms, KeyRange)
    return compare("<=", *_clip(FIRST_K, LAST_K, ranges)) if ranges else TRUE


def key_bounds(atoms: tuple[Atom, ...]) -> tuple[Expr, Expr]:
    """The first and last key that a tile of queries can see."""
    first, last = _clip(FIRST_Q, LAST_Q, _ranges(atoms, QueryRange))
    los: list[Expr] = [Int(0)]
    his: list[Expr] = [sub(N, ONE)]
    for atom in atoms:
        match atom:
            case Lag(_, lo, hi):
                los += [] if hi is None else [sub(first, hi)]
                his += [] if lo is None else [sub(last, lo)]
            case KeyRange(False, lo, hi):
                los += [] if lo is None else [lo]
                his += [] if hi is None else [hi]
            case ChunkLag(False, size, lo, hi):
                los += [] if hi is None else [mul(sub(arith("//", first, size), hi), size)]
                his += [] if lo is None else [sub(mul(sub(arith("//", last, size), sub(lo, ONE)), size), ONE)]
            case SameDocument(_, True):
                los.append(_document(FIRST_Q, "start"))
                his.append(sub(_document(LAST_Q, "end"), ONE))
            case _:
                pass
    return maximum(*los), minimum(*his)


def query_bounds(atoms: tuple[Atom, ...]) -> tuple[Expr, Expr]:
    """The first and last query that can see a tile of keys."""
    first, last = _clip(FIRST_K, LAST_K, _ranges(atoms, KeyRange))
    los: list[Expr] = [SHIFT]
    his: list[Expr] = [sub(N, ONE)]
    for atom in atoms:
        match atom:
            case Lag(_, lo, hi):
                los += [] if lo is None else [add(first, lo)]
                his += [] if hi is None else [add(last, hi)]
            case QueryRange(False, lo, hi):
                los += [] if lo is None else [lo]
                his += [] if hi is None else [hi]
            case ChunkLag(False, size, lo, hi):
                los += [] if lo is None else [mul(add(arith("//", first, size), lo), size)]
                his += [] if hi is None else [sub(mul(add(arith("//", last, size), add(hi, ONE)), size), ONE)]
            case SameDocument(_, True):
                los.append(_document(FIRST_K, "start"))
                his.append(sub(_document(LAST_K, "end"), ONE))
            case _:
                pass
    return maximum(*los), minimum(*his)


def _one_run(first: Expr, last: Expr, period: Expr, phase: Expr, width: Expr) -> Expr:
    """Whether all of ``first .. last`` lies in one run of ``(x - phase) mod period < width``."""
    first, last = sub(first, phase), sub(last, phase)
    return conjunction(
        (
            compare("==", arith("//", first, period), arith("//", last, period)),
            compare("<", arith("%", last, period), width),
        )
    )


def full(atoms: tuple[Atom, ...]) -> Expr:
    """Whether every pair of a tile is live; FALSE where no closed form is known."""
    tests: list[Expr] = []
    for atom in atoms:
        match atom:
            case Lag(_, lo, hi):
                tests += [] if hi is None else [compare("<=", sub(LAST_Q, FIRST_K), hi)]
                tests += [] if lo is None else [compare(">=", sub(FIRST_Q, LAST_K), lo)]
            case KeyRange(False, lo, hi):
                tests += [] if lo is None else [compare(">=", FIRST_K, lo)]
                tests += [] if hi is None else [compare("<=", LAST_K, hi)]
            case QueryRange(False, lo, hi):
                tests += [] if lo is None else [compare(">=", FIRST_Q, lo)]
                tests += [] if hi is None else [compare("<=", LAST_Q, hi)]
            case ChunkLag(False, size, lo, hi):
                first_q, last_q = arith("//", FIRST_Q, size), arith("//", LAST_Q, size)
                first_k, last_k = arith("//", FIRST_K, size), arith("//", LAST_K, size)
                tests += [] if hi is None else [compare("<=", sub(last_q, first_k), hi)]
                tests += [] if lo is None else [compare(">=", sub(first_q, last_k), lo)]
            case LagMod(False, period, phase, width):
                tests.append(_one_run(sub(FIRST_Q, LAST_K), sub(LAST_Q, FIRST_K), period, phase, width))
            case KeyMod(False, period, phase, width):
                tests.append(_one_run(FIRST_K, LAST_K, period, phase, width))
            case QueryMod(False, period, phase, width):
                tests.append(_one_run(FIRST_Q, LAST_Q, period, phase, width))
            case SameDocument(_, True):
                starts = [_document(p, "start") for p in (FIRST_Q, LAST_Q, FIRST_K, LAST_K)]
                tests += [compare(">=", FIRST_Q, ZERO), *(compare("==", starts[0], other) for other in starts[1:])]
            case _:
                return FALSE
    return conjunction(tests)
