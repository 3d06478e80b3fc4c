"""Relations as unions of terms: conjunctions in a normal form, without complements.

A term of an instantiated pattern has numbers for its arguments.  Positions of a sequence lie below `MAX_TOKENS`, so
bounds beyond it are dropped here and 32-bit arithmetic cannot overflow later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from math import gcd, lcm
from typing import TypeVar

from patternc.ir.expr import ONE, Bool, Expr, Int, Logic, add, conjunction, sub
from patternc.ir.relation import (
    Atom,
    ChunkLag,
    Complement,
    Condition,
    Intersection,
    KeyMod,
    KeyRange,
    Lag,
    LagMod,
    N,
    QueryMod,
    QueryRange,
    Relation,
    SameDocument,
    Union,
    member,
)

MAX_TOKENS = 2**30
MAX_TERMS = 64
"""A relation that needs more terms than this is served as one term with its whole condition as a mask."""

AtomT = TypeVar("AtomT", bound=Atom)
ANY_LAG = Lag()


class TooManyTermsError(Exception):
    """A union of more than `MAX_TERMS` terms."""


@dataclass(frozen=True)
class Term:
    """A conjunction of atoms; ``lag`` is the intersection of its lag bounds, ``atoms`` holds the rest."""

    lag: Lag = ANY_LAG
    atoms: tuple[Atom, ...] = ()

    @cached_property
    def member(self) -> Expr:
        """The pairs it holds."""
        return conjunction(a.member() for a in self.parts())

    def parts(self) -> tuple[Atom, ...]:
        """Its atoms, the lag bounds first if there are any."""
        bounds = (self.lag,) if self.lag != ANY_LAG else ()
        return bounds + self.atoms

    def of(self, kind: type[AtomT]) -> tuple[AtomT, ...]:
        """Its atoms of a kind, lag bounds apart."""
        return tuple(a for a in self.atoms if isinstance(a, kind))


def number(expr: Expr | None) -> int | None:
    """The value of a literal, else None."""
    return expr.value if isinstance(expr, Int) else None


def terms(relation: Relation) -> tuple[Term, ...]:
    """The relation as a union of terms that are not empty.  Raises `TooManyTermsError`."""
    return _union(_expand(relation, False))


def _union(parts: Iterable[Term]) -> tuple[Term, ...]:
    result = tuple(dict.fromkeys(parts))
    if len(result) > MAX_TERMS:
        raise TooManyTermsError
    return result


def _expand(relation: Relation, complemented: bool) -> tuple[Term, ...]:
    match relation:
        case Complement(part):
            return _expand(part, not complemented)
        case Union(parts) | Intersection(parts):
            if isinstance(relation, Union) != complemented:
                return _union(t for p in parts for t in _expand(p, complemented))
            result: tuple[Term, ...] = (Term(),)
            for part in parts:
                right = _expand(part, complemented)
                result = _union(t for a in result for b in right if (t := meet(a, b)) is not None)
            return result
        case Condition(document, Logic(op, args)):
            split = Union if op == "or" else Intersection
            if op == "not":
                return _expand(Complement(Condition(document, args[0])), complemented)
            return _expand(split(tuple(Condition(document, a) for a in args)), complemented)
        case LagMod(period=period, width=Int(w)) if period == N and w >= MAX_TOKENS:
            # A ring as wide as any sequence holds every lag.
            return () if complemented else (Term(),)
        case _:
            pass
    parts = relation.complement() if complemented else (relation,)
    return _union(t for a in parts for t in _atom_terms(a))


def _atom_terms(atom: Atom) -> tuple[Term, ...]:
    """One atom as terms, with numbers of the size of a sequence."""
    match atom:
        case LagMod(period=Int(p), phase=Int(c), width=Int(w)) if p > MAX_TOKENS:
            return tuple(t for a in _windows(p, c, w) for t in _atom_terms(Lag(lo=Int(a[0]), hi=Int(a[1]))))
        case KeyMod(document, Int(p), Int(c), Int(w)) if p > MAX_TOKENS:
            return tuple(t for a in _windows(p, c, w) for t in _atom_terms(KeyRange(document, Int(a[0]), Int(a[1]))))
        case QueryMod(document, Int(p), Int(c), Int(w)) if p > MAX_TOKENS:
            return tuple(t for a in _windows(p, c, w) for t in _atom_terms(QueryRange(document, Int(a[0]), Int(a[1]))))
        case LagMod(False, period, Int(c), Int(w)) if period == N and w > 0:
            return _ring(c, c + w - 1)
        case _:
            pass
    term = _with(Term(), atom)
    return () if term is None else (term,)


def _ring(first: int, last: int) -> tuple[Term, ...]:
    """Lags ``first .. last`` modulo n as disjoint windows: themselves, n above and n below.

    Between positions of the sequence no lag reaches further; the last term holds what queries below 0 may see there.
    """
    here = _with(Term(), Lag(lo=Int(first), hi=Int(last)))
    result = [] if here is None else [here]
    if first < 0:
        above = _with(Term(), Lag(lo=Int(last + 1)))
        result += [] if above is None else [_append(above, Lag(lo=add(N, Int(first)), hi=add(N, Int(last))))]
    if last > 0:
        below = _with(Term(), Lag(hi=Int(first - 1)))
        result += [] if below is None else [_append(below, Lag(lo=sub(Int(first), N), hi=sub(Int(last), N)))]
    ring = LagMod(period=N, phase=Int(first), width=Int(last - first + 1))
    return (*result, Term(atoms=(QueryRange(hi=Int(-1)), ring)))


def _windows(period: int, phase: int, width: int) -> list[tuple[int, int]]:
    """The stretches of ``(x - phase) mod period < width`` that meet ``|x| < MAX_TOKENS``."""
    start = phase % period
    stretches = [(s, s + width - 1) for s in (start - 2 * period, start - period, start)]
    return [(max(a, -MAX_TOKENS), min(b, MAX_TOKENS)) for a, b in stretches if b > -MAX_TOKENS and a < MAX_TOKENS]


def meet(left: Term, right: Term) -> Term | None:
    """The intersection, or None where it is empty for certain."""
    result: Term | None = left
    for atom in right.parts():
        if result is None:
            return None
        result = _with(result, atom)
    return result


def _clipped(lo: int | None, hi: int | None, limit: int = MAX_TOKENS) -> tuple[Expr | None, Expr | None] | None:
    """Bounds without those that nothing reaches, all being below ``limit``; None where nothing lies between them."""
    if lo is not None and hi is not None and lo > hi:
        return None
    if (lo is not None and lo >= limit) or (hi is not None and hi <= -limit):
        return None
    return (
        None if lo is None or lo <= -limit else Int(lo),
        None if hi is None or hi >= limit else Int(hi),
    )


def _tightest(bounds: list[int | None], pick: Callable[[Iterable[int]], int]) -> int | None:
    known = [b for b in bounds if b is not None]
    return pick(known) if known else None


def _with(term: Term, atom: Atom) -> Term | None:
    """``term`` and one more atom; None where that is empty for certain."""
    match atom:
        case Lag(_, lo, hi) if (lo is None or number(lo) is not None) and (hi is None or number(hi) is not None):
            lows, highs = [number(term.lag.lo), number(lo)], [number(term.lag.hi), number(hi)]
            clipped = _clipped(_tightest(lows, max), _tightest(highs, min))
            return None if clipped is None else _checked(replace(term, lag=Lag(lo=clipped[0], hi=clipped[1])))
        case KeyRange(document, lo, hi) | QueryRange(document, lo, hi):
            kind = type(atom)
            known = [a for a in term.of(kind) if a.document == document]
            lows = [number(lo), *(number(a.lo) for a in known)]  # type: ignore[attr-defined]
            highs = [number(hi), *(number(a.hi) for a in known)]  # type: ignore[attr-defined]
            clipped = _clipped(_tightest(lows, max), _tightest(highs, min))
            if clipped is None:
                return None
            lo, hi = clipped
            if kind is KeyRange or document:
                # Keys, and positions within a document, start at 0.
                if hi is not None and hi.value < 0:  # type: ignore[attr-defined]
                    return None
                lo = None if lo is not None and lo.value <= 0 else lo  # type: ignore[attr-defined]
            rest = tuple(a for a in term.atoms if a not in known)
            added = () if lo is None and hi is None else (kind(document, lo, hi),)
            return replace(term, atoms=rest + added)
        case LagMod(document, Int(p), Int(c), Int(w)):
            if w >= p:
                return term
            return None if w <= 0 else _with_lag_mod(term, LagMod(document, Int(p), Int(c % p), Int(w)))
        case KeyMod(document, Int(p), Int(c), Int(w)) | QueryMod(document, Int(p), Int(c), Int(w)):
            if w >= p:
                return term
            return None if w <= 0 else _with_positions(term, type(atom)(document, Int(p), Int(c % p), Int(w)))
        case ChunkLag(document, Int(size), lo, hi):
            known = [a for a in term.of(ChunkLag) if (a.document, a.size) == (document, Int(min(size, MAX_TOKENS)))]
            lows, highs = [number(lo), *(number(a.lo) for a in known)], [number(hi), *(number(a.hi) for a in known)]
            size = min(size, MAX_TOKENS)
            clipped = _clipped(_tightest(lows, max), _tightest(highs, min), MAX_TOKENS // size + 1)
            if clipped is None:
                return None
            if clipped == (None, None):
                return term
            joined = ChunkLag(document, Int(size), *clipped)
            rest = replace(term, atoms=tuple(a for a in term.atoms if a not in known))
            nested = _nested(_append(rest, joined))
            return None if nested is None else _checked(nested)
        case SameDocument(_, same):
            if any(a.same != same for a in term.of(SameDocument)):  # type: ignore[attr-defined]
                return None
        case Condition(_, Bool(value)):
            return term if value else None
        case _:
            pass
    return _append(term, atom)


def _nested(term: Term) -> Term | None:
    """``term`` without the chunk distances that those of chunks whose size theirs divides imply; None where two of
    them contradict each other.

    Of chunks of ``r`` smaller ones each, ``D`` apart, the smaller ones lie between ``r*D - (r - 1)`` and
    ``r*D + (r - 1)`` apart.
    """
    for small in term.of(ChunkLag):
        for large in term.of(ChunkLag):
            s, t = number(small.size) or 1, number(large.size) or 1  # type: ignore[attr-defined]
            if small.document != large.document or s >= t or t % s:
                continue
            r = t // s
            lo, hi, lo_t, hi_t = (number(e) for e in (small.lo, small.hi, large.lo, large.hi))  # type: ignore[attr-defined]
            least = None if lo_t is None else r * lo_t - (r - 1)
            most = None if hi_t is None else r * hi_t + (r - 1)
            if (least is not None and hi is not None and hi < least) or (
                most is not None and lo is not None and lo > most
            ):
                return None
            lo = None if lo is not None and least is not None and lo <= least else lo
            hi = None if hi is not None and most is not None and hi >= most else hi
            lo_t = None if lo_t is not None and lo is not None and lo_t <= -(-(lo - (r - 1)) // r) else lo_t
            hi_t = None if hi_t is not None and hi is not None and hi_t >= (hi + (r - 1)) // r else hi_t
            slim = {small: _chunks(small, lo, hi), large: _chunks(large, lo_t, hi_t)}
            if any(atom != new for atom, new in slim.items()):
                kept = (slim.get(a, a) for a in term.atoms)  # type: ignore[call-overload]
                return _nested(replace(term, atoms=tuple(a for a in kept if a is not None)))
    return term


def _chunks(like: Atom, lo: int | None, hi: int | None) -> ChunkLag | None:
    """Chunks of the size of ``like`` at these distances; None where every distance will do."""
    assert isinstance(like, ChunkLag)
    ends = [None if e is None else Int(e) for e in (lo, hi)]
    return None if ends == [None, None] else ChunkLag(like.document, like.size, *ends)


def _append(term: Term, atom: Atom) -> Term:
    return term if atom in term.atoms else replace(term, atoms=(*term.atoms, atom))


def _with_positions(term: Term, atom: KeyMod | QueryMod) -> Term | None:
    """``term`` and a congruence of its keys or queries; what another one implies is left out."""
    p, c, w = (number(e) or 0 for e in (atom.period, atom.phase, atom.width))
    for other in term.of(type(atom)):
        op, oc, ow = (number(e) or 0 for e in (other.period, other.phase, other.width))  # type: ignore[attr-defined]
        if other.document != atom.document:
            continue
        common = gcd(p, op)
        if (c - oc) % common >= ow and (oc - c) % common >= w:
            return None
        if op % p == 0 and (oc - c) % p + ow <= w:
            return term
        if p % op == 0 and (c - oc) % op + w <= ow:
            return _with_positions(replace(term, atoms=tuple(a for a in term.atoms if a != other)), atom)
    return _append(term, atom)


def _with_lag_mod(term: Term, atom: LagMod) -> Term | None:
    """Two congruences of single residues become one (Chinese remainder theorem)."""
    p, c = atom.period.value, atom.phase.value  # type: ignore[attr-defined]
    for other in term.of(LagMod):
        op, oc = number(other.period), number(other.phase)  # type: ignore[attr-defined]
        if op is None or oc is None or atom.width != Int(1) or other.width != Int(1):  # type: ignore[attr-defined]
            continue
        common = gcd(p, op)
        if (c - oc) % common:
            return None
        merged = lcm(p, op)
        joined = (oc + op * ((c - oc) // common * pow(op // common, -1, p // common) % (p // common))) % merged
        rest = replace(term, atoms=tuple(a for a in term.atoms if a != other))
        if merged > MAX_TOKENS:
            windows = [t for t in _atom_terms(LagMod(period=Int(merged), phase=Int(joined), width=Int(1)))]
            return _append(_append(rest, other), atom) if len(windows) > 1 else _first(rest, windows)
        return _with_lag_mod(rest, LagMod(atom.document, Int(merged), Int(joined), Int(1)))
    return _checked(_append(term, atom))


def _first(term: Term, windows: list[Term]) -> Term | None:
    return meet(term, windows[0]) if windows else None


def _checked(term: Term) -> Term | None:
    """``term`` with its lag bounds moved onto the residue class; None where no lag is left between them."""
    lo, hi = number(term.lag.lo), number(term.lag.hi)
    for atom in term.of(LagMod):
        p, c, w = (number(e) for e in (atom.period, atom.phase, atom.width))  # type: ignore[attr-defined]
        if p is None or c is None or w is None:
            continue
        if lo is not None and (lo - c) % p >= w:
            lo += p - (lo - c) % p
        if hi is not None and (hi - c) % p >= w:
            hi -= (hi - c) % p - (w - 1)
    clipped = _clipped(lo, hi)
    if clipped is None:
        return None
    for chunk in term.of(ChunkLag):
        # Chunks that lie c apart hold lags strictly between (c - 1) and (c + 1) times their size.
        size, first, last = (number(e) for e in (chunk.size, chunk.lo, chunk.hi))  # type: ignore[attr-defined]
        least = None if first is None or size is None else (first - 1) * size + 1
        most = None if last is None or size is None else (last + 1) * size - 1
        if (least is not None and hi is not None and least > hi) or (lo is not None and most is not None and lo > most):
            return None
    return replace(term, lag=Lag(lo=clipped[0], hi=clipped[1]))


def strengthened(term: Term) -> Term:
    """``term`` with the lag congruence that congruences of its queries and keys imply, if any."""
    for query in term.of(QueryMod):
        for key in term.of(KeyMod):
            same = (query.document, query.period, query.width) == (key.document, key.period, key.width)  # type: ignore[attr-defined]
            if same and not query.document and query.width == ONE:  # type: ignore[attr-defined]
                implied = LagMod(period=query.period, phase=sub(query.phase, key.phase))  # type: ignore[attr-defined]
                return meet(term, Term(atoms=(implied,))) or term
    return term


def subtract(term: Term, other: Term) -> tuple[Term, ...]:
    """``term`` without ``other``, as disjoint terms; ``(term,)`` itself where the two do not meet."""
    if meet(term, other) is None:
        return (term,)
    result: list[Term] = []
    rest: Term | None = term
    for atom in other.parts():
        if rest is None:
            break
        for outside in atom.complement():
            result += (t for o in _atom_terms(outside) if (t := meet(rest, o)) is not None)
        rest = _with(rest, atom)
    return tuple(result)


def disjoint(ordered: Iterable[Term]) -> tuple[Term, ...]:
    """Disjoint terms with the same union; the earlier ones stay as they are.  Raises `TooManyTermsError`."""
    result: tuple[Term, ...] = ()
    for term in ordered:
        left: tuple[Term, ...] = (term,)
        for other in result:
            left = _union(t for piece in left for t in subtract(piece, other))
        result = _union((*result, *left))
    return result


def masked(relation: Relation) -> Term:
    """The relation as one term whose condition is evaluated pair by pair; for what has too many terms."""
    return Term(atoms=(Condition(False, member(relation)),))
