"""What patterns let tokens see, by brute force: boolean matrices written from sections 1 and 2 of LANGUAGE.md.

A pattern is a tree of tuples, which `text` writes in the language and `mask` evaluates on all pairs with numpy; nothing
of patternc takes part.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

Tree: TypeAlias = "tuple[Any, ...]"
Mask: TypeAlias = "np.ndarray[Any, np.dtype[np.bool_]]"

OPERATORS: dict[str, Callable[[Mask, Mask], Mask]] = {
    "|": np.logical_or,
    "&": np.logical_and,
    "-": lambda a, b: a & ~b,
}
PRIMITIVES: dict[str, Callable[..., Any]] = {
    "window": lambda q, k, n, left, right=0: (-right <= q - k) & (q - k <= left),
    "ring": lambda q, k, n, left, right=0: ((q - k) % n <= left) | ((k - q) % n <= right),
    "stride": lambda q, k, n, p, hops=None, phase=0: (
        ((q - k - phase) % p == 0) & (q - k >= phase) & ((q - k <= phase + p * hops) if hops is not None else True)
    ),
    "chunk": lambda q, k, n, b, back=0: (q // b - k // b >= 0) & (q // b - k // b <= back),
    "columns": lambda q, k, n, p, phase=0, width=1: ((k - phase) % p < width) & (q >= 0),
    "sink": lambda q, k, n, g: (k < g) & (q >= 0),
    "global": lambda q, k, n, g: (k < g) | (q < g),
    "causal": lambda q, k, n: q >= k,
    "full": lambda q, k, n: (q >= 0) & (k >= 0),
}
CONDITIONS: dict[str, Callable[..., Any]] = {
    "(q + {0}) // {1} == (k + {0}) // {1}": lambda q, k, n, a, b: (q + a) // b == (k + a) // b,
    "q % {1} == (k + {0}) % {1}": lambda q, k, n, a, b: q % b == (k + a) % b,
    "({0} * q + 2 * k) % {1} < 2": lambda q, k, n, a, b: (a * q + 2 * k) % b < 2,
    "d % {1} <= {0} and d >= 0": lambda q, k, n, a, b: ((q - k) % b <= a) & (q >= k),
    "d <= {0} and (q + k) % {1} != 0": lambda q, k, n, a, b: (q - k <= a) & ((q + k) % b != 0),
    "abs(q - k) <= max({0}, n // {1})": lambda q, k, n, a, b: abs(q - k) <= max(a, n // b),
    "k >= n - {0} or q - k < {1} and q >= k": lambda q, k, n, a, b: (k >= n - a) | ((q - k < b) & (q >= k)),
}


def text(tree: Tree) -> str:
    """The relation as the language writes it."""
    name, *arguments = tree
    if name in OPERATORS:
        return "(" + f" {name} ".join(text(a) for a in arguments) + ")"
    if name == "mirror":
        return f"mirror({text(arguments[0])})"
    if name == "where":
        return f"where({arguments[0].format(*arguments[1:])})"
    shown = ", ".join("all" if a is None else str(a) for a in arguments)
    return f"{name}({shown})" if arguments else name


def mask(tree: Tree, n: int) -> Mask:
    """``mask[q, k]`` says whether query q attends to key k."""
    q, k = np.arange(n)[:, None], np.arange(n)[None, :]
    return _mask(tree, q, k, n)


def _mask(tree: Tree, q: Any, k: Any, n: int) -> Mask:
    name, *arguments = tree
    if name in OPERATORS:
        result = _mask(arguments[0], q, k, n)
        for other in arguments[1:]:
            result = OPERATORS[name](result, _mask(other, q, k, n))
        return result
    if name == "mirror":
        return _mask(arguments[0], k, q, n)
    if name == "where":
        found = CONDITIONS[arguments[0]](q, k, n, *arguments[1:])
    else:
        found = PRIMITIVES[name](q, k, n, *arguments)
    return np.broadcast_to(found, (n, n))


def product(outer: Mask, inner: Mask) -> Mask:
    """Query, some token, key: what is seen through both."""
    return outer.astype(np.float32) @ inner.astype(np.float32) > 0


def goal(layers: Sequence[Mask]) -> Mask:
    """What each token may see."""
    n = len(layers[0])
    lower = np.tri(n, dtype=bool)
    return lower if not any((m & ~lower).any() for m in layers) else np.ones((n, n), bool)


def depth(layers: Sequence[Mask], endless: bool) -> float:
    """The fewest layers after which every token sees all it may; infinity where none is enough."""
    n = len(layers[0])
    aim, seen, count = goal(layers), np.eye(n, dtype=bool), 0
    while not (seen == aim).all():
        if not endless and count == len(layers):
            return float("inf")
        step = layers[0 if endless else count] | np.eye(n, dtype=bool)
        following = product(step, seen)
        if endless and (following == seen).all():
            return float("inf")
        seen, count = following, count + 1
    return count


def lags_after(layers: Sequence[set[int]]) -> set[int]:
    """The sums of one lag, or none, of each layer."""
    total = {0}
    for lags in layers:
        total = {a + b for a in total for b in lags | {0}}
    return total


def measures(total: set[int]) -> tuple[int, int, int]:
    """Reach, coverage and prefix of what can be crossed."""
    prefix = 0
    while prefix + 1 in total:
        prefix += 1
    return max(total), sum(x >= 0 for x in total), prefix


def some_relation(rng: random.Random, size: int = 6, parts: int = 3) -> Tree:
    """A relation drawn at random, with arguments up to about ``size``."""
    trees = [_some_part(rng, size) for _ in range(rng.randint(1, parts))]
    tree: Tree = trees[0] if len(trees) == 1 else ("|", *trees)
    chance = rng.random()
    if chance < 0.45:
        return ("&", tree, ("causal",))
    return ("-", tree, _some_part(rng, size)) if chance < 0.52 else tree


def _some_part(rng: random.Random, size: int) -> Tree:
    def upto(limit: int, low: int = 0) -> int:
        return rng.randint(low, max(limit, low))

    name = rng.choice([*PRIMITIVES, "window", "stride", "mirror", "where"])
    match name:
        case "window":
            return (name, upto(size // 2), *([upto(size // 2)] if rng.random() < 0.4 else []))
        case "ring":
            return (name, upto(size // 2), upto(size // 2))
        case "stride":
            hops = None if rng.random() < 0.4 else upto(3)
            return (name, upto(size + 3, 1), hops, *([upto(size)] if rng.random() < 0.3 else []))
        case "chunk":
            return (name, upto(size, 1), upto(1))
        case "columns":
            return (name, upto(size, 1), upto(size), upto(2, 1))
        case "sink" | "global":
            return (name, upto(2))
        case "mirror":
            return (name, _some_part(rng, size))
        case "where":
            return (name, rng.choice(list(CONDITIONS)), upto(size // 2), upto(size, 2))
    return (name,)
