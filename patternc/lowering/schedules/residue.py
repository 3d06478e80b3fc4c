"""``residue``: a lag congruence; the band of one residue class at a time, rows that lie the period apart."""

from __future__ import annotations

from collections.abc import Hashable

from patternc.ir.expr import show
from patternc.ir.relation import Atom, LagMod
from patternc.lowering.schedules.base import MAX_PERIOD, Schedule, Scheduled
from patternc.lowering.terms import Term, number


def _congruence(term: Term) -> LagMod | None:
    """The first lag congruence of a term that a tiling can grant."""
    return next((a for a in term.atoms if isinstance(a, LagMod) and _tiled(a)), None)


def _tiled(atom: LagMod) -> bool:
    period = number(atom.period)
    return period is not None and period <= MAX_PERIOD and number(atom.width) == 1


def _fits(term: Term) -> bool:
    return _congruence(term) is not None


def _period(grant: Atom | None) -> Hashable:
    return grant.period if isinstance(grant, LagMod) else None


def _why(scheduled: Scheduled) -> str:
    grant = scheduled.granted[0]
    p = show(grant.period) if isinstance(grant, LagMod) else "?"
    return f"the lag congruence leaves 1 key in {p}: tiles run along one residue class modulo {p}"


RESIDUE = Schedule("residue", "One residue class at a time", _fits, _why, _congruence, _period)
