"""Invariants of what the passes leave: what breaks one is a mistake of the compiler, found where it was made."""

from __future__ import annotations

from collections.abc import Iterator

from patternc.ir.expr import DOCUMENT_POSITIONS, HEAD_SYMBOLS, POSITIONS, Expr
from patternc.ir.instantiate import Instance
from patternc.ir.plan import DOCUMENT_OF, FIRST_K, FIRST_Q, LAST_K, LAST_Q, SHIFT, Part, PerHead, Plan
from patternc.ir.program import HeadRange, Program
from patternc.ir.relation import SAME_DOCUMENT, member

PAIR = POSITIONS | DOCUMENT_POSITIONS | SAME_DOCUMENT.symbols
"""The symbols of a pair."""
TILE = frozenset().union(*(s.symbols for s in (FIRST_Q, LAST_Q, FIRST_K, LAST_K, SHIFT, *DOCUMENT_OF.values())))
"""Those of a tile."""


def program_problems(program: Program) -> Iterator[str]:
    """What is wrong with a program: names that its patterns do not have."""
    for pattern in program.patterns:
        known = PAIR | HEAD_SYMBOLS | {p.name for p in pattern.parameters}
        for part in pattern.ranges:
            yield from _strangers(part, known, pattern.name)


def instance_problems(instance: Instance) -> Iterator[str]:
    """What is wrong with a pattern that has its numbers: parameters that are left."""
    for part in instance.ranges:
        yield from _strangers(part, PAIR | HEAD_SYMBOLS, instance.name)


def _strangers(part: HeadRange, known: frozenset[str] | set[str], owner: str) -> Iterator[str]:
    for b, branch in enumerate(part.branches):
        strange = member(branch).symbols - known
        if strange:
            yield f"branch {b} of {owner} speaks of {', '.join(sorted(strange))}"


def plan_problems(plan: Plan) -> Iterator[str]:
    """What is wrong with a plan: names that kernels do not have, tables of another head count, parts out of turn."""
    for b, branch in enumerate(plan.branches):
        started: set[int] = set()
        for part in branch.parts:
            where = f"{part.kind} of branch {b} of {plan.name}"
            yield from (f"{where}: {problem}" for problem in _part_problems(part, plan.heads))
            heads = set(part.heads if part.heads is not None else range(plan.heads or 1))
            if part.first and heads & started:
                yield f"{where}: a second first part"
            if not part.first and heads - started:
                yield f"{where}: it folds into a part that no head has"
            started |= heads


def _part_problems(part: Part, heads: int | None) -> Iterator[str]:
    for segment in part.segments:
        for expr in (v for v in vars(segment).values() if isinstance(v, Expr)):
            strange = expr.symbols - PAIR - TILE
            if strange:
                yield f"it speaks of {', '.join(sorted(strange))}"
            yield from (f"{len(t.values)} numbers for {heads} heads" for t in _tables(expr) if len(t.values) != heads)


def _tables(expr: Expr) -> Iterator[PerHead]:
    if isinstance(expr, PerHead):
        yield expr
    for child in expr.children():
        yield from _tables(child)
