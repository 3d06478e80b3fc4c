"""Bounds for what has no closed form, or one that is too intricate for a comparison.

The lags of L layers hold those of L layers of its window alone, and none is larger than the reach:
``k*L <= prefix(L) <= reach(L)`` and ``prefix(L) + 1 <= coverage(L) <= reach(L) + 1``.
"""

from __future__ import annotations

from patternc.analysis.closed_form import Bounds, Rule
from patternc.analysis.family import INFINITE
from patternc.analysis.rules import reach
from patternc.analysis.subject import Subject
from patternc.analysis.symbolic.formula import formula
from patternc.analysis.symbolic.knowledge import UndeterminedError
from patternc.ir.expr import ONE, ZERO, Expr, add

_reach = reach.RULE.measures["reach"]


def _prefix(subject: Subject, layers: Expr) -> Bounds | None:
    if subject.lags is None or not subject.ask("L >= 0", L=layers):
        return None
    windows = [block.width for block in subject.lags.up if block.start == ZERO]
    furthest = _reach(subject, layers)
    if INFINITE in windows or not isinstance(furthest, Expr):
        return None
    return Bounds(formula("k*L", k=_largest(subject, windows), L=layers), furthest)


def _largest(subject: Subject, windows: list[Expr]) -> Expr:
    """The largest of the windows, or one of them where it depends."""
    try:
        return subject.know.larger(ZERO, *windows)
    except UndeterminedError:
        return windows[0]


def _coverage(subject: Subject, layers: Expr) -> Bounds | None:
    found = _prefix(subject, layers)
    return None if found is None else Bounds(add(found.lower, ONE), _one_more(found.upper))


def _one_more(value: Expr) -> Expr:
    return value if value == INFINITE else add(value, ONE)


RULE = Rule(
    "enclosed",
    "a layer holds its window: k*L <= prefix(L) < coverage(L) <= reach(L) + 1",
    {"prefix": _prefix, "coverage": _coverage},
)
COVERAGE = Rule(RULE.name, RULE.theorem, {"coverage": _coverage})
