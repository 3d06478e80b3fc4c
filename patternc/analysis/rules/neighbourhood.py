"""Skips to a neighbourhood as wide as the window, causal: ``D = [0, k] + {0, p, ..., Mp}``.

No layer has to be spent on either: ``D + ... + D = [0, k*L] + {0, p, ..., M*L*p}``, which has no gap from
``k*L >= p - 1`` on.
"""

from __future__ import annotations

from patternc.analysis.closed_form import Rule
from patternc.analysis.family import INFINITE
from patternc.analysis.rules.skips import single_skip
from patternc.analysis.rules.window import layers_to_cross
from patternc.analysis.subject import Subject
from patternc.analysis.symbolic.formula import formula
from patternc.ir.expr import ZERO, Expr


def _shape(subject: Subject) -> dict[str, Expr] | None:
    found = single_skip(subject) if subject.causal else None
    if found is None or found[1].width == ZERO:
        return None
    k, skip = found
    if not subject.ask("w == k", w=skip.width, k=k):
        return None
    return {"k": k, "p": skip.period, **({} if skip.hops is None else {"M": skip.hops})}


def _prefix(subject: Subject, layers: Expr) -> Expr | None:
    shape = _shape(subject)
    if shape is None or not subject.ask("L >= 1", L=layers):
        return None
    if not subject.ask("k*L >= p - 1", L=layers, **shape):
        return formula("k*L", L=layers, **shape)
    return formula("(k + M*p)*L", L=layers, **shape) if "M" in shape else INFINITE


def _coverage(subject: Subject, layers: Expr) -> Expr | None:
    shape = _shape(subject)
    if shape is None or not subject.ask("L >= 1", L=layers):
        return None
    if "M" not in shape:
        return INFINITE
    if subject.ask("k*L >= p - 1", L=layers, **shape):
        return formula("(k + M*p)*L + 1", L=layers, **shape)
    return formula("(M*L + 1)*(k*L + 1)", L=layers, **shape)


def _depth(subject: Subject, tokens: Expr) -> Expr | None:
    shape = _shape(subject)
    if shape is None:
        return None
    if not subject.ask("n >= 2", n=tokens):
        return ZERO
    if not subject.ask("k >= 1", **shape):
        return INFINITE
    enough = formula("(p + k - 2) // k", **shape)
    if subject.ask("n - 1 <= k*(c - 1)", n=tokens, c=enough, **shape):
        return layers_to_cross(subject, shape["k"], tokens)
    if "M" not in shape:
        return enough
    return subject.know.larger(enough, layers_to_cross(subject, formula("k + M*p", **shape), tokens))


RULE = Rule(
    "neighbourhood skips",
    "the lags of L layers are [0, k*L] + {0, p, ..., M*L*p}",
    {"prefix": _prefix, "coverage": _coverage, "depth": _depth},
)
