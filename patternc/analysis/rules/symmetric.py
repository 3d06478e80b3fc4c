"""A window and skips to both sides: ``D = [-k, k] | {-Mp, ..., -p, p, ..., Mp}``, ``k < p``.

With j of L layers spent on skips, L layers see ``m*p + [-k*(L - j), k*(L - j)]`` for ``|m| <= j*M``: windows reach out
from both ends of a gap, so it closes when the two together measure ``p - 1``.  Lags are counted on the unbounded line.
On a sequence the steps can be taken in an order that never leaves it where it is as long as the two longest different
steps together (``n >= p + k`` for one skip); in a shorter one, from ``n = p + 1`` on, the ends may cut a path.

Skips without end: the lags need ``1 + ceil((p // 2) / k)`` layers.  From ``n >= 3*p`` on one more is always enough: a
hop to the middle, windows there, where no end is near, and a hop to the aim.
"""

from __future__ import annotations

from patternc.analysis.closed_form import Bounds, Rule, Value
from patternc.analysis.family import INFINITE
from patternc.analysis.rules.skips import first_run, single_skip, with_windows
from patternc.analysis.rules.window import layers_to_cross
from patternc.analysis.subject import Subject
from patternc.analysis.symbolic.formula import formula
from patternc.ir.expr import ONE, ZERO, Expr, add


def _shape(subject: Subject) -> dict[str, Expr] | None:
    found = None if subject.causal else single_skip(subject)
    if found is None or found[1].width != ZERO or subject.ahead is None:
        return None
    back, ahead = subject.back, subject.ahead
    if back is None or len(ahead.skips) != 1 or ahead.window == INFINITE:
        return None
    k, skip, other = found[0], found[1], ahead.skips[0]
    hops = (skip.hops, other.hops)
    if (skip.hops is None) != (other.hops is None) or other.start != ZERO or other.width != ZERO:
        return None
    pairs = [(k, ahead.window), (skip.period, other.period), *([(hops[0], hops[1])] if skip.hops else [])]
    if not all(a is not None and b is not None and subject.ask("a == b", a=a, b=b) for a, b in pairs):
        return None
    shape = {"k": k, "p": skip.period}
    return shape if skip.hops is None else {**shape, "M": skip.hops}


def _prefix(subject: Subject, layers: Expr) -> Expr | None:
    shape = _shape(subject)
    if shape is None or not subject.ask("L >= 1", L=layers):
        return None
    shape["L"] = layers
    if "M" not in shape:
        return _endless_prefix(subject, shape)
    if subject.ask("k >= M*p", **shape):
        return formula("k*L", **shape)
    if subject.ask("p <= k", **shape):
        return formula("(L - 1)*M*p + h", h=first_run(subject, shape), **shape)
    if not subject.ask("k >= 1", **shape):
        return ZERO
    shape = with_windows(shape)
    if subject.ask("M == 1", **shape):
        if subject.ask("L <= c // 2", **shape):
            return formula("k*L", **shape)
        return formula("(L - c // 2)*p + k*(c // 2)", **shape)
    if subject.ask("c > 2*L - 1", **shape):
        return formula("k*L", **shape)
    if subject.ask("c % 2 == 0", **shape):
        return formula("(L - c // 2)*M*p + k*(c // 2)", **shape)
    return formula("((L - c // 2 - 1)*M + 1)*p + k*(c // 2)", **shape)


def _endless_prefix(subject: Subject, shape: dict[str, Expr]) -> Expr:
    if not subject.ask("k >= 1", **shape):
        return ZERO
    if subject.ask("p <= k", **shape):
        return first_run(subject, shape) if subject.ask("L == 1", **shape) else INFINITE
    if subject.ask("k*(2*L - 1) < p - 1", **shape):
        return formula("k*L", **shape)
    return formula("p + k*(L - 1)", **shape) if subject.ask("2*k*(L - 1) < p - 1", **shape) else INFINITE


def _coverage(subject: Subject, layers: Expr) -> Expr | None:
    shape = _shape(subject)
    if shape is None or not subject.ask("L >= 1", L=layers):
        return None
    shape["L"] = layers
    if "M" not in shape:
        return INFINITE
    if subject.ask("k >= M*p", **shape):
        return formula("k*L + 1", **shape)
    if subject.ask("p <= k", **shape):
        return formula("L*M*p + 1 - (M*p - k - M + k // p)", **shape)
    if not subject.ask("k >= 1", **shape):
        return formula("L*M + 1", **shape)
    shape = with_windows(shape)
    # Between the blocks of t hops 2t windows meet, between t and t + 1 hops 2t + 1.
    inner = formula("min(L, (c + 1) // 2)", **shape)
    outer = formula("min(L, c // 2)", **shape)
    holes = formula("(M - 1)*(S*(p - 1) - k*S*(S - 1)) + T*(p - 1) - k*T*T", S=inner, T=outer, **shape)
    return formula("L*M*p + 1 - holes", holes=holes, **shape)


def _depth(subject: Subject, tokens: Expr) -> Value | None:
    shape = _shape(subject)
    if shape is None:
        return None
    shape["n"] = tokens
    if "M" not in shape:
        return _endless_depth(subject, shape)
    if not subject.ask("n >= 2", **shape):
        return ZERO
    if subject.ask("n <= p or k >= M*p", **shape):
        return layers_to_cross(subject, shape["k"], tokens)
    wide = subject.ask("p <= k", **shape)
    if not wide and not subject.ask("k >= 1", **shape):
        return INFINITE
    single = subject.ask("M == 1", **shape)
    # The two longest steps, one after the other, must fit into the sequence.
    if not subject.ask("n >= p + k" if single else "n >= M*p + max((M - 1)*p, k)", **shape):
        return None
    if wide:
        beyond = formula("n - 1 - h", h=first_run(subject, shape), **shape)
        return formula("1 + (max(0, x) + M*p - 1) // (M*p)", x=beyond, **shape)
    shape = with_windows(shape)
    if subject.ask("n - 1 <= k*(c // 2)", **shape):
        return layers_to_cross(subject, shape["k"], tokens)
    if single or subject.ask("c % 2 == 0", **shape):
        return formula("c // 2 + (n - 1 - k*(c // 2) + M*p - 1) // (M*p)", **shape)
    return formula("c // 2 + 1 + (max(0, n - 1 - p - k*(c // 2)) + M*p - 1) // (M*p)", **shape)


def _endless_depth(subject: Subject, shape: dict[str, Expr]) -> Bounds | None:
    if not subject.ask("p >= 2 and k >= 1 and k < p and n >= 3*p", **shape):
        return None
    least = formula("1 + (p // 2 + k - 1) // k", **shape)
    return Bounds(least, add(least, ONE))


RULE = Rule(
    "window and skips to both sides",
    "the lags of L layers are the union of m*p + [-k*(L - j), k*(L - j)], j = ceil(|m|/M) <= L",
    {"prefix": _prefix, "coverage": _coverage, "depth": _depth},
)
