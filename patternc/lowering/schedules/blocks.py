"""``blocks``: whatever no other schedule fits; each tile has its mask, and one without a live pair is skipped."""

from __future__ import annotations

from patternc.ir.expr import show
from patternc.ir.relation import Atom, Condition, LagMod, QueryMod, SameDocument
from patternc.lowering.schedules.band import MAX_SEGMENTS
from patternc.lowering.schedules.base import Schedule, Scheduled
from patternc.lowering.terms import Term, number


def _always(term: Term) -> bool:
    return True


def _why(scheduled: Scheduled) -> str:
    return f"{_obstacle(scheduled)}: each tile has its mask, and none is multiplied without a live pair"


def _obstacle(scheduled: Scheduled) -> str:
    for term in scheduled.terms:
        for atom in term.atoms:
            match atom:
                case Condition():
                    return f"no schedule knows the condition `{show(atom.test)}`"
                case Atom(document=True):
                    return "positions are counted within documents"
                case SameDocument(_, False):
                    return "pairs of two documents are wanted"
                case LagMod(_, period, _, _) if number(period) is None:
                    return "the pattern wraps around the sequence"
                case LagMod():
                    return "a lag congruence of more than one residue"
                case QueryMod():
                    return "queries differ by their residue"
                case _:
                    pass
    if len(scheduled.terms) > MAX_SEGMENTS:
        return f"a union of {len(scheduled.terms)} terms, more than the {MAX_SEGMENTS} that a band takes"
    return "chunks or documents cut by a lag leave tiles without a pair between the steps"


BLOCKS = Schedule("blocks", "Masked blocks", _always, _why)
