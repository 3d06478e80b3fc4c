"""Which pairs attend, by brute force: written from sections 1 and 2 of LANGUAGE.md, straight from the syntax tree.

A relation is a set of pairs of positions, and the operators of the language are those of Python's sets.  Nothing but
the tree is shared with patternc, and every number is a plain Python integer.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, TypeAlias

from patternc.frontend import ast

Pairs: TypeAlias = "set[tuple[int, int]]"

ALL = None
"""`hops = all`."""


# Numbers and conditions

OPERATORS: dict[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
}
COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
FUNCTIONS: dict[str, Callable[..., int]] = {
    "min": min,
    "max": max,
    "abs": abs,
    "ceil_log2": lambda x: next(e for e in range(64) if 2**e >= x),
}


def number(node: ast.Expression, names: Mapping[str, int]) -> int:
    """The value of an expression."""
    match node:
        case ast.Number(value=value):
            return value
        case ast.Reference(name=name):
            return names[name]
        case ast.Negative(operand=operand):
            return -number(operand, names)
        case ast.Binary(op=op, left=left, right=right):
            return OPERATORS[op](number(left, names), number(right, names))
        case ast.Call(function=function, arguments=arguments):
            return FUNCTIONS[function.text](*(number(a.value, names) for a in arguments))
    raise AssertionError(f"not a number: {node}")


def condition(node: ast.Expression, names: Mapping[str, int]) -> bool:
    """Whether a condition holds."""
    match node:
        case ast.Not(operand=operand):
            return not condition(operand, names)
        case ast.Joined(op="and", operands=operands):
            return all(condition(o, names) for o in operands)
        case ast.Joined(op="or", operands=operands):
            return any(condition(o, names) for o in operands)
        case ast.Comparison(operands=operands, ops=ops):
            values = [number(o, names) for o in operands]
            return all(COMPARISONS[op](a, b) for op, a, b in zip(ops, values, values[1:], strict=False))
    raise AssertionError(f"not a condition: {node}")


# Relations


@dataclass(frozen=True)
class Place:
    """Where a relation is asked: which queries and keys, the length, the documents, and what names mean."""

    queries: range
    keys: range
    n: int
    documents: tuple[range, ...]
    numbers: Mapping[str, int]
    relations: Mapping[str, ast.Expression]

    def pairs(self) -> Pairs:
        return {(q, k) for q in self.queries for k in self.keys}


def _stride(q: int, k: int, n: int, p: int, hops: int | None = ALL, phase: int = 0) -> bool:
    m, rest = divmod(q - k - phase, p)
    return rest == 0 and m >= 0 and (hops is ALL or m <= hops)


PRIMITIVES: dict[str, tuple[tuple[str, ...], Callable[..., bool]]] = {
    "window": (("l", "r"), lambda q, k, n, l, r=0: -r <= q - k <= l),  # noqa: E741  the language's own name
    "ring": (("l", "r"), lambda q, k, n, l, r=0: (q - k) % n <= l or (k - q) % n <= r),  # noqa: E741
    "stride": (("p", "hops", "phase"), _stride),
    "chunk": (("b", "back"), lambda q, k, n, b, back=0: 0 <= q // b - k // b <= back),
    "columns": (("p", "phase", "width"), lambda q, k, n, p, phase=0, width=1: (k - phase) % p < width),
    "sink": (("g",), lambda q, k, n, g: k < g),
    "global": (("g",), lambda q, k, n, g: k < g or q < g),
    "causal": ((), lambda q, k, n: q - k >= 0),
    "full": ((), lambda q, k, n: True),
    "none": ((), lambda q, k, n: False),
}


def relation(node: ast.Expression, place: Place) -> Pairs:
    """The pairs of a relation."""
    match node:
        case ast.Joined(op="|", operands=operands):
            return set.union(*(relation(o, place) for o in operands))
        case ast.Joined(op="&", operands=operands):
            return set.intersection(*(relation(o, place) for o in operands))
        case ast.Binary(op="-", left=left, right=right):
            return relation(left, place) - relation(right, place)
        case ast.Reference(name="same_document"):
            return {(q, k) for q, k in place.pairs() if any(q in d and k in d for d in place.documents)}
        case ast.Reference(name=name) if name in place.relations:
            return relation(place.relations[name], place)
        case ast.Reference(name=name):
            return _primitive(name, (), place)
        case ast.Call(function=ast.Name(text="where"), arguments=(test,)):
            return {pair for pair in place.pairs() if condition(test.value, _positions(pair, place))}
        case ast.Call(function=ast.Name(text="mirror"), arguments=(inner,)):
            exchanged = replace(place, queries=place.keys, keys=place.queries)
            return {(q, k) for k, q in relation(inner.value, exchanged)}
        case ast.Call(function=ast.Name(text="per_document"), arguments=(inner,)):
            return set().union(*(_within(d, inner.value, place) for d in place.documents))
        case ast.Call(function=function, arguments=arguments):
            return _primitive(function.text, arguments, place)
    raise AssertionError(f"not a relation: {node}")


def _positions(pair: tuple[int, int], place: Place) -> dict[str, int]:
    q, k = pair
    return {**place.numbers, "q": q, "k": k, "d": q - k, "n": place.n}


def _primitive(name: str, arguments: tuple[ast.Argument, ...], place: Place) -> Pairs:
    names, holds = PRIMITIVES[name]
    given: dict[str, int | None] = {}
    for i, argument in enumerate(arguments):
        unlimited = isinstance(argument.value, ast.Reference) and argument.value.name == "all"
        key = argument.name.text if argument.name else names[i]
        given[key] = ALL if unlimited else number(argument.value, place.numbers)
    return {(q, k) for q, k in place.pairs() if holds(q, k, place.n, **given)}


def _within(document: range, node: ast.Expression, place: Place) -> Pairs:
    """The pairs of ``node`` within one document, whose positions and length are counted there."""
    if not document:
        return set()
    first, length = document.start, len(document)

    def inside(positions: range) -> range:
        return range(max(positions.start - first, 0), min(positions.stop - first, length))

    own = replace(
        place,
        queries=inside(place.queries),
        keys=inside(place.keys),
        n=length,
        documents=(range(length),),
    )
    return {(q + first, k + first) for q, k in relation(node, own)}


# Patterns


def parameters(pattern: ast.Pattern, given: Mapping[str, int]) -> dict[str, int]:
    """The numbers of the parameters: those given, and defaults for the rest."""
    values: dict[str, int] = {}
    for parameter in pattern.parameters:
        name = parameter.name.text
        values[name] = given[name] if name in given else number(parameter.default, values)
    return values


def admitted(pattern: ast.Pattern, given: Mapping[str, int]) -> bool:
    """Whether the values satisfy every `require`."""
    values = parameters(pattern, given)
    required = [c for s in pattern.statements if isinstance(s, ast.Require) for c in s.conditions]
    return all(condition(c, values) for c in required)


def _body(pattern: ast.Pattern, names: Mapping[str, int]) -> ast.Expression:
    """What the head ``names["h"]`` attends to."""
    attend = pattern.statements[-1]
    assert isinstance(attend, ast.Attend)
    if not isinstance(attend.body, ast.Heads):
        return attend.body
    otherwise: ast.Expression | None = None
    for entry in attend.body.entries:
        if entry.lo is None or entry.hi is None:
            otherwise = entry.body
        elif number(entry.lo, names) <= names["h"] < number(entry.hi, names):
            return entry.body
    assert otherwise is not None, "a head without a range"
    return otherwise


def head_branches(
    pattern: ast.Pattern,
    h: int,
    heads: int,
    nk: int,
    *,
    values: Mapping[str, int] | None = None,
    nq: int | None = None,
    ends: tuple[int, ...] | None = None,
    real: int | None = None,
) -> list[Pairs]:
    """The branches of head ``h``, each as pairs of a query's row and a key.

    ``ends`` are the documents as `cu_seqlens` gives them, ``real`` how many of the tokens are no padding.
    """
    nq = nk if nq is None else nq
    real = nk if real is None else real
    names = {**parameters(pattern, values or {}), "h": h, "heads": heads}
    ends = (0, nk) if ends is None else ends
    place = Place(
        queries=range(nk - nq, real),
        keys=range(real),
        n=real,
        documents=tuple(range(a, b) for a, b in pairwise(ends)),
        numbers=names,
        relations={s.name.text: s.value for s in pattern.statements if isinstance(s, ast.Define)},
    )
    branches = [relation(b, place) for b in _branches(_body(pattern, names))]
    return [{(q - (nk - nq), k) for q, k in b if not pattern.causal or q - k >= 0} for b in branches]


def _branches(body: ast.Expression) -> list[ast.Expression]:
    gated = isinstance(body, ast.Call) and body.function.text == "gate"
    return [a.value for a in body.arguments] if gated else [body]


def branch_count(pattern: ast.Pattern) -> int:
    """How many branches the pattern has: as many as the head with the most."""
    body = pattern.statements[-1].body
    bodies = [e.body for e in body.entries] if isinstance(body, ast.Heads) else [body]
    return max(len(_branches(b)) for b in bodies)


def mask(pattern: ast.Pattern, heads: int, nk: int, **options: Any) -> list[list[Pairs]]:
    """For every branch of the pattern the pairs of every head; a head's missing branches are empty."""
    by_head = [head_branches(pattern, h, heads, nk, **options) for h in range(heads)]
    count = branch_count(pattern)
    return [[own[b] if b < len(own) else set() for own in by_head] for b in range(count)]
