"""Deterministic text of the stages, for `compile --emit` and for reading along."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from patternc.ir.expr import TRUE, Expr, Sym, rebuild, show
from patternc.ir.instantiate import Instance
from patternc.ir.plan import PerHead, Plan
from patternc.ir.program import HeadRange, Layers, Program, Repeat
from patternc.ir.relation import describe, substituted
from patternc.source import Span

POSITIONS = frozenset({"q", "k", "n"})
"""The symbols of membership, as they are printed."""


def tree_text(node: Any) -> str:
    """A syntax tree, a node a line, its fields indented below it."""
    return "\n".join(_tree(node, 0)) + "\n"


def _tree(node: Any, depth: int, label: str = "") -> Iterator[str]:
    pad = "  " * depth + label
    if is_dataclass(node) and not isinstance(node, type):
        children = [(f.name, getattr(node, f.name)) for f in fields(node)]
        plain = [f"{n}={v!r}" for n, v in children if not _nested(v) and not isinstance(v, Span)]
        yield pad + type(node).__name__ + (f"({', '.join(plain)})" if plain else "")
        for name, value in children:
            if _nested(value):
                yield from _tree(value, depth + 1, f"{name}: ")
    elif isinstance(node, tuple):
        yield pad.rstrip(": ") + (":" if label else "")
        for item in node:
            yield from _tree(item, depth + 1)
    else:
        yield pad + repr(node)


def _nested(value: Any) -> bool:
    if isinstance(value, Span):
        return False
    return (is_dataclass(value) and not isinstance(value, type)) or (isinstance(value, tuple) and value != ())


def program_text(program: Program) -> str:
    """The items of a file, parameters open: patterns as set algebra over conditions, stacks, claims as written."""
    lines: list[str] = []
    for pattern in program.patterns:
        given = ", ".join(f"{p.name} = {show(p.default)}" for p in pattern.parameters)
        lines.append(f"{'causal ' if pattern.causal else ''}pattern {pattern.name}({given})")
        domains = (r for part in pattern.ranges for r in part.domains)
        conditions = dict.fromkeys(r.condition for r in (*pattern.requirements, *domains))
        lines += (f"  require {show(condition)}" for condition in conditions)
        # Where a parameter is named like a position, it is the pattern's.
        names = {p.name: Sym(f"{pattern.name}.{p.name}") for p in pattern.parameters if p.name in POSITIONS}
        for part in pattern.ranges:
            branches = tuple(substituted(b, names) for b in part.branches)
            lines += _range_text(replace(part, branches=branches), pattern.by_head)
    for stack in program.stacks:
        given = ", ".join(f"{p.name} = {show(p.default)}" for p in stack.parameters)
        lines.append(f"stack {stack.name}({given})")
        lines += _entries_text(stack.entries, 1)
    lines += (f"prove {item.target}: {item.text}" for item in program.proves)
    return "\n".join(lines) + "\n"


def _range_text(part: HeadRange, by_head: bool) -> Iterator[str]:
    if part.lo is not None and part.hi is not None:
        yield f"  heads {show(part.lo)}..{show(part.hi)}:"
    else:
        yield "  other heads:" if by_head else "  every head:"
    for b, branch in enumerate(part.branches):
        yield f"    branch {b}: {describe(branch)}"


def _entries_text(entries: tuple[Layers | Repeat, ...], depth: int) -> Iterator[str]:
    for entry in entries:
        if isinstance(entry, Repeat):
            yield "  " * depth + f"repeat {show(entry.count)}:"
            yield from _entries_text(entry.entries, depth + 1)
        else:
            given = ", ".join(f"{name} = {show(value)}" for name, value in entry.arguments)
            yield "  " * depth + f"layers {show(entry.count)}: {entry.pattern}({given})"


def instance_text(instance: Instance) -> str:
    """A pattern with its numbers: each range of heads and each branch as set algebra over conditions."""
    values = ", ".join(f"{name} = {value}" for name, value in instance.values.items())
    lines = [f"{'causal ' if instance.causal else ''}pattern {instance.name}({values})"]
    for part in instance.ranges:
        lines += _range_text(part, instance.pattern.by_head)
    return "\n".join(lines) + "\n"


def plan_text(plan: Plan) -> str:
    """A kernel plan: parts in launch order, with the closed forms of their tiles."""
    heads = "any number of heads" if plan.heads is None else f"{plan.heads} heads"
    lines = [f"plan {plan.name}: {heads}, {len(plan.branches)} branch{'es' if len(plan.branches) > 1 else ''}"]
    for b, branch in enumerate(plan.branches):
        for part in branch.parts:
            who = "" if part.heads is None else f", heads {', '.join(map(str, part.heads))}"
            period = "" if part.period is None else f" modulo {plan_expr(part.period)}"
            columns = ""
            if part.gather is not None:
                terms = zip(("period", "phase", "width"), vars(part.gather).values(), strict=False)
                columns = " of " + ", ".join(f"{word} {plan_expr(value)}" for word, value in terms)
            fold = "" if part.first else ", folded into the parts before it"
            lines.append(f"  branch {b}: {part.kind}{period}{columns}{who}{fold}")
            for s in part.segments:
                lines.append(f"    {s.text}")
                if s.phase is not None:
                    lines.append(f"      phase       {plan_expr(s.phase)}")
                lines.append(f"      keys        {plan_expr(s.key_lo)} .. {plan_expr(s.key_hi)}")
                lines.append(f"      queries     {plan_expr(s.query_lo)} .. {plan_expr(s.query_hi)}")
                lines.append(f"      full tile   {plan_expr(s.full)}")
                lines.append(f"      mask        {plan_expr(s.mask)}")
                if s.queries_live != TRUE:
                    lines.append(f"      if          {plan_expr(s.queries_live)}, {plan_expr(s.keys_live)}")
    return "\n".join(lines) + "\n"


def file_text(text: str) -> str:
    """An emitted file is its own text."""
    return text


def plan_expr(expr: Expr) -> str:
    """Text of an expression whose constants may differ from head to head."""
    return show(_listed(expr))


def _listed(expr: Expr) -> Expr:
    if isinstance(expr, PerHead):
        return Sym("{" + ", ".join(map(str, expr.values)) + "}[h]")
    return rebuild(expr, tuple(_listed(c) for c in expr.children())) if expr.children() else expr
