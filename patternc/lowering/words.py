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
from patternc.lowering.schedules import BY_KIND, Scheduled
from patternc.lowering.terms import Term


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
    return BY_KIND[scheduled.kind].why(scheduled) + _overlap(scheduled)


def _overlap(scheduled: Scheduled) -> str:
    if scheduled.but:
        return "; pairs that other parts hold, too, are taken out by the mask"
    return "; pairs that an earlier term holds, too, are taken out of its bounds" if scheduled.cut else ""
