"""Terms and schedules in words: what `explain`, `show` and the page say of them."""

from __future__ import annotations

from patternc.ir.expr import Expr, Int, show
from patternc.ir.relation import (
    Atom,
    ChunkLag,
    Condition,
    KeyMod,
    KeyRange,
    Lag,
    LagMod,
    QueryMod,
    QueryRange,
    SameDocument,
)
from patternc.lowering.schedule import MAX_SEGMENTS, Scheduled
from patternc.lowering.terms import Term, number


def term_words(term: Term) -> str:
    """The pairs of a term: ``0 <= lag <= 2048 and lag = 0 mod 256``."""
    return " and ".join(atom_words(a) for a in term.parts()) or "every pair"


def atom_words(atom: Atom) -> str:
    """The pairs of an atom."""
    text = _words(atom).replace("0 - n", "-n")
    return f"{text}, counted within the document" if atom.document else text


def _words(atom: Atom) -> str:
    match atom:
        case Lag(_, lo, hi):
            return _between("lag", lo, hi)
        case KeyRange(_, lo, hi):
            return _between("key", lo, hi)
        case QueryRange(_, lo, hi):
            return _between("query", lo, hi)
        case LagMod(_, period, phase, width):
            return _congruence("lag", period, phase, width)
        case KeyMod(_, period, phase, width):
            return _congruence("key", period, phase, width)
        case QueryMod(_, period, phase, width):
            return _congruence("query", period, phase, width)
        case ChunkLag(_, size, lo, hi):
            if lo == hi == Int(0):
                return f"one chunk of {show(size)}"
            return _between(f"distance in chunks of {show(size)}", lo, hi)
        case SameDocument(_, same):
            return "one document" if same else "two documents"
        case Condition(_, test):
            return show(test)
        case _:
            return show(atom.condition())


def _between(name: str, lo: Expr | None, hi: Expr | None) -> str:
    if lo is None and hi is None:
        return f"any {name}"
    if lo == hi and lo is not None:
        return f"{name} = {show(lo)}"
    if lo is None or hi is None:
        return f"{name} >= {show(lo)}" if lo is not None else f"{name} <= {show(hi)}"  # type: ignore[arg-type]
    return f"{show(lo)} <= {name} <= {show(hi)}"


def _congruence(name: str, period: Expr, phase: Expr, width: Expr) -> str:
    if width == Int(1):
        return f"{name} = {show(phase)} mod {show(period)}"
    first = name if phase == Int(0) else f"({name} - {show(phase)})"
    return f"{first} mod {show(period)} < {show(width)}"


def why(scheduled: Scheduled) -> str:
    """Why a part has the schedule it has, and how pairs that other parts hold, too, count once; in a sentence."""
    return _reason(scheduled) + _overlap(scheduled)


def _overlap(scheduled: Scheduled) -> str:
    if scheduled.but:
        return "; pairs that other parts hold, too, are taken out by the mask"
    return "; pairs that an earlier term holds, too, are taken out of its bounds" if scheduled.cut else ""


def _reason(scheduled: Scheduled) -> str:
    grant = scheduled.granted[0]
    match scheduled.kind, grant:
        case "band", _:
            return "the keys of a query are one run: key tiles between closed bounds, a mask on edge tiles only"
        case "residue", LagMod(_, period, _, _):
            p = show(period)
            return f"the lag congruence leaves 1 key in {p}: tiles run along one residue class modulo {p}"
        case "columns", KeyMod(_, period, _, width):
            return f"{show(width)} of {show(period)} keys are seen at all: they are gathered into dense tiles"
        case _:
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
