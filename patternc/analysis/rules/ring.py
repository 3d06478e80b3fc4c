"""A window wrapped around the sequence: L layers see ``l*L`` tokens to one side and ``r*L`` to the other, around it."""

from __future__ import annotations

from patternc.analysis.closed_form import Rule
from patternc.analysis.family import INFINITE
from patternc.analysis.subject import Subject
from patternc.analysis.symbolic.formula import formula
from patternc.ir.expr import ZERO, Expr, compare
from patternc.ir.relation import LagMod


def _width(subject: Subject, tokens: Expr) -> Expr | None:
    """How many other tokens a query of ``tokens >= 1`` sees, all where it is that many; None of what is no ring."""
    if subject.parts is None or len(subject.parts) != 1 or len(subject.parts[0]) != 1:
        return None
    ring = subject.parts[0][0]
    if not isinstance(ring, LagMod) or ring.document or ring.period != tokens:
        return None
    # A ring that was mirrored starts where n tells.
    if subject.ask("n <= w", n=tokens, w=ring.width):
        return tokens
    inside = compare("<=", ring.phase, ZERO), compare(">", formula("f + w", f=ring.phase, w=ring.width), ZERO)
    if not all(subject.know.proves(condition) for condition in inside):
        return None
    return subject.know.normal(formula("w - 1", w=ring.width))


def _depth(subject: Subject, tokens: Expr) -> Expr | None:
    width = _width(subject, tokens)
    if width is None:
        return None
    if not subject.ask("n >= 2", n=tokens):
        return ZERO
    if not subject.ask("w >= 1", w=width):
        return INFINITE
    return formula("(n - 1 + w - 1) // w", n=tokens, w=width)


def _edges(subject: Subject, tokens: Expr) -> Expr | None:
    if len(subject.heads) != 1 or len(subject.heads[0]) != 1 or not subject.ask("n >= 1", n=tokens):
        return None
    width = _width(subject, tokens)
    if width is None:
        return None
    return formula("n*min(n, w + 1)", n=tokens, w=width)


RULE = Rule(
    "ring", "L layers of a ring see (l + r)*L + 1 tokens around the sequence", {"depth": _depth, "edges": _edges}
)
