"""Claims about lags as statements of a certificate: expressions as JSON, layers as lists of lags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from patternc.analysis.family import Block, Lags, from_zero
from patternc.analysis.symbolic.knowledge import Knowledge
from patternc.ir.expr import ONE, ZERO, Arith, Compare, Expr, Int, Logic, Sym
from patternc.ir.program import Chain, Claim, Covers, GapFree, Infinity, Measure

Tree: TypeAlias = Any
"""An expression of a certificate: a number, a symbol, or a list of an operator and its arguments."""
Comparison: TypeAlias = tuple[str, Tree, Tree]

MAX_POWER = 8


class UnstatedError(ValueError):
    """A claim or an expression that no statement of a certificate says."""


def tree_of(expr: Expr) -> Tree:
    """``expr`` in the operators of a certificate.  Raises `UnstatedError`."""
    match expr:
        case Int(value):
            return value
        case Sym(name):
            return name
        case Infinity():
            return "oo"
        case Measure("reach" | "prefix" | "coverage" as name, argument):
            return [name, tree_of(argument)]
        case Arith("+" | "-" | "*" as op, (a, b)):
            return [op, tree_of(a), tree_of(b)]
        case Arith("neg", (a,)):
            return ["-", 0, tree_of(a)]
        case Arith("//", (a, b)):
            return ["floor", tree_of(a), tree_of(b)]
        case Arith("%", (a, b)):
            dividend, divisor = tree_of(a), tree_of(b)
            return ["-", dividend, ["*", divisor, ["floor", dividend, divisor]]]
        case Arith("**", (a, Int(power))) if 0 <= power <= MAX_POWER:
            result: Tree = 1
            for _ in range(power):
                result = tree_of(a) if result == 1 else ["*", result, tree_of(a)]
            return result
        case Arith("**", (a, b)):
            return ["**", tree_of(a), tree_of(b)]
        case Arith("max", args):
            return _folded([tree_of(a) for a in args])
        case Arith("min", args):
            return ["-", 0, _folded([["-", 0, tree_of(a)] for a in args])]
        case Arith("abs", (a,)):
            return ["max", tree_of(a), ["-", 0, tree_of(a)]]
        case Arith("ceil_log2", (a,)):
            return ["ceil_log2", tree_of(a)]
        case _:
            raise UnstatedError("an expression that certificates do not know")


def _folded(args: list[Tree]) -> Tree:
    result = args[0]
    for arg in args[1:]:
        result = ["max", result, arg]
    return result


def conditions_of(condition: Expr) -> list[Comparison]:
    """A condition as comparisons that all hold.  Raises `UnstatedError`."""
    match condition:
        case Logic("and", args):
            return [c for arg in args for c in conditions_of(arg)]
        case Compare(op, left, right) if op != "!=":
            return [(op, tree_of(left), tree_of(right))]
        case _:
            raise UnstatedError("a condition that certificates do not know")


def comparisons_of(claim: Claim, layers: Expr | None = None) -> list[Comparison]:
    """The comparisons that a claim stands for.  Raises `UnstatedError`.

    ``layers`` is how many layers a stack has, for `covers` without an argument of its own.
    """
    match claim:
        case Chain(operands, ops):
            links = zip(operands, ops, operands[1:], strict=False)
            return [c for left, op, right in links for c in _link(left, op, right)]
        case Covers(tokens, own):
            if (count := own or layers) is None:
                raise UnstatedError("covers without layers")
            return [("covers", tree_of(tokens), tree_of(count))]
        case GapFree(count):
            return [("==", ["prefix", tree_of(count)], ["reach", tree_of(count)])]
        case _:
            raise UnstatedError("a claim that certificates do not know")


_MIRRORED = {"<=": ">=", "<": ">", ">=": "<=", ">": "<", "==": "=="}


def _link(left: Expr, op: str, right: Expr) -> list[Comparison]:
    if op not in _MIRRORED:
        raise UnstatedError("!=")
    if isinstance(right, Measure) and right.name == "depth":
        left, op, right = right, _MIRRORED[op], left
    if not isinstance(left, Measure) or left.name != "depth":
        return [(op, tree_of(left), tree_of(right))]
    tokens, bound = tree_of(left.argument), tree_of(right)
    fewer = ["-", bound, 1]
    match op:
        case "<=":
            return [("covers", tokens, bound)]
        case "<":
            return [("covers", tokens, fewer)]
        case ">=":
            return [("misses", tokens, fewer)]
        case ">":
            return [("misses", tokens, bound)]
        case _:
            return [("covers", tokens, bound), ("misses", tokens, fewer)]


def lags_of(lags: Lags, know: Knowledge) -> list[list[Tree]]:
    """A layer's lags, then the negated ones where there are any, marked by -1."""
    up, down = ([from_zero(b, know) for b in side if b != Block(ZERO, ZERO)] for side in (lags.up, lags.down))
    # One skip is a stride of one hop, as it is where lag 0 belongs to it.
    down = [skip if (skip := Block(ZERO, b.width, b.start, ONE)) in up and b.hops == ZERO else b for b in down]
    return _side(up) + ([[*lag, -1] for lag in _side(down)] if down else [])


def _side(blocks: Sequence[Block]) -> list[list[Tree]]:
    """The lags of one sign, brought to one window and one stride where they are no more than that."""
    windows = [b for b in blocks if b.hops == ZERO and b.start == ZERO]
    strides = [b for b in blocks if b.hops != ZERO]
    if len(windows) <= 1 and len(strides) <= 1 and len(windows) + len(strides) == len(blocks):
        first = windows or [Block(ZERO, ZERO)]
        return [_lag(b) for b in (*first, *(strides or [Block(ZERO, ZERO)]))]
    return [_lag(b) for b in blocks]


def with_numbers(tree: Tree, values: Mapping[str, int]) -> Tree:
    """An expression, or a comparison, with numbers for symbols."""
    if isinstance(tree, list):
        return [tree[0], *(with_numbers(t, values) for t in tree[1:])]
    return values.get(tree, tree) if isinstance(tree, str) else tree


def _lag(block: Block) -> list[Tree]:
    hops = "oo" if block.hops is None else tree_of(block.hops)
    return [tree_of(block.start), tree_of(block.width), tree_of(block.period), hops]
