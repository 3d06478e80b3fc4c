"""How many query-key scores a layer computes: ``n - |d|`` for every lag d that is held.

``[0, K]`` with ``K = min(k, n - 1)`` gives ``n*(K + 1) - K*(K + 1)/2``; ``a + m*p``, ``0 <= m <= m'``, gives
``(m' + 1)*(n - a) - p*m'*(m' + 1)/2`` with ``m' = min(M, (n - 1 - a) // p)``.  One softmax counts a pair once, a gate
counts it in every branch, and the costliest head decides.  Where blocks may overlap in other ways the count is only
enclosed: by the largest block and by their sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from patternc.analysis.closed_form import Bounds, Rule, Value
from patternc.analysis.family import Block, lags
from patternc.analysis.subject import Subject
from patternc.analysis.symbolic.formula import formula
from patternc.ir.expr import ONE, ZERO, Expr, add, compare, maximum, minimum, mul


def _edges(subject: Subject, tokens: Expr) -> Value | None:
    if not subject.ask("n >= 1", n=tokens):
        return None
    heads: list[Bounds] = []
    for branches in subject.heads:
        counts: list[Bounds] = []
        for branch in branches:
            found = lags(branch, subject.know)
            if found is None:
                return None
            counts += [count(subject, found.up, tokens), count(subject, found.down, tokens)]
        heads.append(Bounds(total([c.lower for c in counts]), total([c.upper for c in counts])))
    lower, upper = maximum(*(h.lower for h in heads)), maximum(*(h.upper for h in heads))
    return lower if lower == upper else Bounds(lower, upper)


def total(values: Sequence[Expr]) -> Expr:
    """The sum of the values."""
    return reduce(add, values, ZERO)


def count(subject: Subject, blocks: Sequence[Block], n: Expr) -> Bounds:
    """How many pairs the union of blocks on one side of the diagonal holds."""
    blocks = [b for b in blocks if b.start in (ZERO, ONE) or subject.ask("a <= n - 1", a=b.start, n=n)]
    if not blocks:
        return Bounds(ZERO, ZERO)
    windows = [b for b in blocks if b.start in (ZERO, ONE) and _interval(b)]
    others = [_point(b, subject) for b in blocks if b not in windows]
    if len({w.start for w in windows}) > 1 or len(others) > 1 or any(b.width != ZERO or _interval(b) for b in others):
        return _enclosed(subject, blocks, n)
    exact = ZERO
    end = maximum(*(last_within(w, n) for w in windows)) if windows else None
    if end is not None:
        exact = window_pairs(windows[0].start, end, n)
    for block in others:
        hops = hops_within(subject, block, formula("n - 1", n=n))
        exact = add(exact, stride_pairs(block, hops, n))
        if end is not None:
            if not subject.ask("a <= b", a=windows[0].start, b=block.start):
                return _enclosed(subject, blocks, n)
            # Pairs that the window holds already: nothing of the block lies before it.
            shared = minimum(hops, hops_within(subject, block, end))
            exact = formula("x - y", x=exact, y=stride_pairs(block, shared, n))
    return Bounds(exact, exact)


def _interval(block: Block) -> bool:
    return block.period == ONE and (block.hops is None or block.hops == ZERO)


def _point(block: Block, subject: Subject) -> Block:
    """A single lag as a stride without hops, so that it is counted like one."""
    single = _interval(block) and block.width == ZERO and block.hops is not None
    return Block(block.start, ZERO, block.start, ZERO) if single and subject.ask("a > 1", a=block.start) else block


def _enclosed(subject: Subject, blocks: Sequence[Block], n: Expr) -> Bounds:
    blocks = [b for b in blocks if not any(_first_run(b, other, subject) for other in blocks)]
    lowers: list[Expr] = []
    uppers: list[Expr] = []
    for block in blocks:
        if _interval(block):
            pairs = window_pairs(block.start, last_within(block, n), n)
            lowers.append(pairs)
            uppers.append(pairs)
        else:
            pairs = stride_pairs(block, hops_within(subject, block, formula("n - 1", n=n)), n)
            lowers.append(pairs)
            uppers.append(mul(pairs, add(block.width, ONE)))
    return Bounds(maximum(*lowers), total(uppers))


def _first_run(window: Block, stride: Block, subject: Subject) -> bool:
    """Whether the interval lies within the first run of the stride."""
    if not _interval(window) or window.hops is None or _interval(stride) or stride.start != window.start:
        return False
    return subject.know.proves(compare("<=", window.width, stride.width))


def last_within(block: Block, n: Expr) -> Expr:
    """The last lag of an interval that a sequence of n tokens has; one less than ``start`` where it has none."""
    last = formula("n - 1", n=n)
    return last if block.hops is None else minimum(block.last, last)


def window_pairs(first: Expr, last: Expr, n: Expr) -> Expr:
    """Pairs at lags ``first`` to ``last`` (``last >= first - 1``)."""
    return formula("n*(b - a + 1) - (b*(b + 1) // 2 - a*(a - 1) // 2)", a=first, b=last, n=n)


def hops_within(subject: Subject, block: Block, last: Expr) -> Expr:
    """The largest m with ``start + m*period <= last`` that the block has; -1 where there is none."""
    fitting = formula("(b - a) // p", a=block.start, b=last, p=block.period)
    if not subject.know.proves(formula("b - a >= 0 - p", a=block.start, b=last, p=block.period)):
        fitting = maximum(fitting, formula("-1"))
    return fitting if block.hops is None else minimum(block.hops, fitting)


def stride_pairs(block: Block, hops: Expr, n: Expr) -> Expr:
    """Pairs at lags ``start + m*period``, ``0 <= m <= hops``."""
    return formula("(m + 1)*(n - a) - p*(m*(m + 1) // 2)", a=block.start, m=hops, n=n, p=block.period)


RULE = Rule("edges", "every lag d that is held gives n - |d| pairs", {"edges": _edges})
