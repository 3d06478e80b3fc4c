"""Any union of windows and strides, causal or not, where it is linear: periods that are numbers, or a number of layers.

isl computes the lags that L layers cross, for all L as a transitive closure, and the first one that is missing.
"""

from __future__ import annotations

from patternc.analysis.closed_form import Cases, Rule
from patternc.analysis.family import INFINITE
from patternc.analysis.subject import Subject
from patternc.analysis.symbolic.lag_fields import Run, prefix
from patternc.ir.expr import Expr


def _prefix(subject: Subject, layers: Expr) -> Cases | None:
    if subject.lags is None or not subject.ask("L >= 1", L=layers):
        return None
    know, sides = subject.know, ((subject.lags.up, False), (subject.lags.down, True))
    runs = tuple(Run(b.start, b.width, b.period, b.hops, down) for blocks, down in sides for b in blocks)
    pieces = prefix(runs, layers, know.first, know.order)
    if not pieces:
        return None
    return Cases(tuple((condition, INFINITE if value is None else value) for condition, value in pieces))


RULE = Rule("lag sets", "the first lag missing from the transitive closure, by isl", {"prefix": _prefix})
