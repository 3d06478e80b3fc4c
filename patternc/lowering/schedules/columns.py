"""``columns``: periodic keys, gathered into dense tiles."""

from __future__ import annotations

from collections.abc import Hashable

from patternc.ir.expr import show
from patternc.ir.relation import Atom, KeyMod
from patternc.lowering.schedules.base import MAX_PERIOD, Schedule, Scheduled
from patternc.lowering.terms import Term, number


def _sparsest(term: Term) -> KeyMod | None:
    """The sparsest columns of a term."""
    found = [a for a in term.atoms if isinstance(a, KeyMod) and not a.document and _tiled(a)]
    return min(found, key=lambda a: (number(a.width) or 0) / (number(a.period) or 1), default=None)


def _tiled(atom: KeyMod) -> bool:
    period = number(atom.period)
    return period is not None and period <= MAX_PERIOD


def _fits(term: Term) -> bool:
    return _sparsest(term) is not None


def _same(grant: Atom | None) -> Hashable:
    return (grant.period, grant.phase, grant.width) if isinstance(grant, KeyMod) else None


def _why(scheduled: Scheduled) -> str:
    grant = scheduled.granted[0]
    seen = f"{show(grant.width)} of {show(grant.period)} keys" if isinstance(grant, KeyMod) else "few keys"
    return f"{seen} are seen at all: they are gathered into dense tiles"


COLUMNS = Schedule("columns", "Gathered columns", _fits, _why, _sparsest, _same)
