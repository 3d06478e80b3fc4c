"""A window and the first g tokens: sinks, which are keys only, and global tokens, which are queries too.

Causal: L layers see ``[q - k*L, q]`` and the sinks.  A sink sees itself and other sinks only, so it relays nothing.
To both sides (a window ``[-k, k]``): a sink sees ahead of itself, so L layers see ``[q - k*L, q + k*L]`` and
``[0, g - 1 + k*(L - 1)]``.  A global token sees all and is seen by all: two layers suffice.
"""

from __future__ import annotations

from dataclasses import dataclass

from patternc.analysis.closed_form import Rule
from patternc.analysis.family import INFINITE, Part, part_lags, side
from patternc.analysis.rules.edges import total, window_pairs
from patternc.analysis.rules.window import layers_to_cross
from patternc.analysis.subject import Subject
from patternc.analysis.symbolic.formula import formula
from patternc.ir.expr import ONE, ZERO, Expr, add, compare, minimum
from patternc.ir.relation import KeyRange, Lag, QueryRange


@dataclass(frozen=True)
class _Shape:
    """The windows back and ahead, the number of first tokens, and whether they are queries too."""

    back: Expr
    ahead: Expr
    first: Expr
    queries: bool
    causal: bool


def _shape(subject: Subject, parts: list[Part] | None) -> _Shape | None:
    if parts is None:
        return None
    ends: dict[type, set[Expr]] = {KeyRange: set(), QueryRange: set()}
    windows: list[Part] = []
    causal = True
    for part in parts:
        others = [a for a in part if not isinstance(a, Lag)]
        if not others:
            windows.append(part)
            continue
        held = [a for a in others if isinstance(a, KeyRange | QueryRange) and not a.document and a.hi is not None]
        if len(others) != 1 or len(held) != 1 or not _from_zero(subject, held[0].lo):
            return None
        lags = [a for a in part if isinstance(a, Lag)]
        forward = any(a.lo is not None and subject.know.proves(compare("==", a.lo, ZERO)) for a in lags)
        if any(a.hi is not None or not (a.lo is None or forward) for a in lags):
            return None
        causal = causal and forward
        ends[type(held[0])].add(add(held[0].hi or ZERO, ONE))
    found = [part_lags(part, subject.know) for part in windows]
    if not any(ends.values()) or any(f is None for f in found):
        return None
    up = side([b for f in found if f is not None for b in f.up], subject.know)
    down = side([b for f in found if f is not None for b in f.down], subject.know)
    if up is None or down is None or up.skips or down.skips or INFINITE in (up.window, down.window):
        return None
    causal = causal and not any(f.down for f in found if f is not None)
    keys, queries = ends[KeyRange], ends[QueryRange]
    # A causal query below g has keys below g only.
    if not keys or len(keys | queries) != 1:
        return None
    return _Shape(up.window, down.window, subject.know.normal(next(iter(keys))), bool(queries) and not causal, causal)


def _from_zero(subject: Subject, low: Expr | None) -> bool:
    return low is None or subject.know.proves(compare("<=", low, ZERO))


def _depth(subject: Subject, tokens: Expr) -> Expr | None:
    shape = _shape(subject, subject.parts)
    if shape is None:
        return None
    if not subject.ask("n >= 2", n=tokens):
        return ZERO
    known = {"n": tokens, "k": shape.back, "r": shape.ahead, "g": shape.first}
    if shape.causal:
        if subject.ask("n - 1 <= g", **known):
            return ONE
        if not subject.ask("k >= 1", **known):
            return INFINITE
        return formula("max(1, (n - 1 - g + k - 1) // k)", **known)
    if not subject.ask("k == r", **known):
        return None
    if not subject.ask("g >= 1", **known):
        return layers_to_cross(subject, shape.back, tokens)
    if shape.queries:
        return formula("1" if subject.ask("n - 1 - g <= k", **known) else "2", **known)
    if not subject.ask("k >= 1", **known):
        if subject.ask("g >= 2", **known):
            return ONE if subject.ask("n <= g", **known) else INFINITE
        return ONE if subject.ask("n <= 2", **known) else INFINITE
    crossing = layers_to_cross(subject, shape.back, tokens)
    return minimum(crossing, formula("1 + (max(0, n - g) + k - 1) // k", **known))


def _edges(subject: Subject, tokens: Expr) -> Expr | None:
    if len(subject.heads) != 1 or not subject.ask("n >= 1", n=tokens):
        return None
    counts = [_branch_edges(subject, subject.parts_of(branch), tokens) for branch in subject.heads[0]]
    return None if None in counts else total([c for c in counts if c is not None])


def _branch_edges(subject: Subject, parts: list[Part] | None, tokens: Expr) -> Expr | None:
    if parts is None:
        return None
    windows = [part for part in parts if all(isinstance(a, Lag) for a in part)]
    if len(windows) == len(parts):
        return _window_edges(subject, windows, tokens)
    shape = _shape(subject, parts)
    if shape is None or not subject.ask("g >= 0", g=shape.first):
        return None
    held = _window_edges(subject, windows, tokens) if windows else ZERO
    if held is None or (not shape.causal and not subject.ask("k == r", k=shape.back, r=shape.ahead)):
        return None
    # Sink j is beyond the window of the queries j + k + 1, ..., n - 1, and of the queries 0, ..., j - k - 1.
    last = formula("n - 1", n=tokens)
    window = minimum(shape.back, last) if windows else formula("0 - 1")
    beyond = formula("N - w", N=last, w=window)
    more = formula("g*x - (g*(g - 1)) // 2", g=minimum(shape.first, beyond), x=beyond)
    if shape.causal:
        return add(held, more)
    ahead = formula("max(0, min(g, n) - 1 - w)", g=shape.first, n=tokens, w=window)
    more = formula("x + y*(y + 1) // 2", x=more, y=ahead)
    if shape.queries:
        # A pair of two first tokens is beyond the window of either.
        more = formula("2*x - y*(y + 1)", x=more, y=ahead)
    return add(held, more)


def _window_edges(subject: Subject, parts: list[Part], tokens: Expr) -> Expr | None:
    """The pairs of a union of windows that all hold lag 0."""
    found = [part_lags(part, subject.know) for part in parts]
    known = [f for f in found if f is not None]
    up = side([b for f in known for b in f.up], subject.know)
    down = side([b for f in known for b in f.down], subject.know)
    if len(known) < len(parts) or up is None or down is None or up.skips or down.skips:
        return None
    if INFINITE in (up.window, down.window) or not any(b.start == ZERO for f in known for b in f.up):
        return None
    last = formula("n - 1", n=tokens)
    back = window_pairs(ZERO, minimum(up.window, last), tokens)
    return add(back, window_pairs(ONE, minimum(down.window, last), tokens))


RULE = Rule(
    "first tokens",
    "the first tokens are seen by all, and relay what they see themselves",
    {"depth": _depth, "edges": _edges},
)
