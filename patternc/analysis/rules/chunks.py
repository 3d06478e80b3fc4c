"""Chunks of b tokens: a query sees its own chunk and ``back`` chunks before it.

Causal: L layers see L*back chunks back.  Not causal: a query sees to the end of its own chunk and never beyond, so a
sequence of more than one chunk (b >= 2) is never seen as a whole.
"""

from __future__ import annotations

from patternc.analysis.closed_form import Rule
from patternc.analysis.family import INFINITE
from patternc.analysis.subject import Subject
from patternc.analysis.symbolic.formula import formula
from patternc.ir.expr import ONE, ZERO, Expr, compare
from patternc.ir.relation import ChunkLag, Lag


def _shape(subject: Subject) -> tuple[dict[str, Expr], bool] | None:
    """``b`` and ``back``, and whether no future key is seen."""
    if subject.parts is None or len(subject.parts) != 1:
        return None
    chunks = [a for a in subject.parts[0] if isinstance(a, ChunkLag)]
    lags = [a for a in subject.parts[0] if isinstance(a, Lag)]
    if len(chunks) != 1 or len(chunks) + len(lags) != len(subject.parts[0]):
        return None
    chunk = chunks[0]
    if chunk.document or chunk.hi is None or chunk.lo is None or not subject.know.proves(compare("==", chunk.lo, ZERO)):
        return None
    if any(a.hi is not None or a.lo is None or not subject.know.proves(compare("==", a.lo, ZERO)) for a in lags):
        return None
    shape = {"b": chunk.size, "back": chunk.hi}
    return shape, bool(lags) or subject.ask("b == 1", **shape)


def _depth(subject: Subject, tokens: Expr) -> Expr | None:
    found = _shape(subject)
    if found is None:
        return None
    shape, causal = {**found[0], "n": tokens}, found[1]
    if not subject.ask("n >= 2", **shape):
        return ZERO
    if subject.ask("n <= b", **shape):
        return ONE
    if not causal or not subject.ask("back >= 1", **shape):
        return INFINITE
    return formula("((n - 1) // b + back - 1) // back", **shape)


def _edges(subject: Subject, tokens: Expr) -> Expr | None:
    found = _shape(subject)
    if found is None or len(subject.heads) != 1 or len(subject.heads[0]) != 1 or not subject.ask("n >= 1", n=tokens):
        return None
    shape = {**found[0], "n": tokens, "Q": formula("n // b", n=tokens, **found[0])}
    shape["R"] = formula("n - b*Q", **shape)
    if found[1]:
        # Chunk Q' lacks the keys of the chunks before Q' - back.
        missing = formula("max(0, Q - back)", **shape)
        return formula("n*(n + 1) // 2 - b*(b*(X*(X - 1) // 2) + R*X)", X=missing, **shape)
    full = formula("min(Q, back + 1)", **shape)
    before = formula("Y*(Y - 1) // 2 + (Q - Y)*back", Y=full, **shape)
    return formula("b*b*(before + Q) + R*(b*min(Q, back) + R)", before=before, **shape)


RULE = Rule("chunks", "L layers see L*back chunks back", {"depth": _depth, "edges": _edges})
