"""Deterministic text of the stages, for `compile --emit` and for reading along."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from patternc.ir.expr import TRUE, Expr, Sym, rebuild, show
from patternc.ir.instantiate import Instance
from patternc.ir.plan import PerHead, Plan
from patternc.ir.relation import describe
from patternc.source import Span


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


def instance_text(instance: Instance) -> str:
    """A pattern with its numbers: each range of heads and each branch as set algebra over conditions."""
    values = ", ".join(f"{name} = {value}" for name, value in instance.values.items())
    lines = [f"{'causal ' if instance.causal else ''}pattern {instance.name}({values})"]
    for part in instance.ranges:
        if part.lo is not None and part.hi is not None:
            lines.append(f"  heads {show(part.lo)}..{show(part.hi)}:")
        elif instance.pattern.by_head:
            lines.append("  other heads:")
        else:
            lines.append("  every head:")
        for b, branch in enumerate(part.branches):
            lines.append(f"    branch {b}: {describe(branch)}")
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


def plan_expr(expr: Expr) -> str:
    """Text of an expression whose constants may differ from head to head."""
    return show(_listed(expr))


def _listed(expr: Expr) -> Expr:
    if isinstance(expr, PerHead):
        return Sym("{" + ", ".join(map(str, expr.values)) + "}[h]")
    return rebuild(expr, tuple(_listed(c) for c in expr.children())) if expr.children() else expr
