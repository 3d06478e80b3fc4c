"""How far information flows: the largest lag of a layer, once a layer.

Hops add up and every layer may take its longest one, so ``reach(L) = L * max(D)`` for any set D of lags; with the
residual connection ``max(D) >= 0``.
"""

from __future__ import annotations

from patternc.analysis.closed_form import Rule
from patternc.analysis.family import INFINITE
from patternc.analysis.subject import Subject
from patternc.ir.expr import ZERO, Expr, mul


def _reach(subject: Subject, layers: Expr) -> Expr | None:
    if subject.lags is None or not subject.ask("L >= 0", L=layers):
        return None
    furthest = [block.last for block in subject.lags.up]
    if INFINITE in furthest:
        return INFINITE if subject.ask("L >= 1", L=layers) else ZERO
    return mul(layers, subject.know.larger(ZERO, *furthest))


RULE = Rule("reach", "reach(L) = L * (largest lag of a layer)", {"reach": _reach})
