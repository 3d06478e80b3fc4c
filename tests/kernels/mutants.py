"""Emitted kernels with one bound moved, which the tests must notice."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

Change: TypeAlias = Callable[[Any], None]
KERNELS = ("_forward", "_backward_q", "_backward_kv")


@dataclass(frozen=True)
class Mutant:
    """``what`` was changed, in which kernel, and the text with it."""

    kernel: str
    what: str
    text: str

    def __str__(self) -> str:
        return f"{self.kernel}: {self.what}"


def mutants(text: str, period: int = 1) -> Iterator[Mutant]:
    """Every bound of the emitted kernels moved by one; ``period`` is how far apart the lags of a residue class lie.

    Ranges of keys and queries lose their first or last one, masks gain and lose a lag, a key or a query, tests for
    full tiles pass one tile too many, phases and columns move.
    """
    tree = _portable(ast.parse(text))
    for function in tree.body:
        if not isinstance(function, ast.FunctionDef) or not function.name.endswith(KERNELS):
            continue
        visited = ("last_q", "q_at") if function.name.endswith("_kv") else ("last_k", "k_at")
        nodes = list(ast.walk(function))
        if period > 1 and function.name.endswith("_kv"):  # no query sees the last keys, so they may be loaded or not
            nodes.remove(next(x for x in nodes if _assigns(x, "key_valid")))
        for node in nodes:
            for what, change in _changes(node, period, visited):
                before = copy.copy(node.__dict__)
                change(node)
                ast.fix_missing_locations(tree)
                shown = ast.unparse(node).split("\n")[0]
                yield Mutant(function.name, f"{what}: {shown}", ast.unparse(tree))
                node.__dict__.clear()
                node.__dict__.update(before)


def _portable(tree: ast.Module) -> ast.Module:
    """The file without the kernels that run on one kind of device only, as on every other."""
    body: list[ast.stmt] = []
    for node in tree.body:
        gluon = isinstance(node, ast.If) and ast.unparse(node.test) == "GLUON"
        body += node.orelse if gluon else [node]
    tree.body = body
    return tree


def _assigns(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name


def _plus(value: ast.expr, by: int) -> ast.expr:
    return ast.BinOp(value, ast.Add() if by > 0 else ast.Sub(), ast.Constant(abs(by)))


def _changes(node: ast.AST, period: int, visited: tuple[str, ...]) -> Iterator[tuple[str, Change]]:
    """What can be changed at a node, and how; ``visited`` are the positions that the kernel's loop runs over."""
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        name = node.targets[0].id
        if name.startswith("lo_"):
            yield "first one left out", _value(+1)
        elif name.startswith("hi_"):
            yield "last one left out", _value(-1)
        elif name.startswith("count_"):
            yield "one too few", _value(-1)
        elif name == "k_at" and "column" in ast.unparse(node.value):
            yield "columns moved", _value(+1)
        elif name in ("key_valid", "row_valid") and len(list(_comparisons(node.value))) == 1:
            yield from _moved(node, "value", "the last one masked", -1)
        elif name == "live":
            yield from _moved(node, "value", "mask narrower", -1)
            yield from _moved(node, "value", "mask wider", period, visited)
    elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name) and node.target.id.startswith("lo_"):
        yield "phase moved", _value(+1)
    elif isinstance(node, ast.If) and "whole" in ast.unparse(node.test):
        yield from _moved(node, "test", "full too early", period, visited)


def _value(by: int) -> Change:
    def change(node: Any) -> None:
        node.value = _plus(node.value, by)

    return change


def _comparisons(expr: ast.expr, granted: tuple[str, ...] = ()) -> Iterator[ast.Compare]:
    """Comparisons by order, but for those of what is ``granted``: a bound of a position that the loop itself keeps."""
    for node in ast.walk(expr):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.LtE | ast.GtE | ast.Lt | ast.Gt):
            left = node.left.value if isinstance(node.left, ast.Subscript) else node.left
            if not (isinstance(left, ast.Name) and left.id in ("t", *granted)):
                yield node


def _moved(
    node: ast.AST, field: str, what: str, by: int, granted: tuple[str, ...] = ()
) -> Iterator[tuple[str, Change]]:
    """Each comparison of an expression let through ``by`` more, one at a time."""
    for i in range(len(list(_comparisons(getattr(node, field), granted)))):

        def change(node: ast.AST, i: int = i) -> None:
            expr = copy.deepcopy(getattr(node, field))
            compare = list(_comparisons(expr, granted))[i]
            upper = isinstance(compare.ops[0], ast.LtE | ast.Lt)
            compare.comparators[0] = _plus(compare.comparators[0], by if upper else -by)
            setattr(node, field, expr)

        yield what, change
