"""``band``: the keys of a query are one run, so its key tiles lie between two bounds."""

from __future__ import annotations

from patternc.ir.relation import ChunkLag, SameDocument
from patternc.lowering.schedules.base import Schedule, Scheduled, bounded
from patternc.lowering.terms import ANY_LAG, Term, number

MAX_SEGMENTS = 8


def _gapless(term: Term) -> bool:
    """Whether the keys of consecutive queries join up, so that every tile between a tile's bounds has a live pair."""
    if not bounded(term.atoms):
        return False
    stairs = [a for a in term.atoms if isinstance(a, ChunkLag | SameDocument)]
    if not stairs or (term.lag == ANY_LAG and len(term.atoms) == 1):
        return True
    # A staircase that is cut has gaps between its steps, unless every row keeps the diagonal.
    lo, hi = number(term.lag.lo), number(term.lag.hi)
    chunks = [a for a in stairs if isinstance(a, ChunkLag)]
    diagonal = all((number(a.lo) or 0) <= 0 and (a.hi is None or (number(a.hi) or 0) >= 0) for a in chunks)
    return diagonal and (lo is None or lo <= 0) and (hi is None or hi >= 0)


def _why(scheduled: Scheduled) -> str:
    return "the keys of a query are one run: key tiles between closed bounds, a mask on edge tiles only"


BAND = Schedule("band", "Consecutive keys", _gapless, _why, most=MAX_SEGMENTS, gapless=True)
