"""Columns at the end of every chunk of p tokens (causal), beside the query's own chunk or a window.

Beside its own chunk a query sees the last c keys of every earlier chunk; the last one of them sees all of its chunk, so
that two layers suffice.  Beside a window of ``1 <= k <= p`` a hop leads to the column behind any token, and windows
from there back to the token, which is up to p - 1 away: ``1 + ceil((p - 1) / k)`` layers, from two chunks on.
"""

from __future__ import annotations

from collections.abc import Sequence

from patternc.analysis.closed_form import Rule
from patternc.analysis.family import INFINITE, part_lags, side
from patternc.analysis.rules.edges import window_pairs
from patternc.analysis.subject import Subject
from patternc.analysis.symbolic.formula import formula
from patternc.ir.expr import ONE, ZERO, Expr, compare
from patternc.ir.relation import Atom, ChunkLag, KeyMod, Lag


def _shape(subject: Subject) -> dict[str, Expr] | None:
    """``p``, ``c``, and ``k`` where a window stands beside the columns, not the chunks."""
    if subject.parts is None or len(subject.parts) != 2:
        return None
    columns, others = None, None
    for part in subject.parts:
        found = [a for a in part if isinstance(a, KeyMod) and not a.document]
        if len(found) == 1 and _causal(subject, [a for a in part if a is not found[0]]):
            columns = found[0]
        else:
            others = part
    if columns is None or others is None:
        return None
    period, width = columns.period, columns.width
    if not subject.know.proves(formula("(f + w) % p == 0", f=columns.phase, w=width, p=period)):
        return None
    shape = {"p": period, "c": width}
    chunks = [a for a in others if isinstance(a, ChunkLag) and not a.document]
    if len(chunks) == 1 and _causal(subject, [a for a in others if a is not chunks[0]]):
        own = all(e is not None and subject.know.proves(compare("==", e, ZERO)) for e in (chunks[0].lo, chunks[0].hi))
        return shape if own and subject.know.proves(compare("==", chunks[0].size, period)) else None
    lags = part_lags(others, subject.know)
    window = None if lags is None or lags.down else side(lags.up, subject.know)
    if window is None or window.skips or window.window == INFINITE:
        return None
    return {**shape, "k": window.window}


def _causal(subject: Subject, atoms: Sequence[Atom]) -> bool:
    """Whether the atoms say ``d >= 0`` and no more."""
    if not atoms or not all(isinstance(a, Lag) and a.hi is None and a.lo is not None for a in atoms):
        return False
    return all(subject.know.proves(compare("==", a.lo, ZERO)) for a in atoms if isinstance(a, Lag) and a.lo is not None)


def _depth(subject: Subject, tokens: Expr) -> Expr | None:
    shape = _shape(subject)
    if shape is None:
        return None
    shape["n"] = tokens
    if not subject.ask("n >= 2", **shape):
        return ZERO
    if subject.ask("c >= p", **shape):
        return ONE
    if "k" not in shape:
        return formula("1" if subject.ask("n <= p", **shape) else "2", **shape)
    if not subject.ask("c == 1 and 1 <= k and k <= p and n >= 2*p", **shape):
        return None
    return formula("1 + (p - 1 + k - 1) // k", **shape)


def _edges(subject: Subject, tokens: Expr) -> Expr | None:
    shape = _shape(subject)
    if shape is None or len(subject.heads) != 1 or len(subject.heads[0]) != 1:
        return None
    if not subject.ask("n >= 1", n=tokens) or not subject.ask("c <= p", **shape):
        return None
    if "k" in shape:
        return _beside_a_window(subject, {**shape, "n": tokens})
    shape |= {"Q": formula("n // p", n=tokens, **shape)}
    shape |= {"R": formula("n - p*Q", n=tokens, **shape)}
    return formula("Q*(p*(p + 1) // 2) + R*(R + 1) // 2 + c*(p*(Q*(Q - 1) // 2) + R*Q)", **shape)


def _beside_a_window(subject: Subject, shape: dict[str, Expr]) -> Expr | None:
    """Key j*p - 1 is beyond the window of the last n - k - j*p queries."""
    if not subject.ask("c == 1", **shape):
        return None
    window = window_pairs(ZERO, formula("min(k, n - 1)", **shape), shape["n"])
    return formula(
        "x + J*(n - k) - p*(J*(J + 1) // 2)", x=window, J=formula("max(0, (n - k - 1) // p)", **shape), **shape
    )


RULE = Rule("columns", "every chunk ends with a column that sees all of it", {"depth": _depth, "edges": _edges})
