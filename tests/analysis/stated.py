"""Statements of certificates, and what they say by counting: independent of the checker and of the prover."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import product
from typing import Any
from unittest import mock

from patternc import driver
from patternc.analysis import checker, parametric
from patternc.analysis.certificate import FORMAT, VERSION, certified, document
from patternc.analysis.prove import prove
from patternc.ir.expr import ceil_log2
from patternc.source import Source
from tests.analysis import brute

SOURCE = """
causal pattern window_(k = 2) { attend window(k) }
causal pattern one(k = 1, p = 3) { require k >= 1; attend window(k) | stride(p, 1) }
causal pattern many(k = 1, p = 3, hops = 2) {
    require k >= 1, hops >= 1, p > k
    attend gate(window(k), stride(p, hops))
}
causal pattern endless(k = 1, p = 3) { attend window(k) | stride(p) }
causal pattern wide(k = 4, p = 3, hops = 2) { attend window(k) | stride(p, hops) }
causal pattern beyond(k = 1, p = 3) { require k >= 1; attend window(k) | stride(p) }
causal pattern near(w = 1, p = 4, hops = 1) {
    require w >= 0, p > w, hops >= 0
    attend window(w) | where(0 <= d <= hops * p + w and d % p <= w)
}
causal pattern runs(a = 1, k = 2, p = 5, hops = 2) {
    require 1 <= a, a < k, k < p, hops >= 1
    attend window(k) | where(0 <= d <= hops * p + a and d % p <= a)
}
pattern near_both(l = 2, r = 1) { attend window(l, r) }
pattern same_both(k = 2) { attend window(k, k) }
pattern both(k = 1, p = 5, hops = 2) {
    require k >= 1, hops >= 1, p > k
    attend window(k, k) | stride(p, hops) | mirror(stride(p, hops))
}
pattern endless_both(k = 1, p = 5) { attend window(k, k) | stride(p) | mirror(stride(p)) }
pattern ahead(a = 2) { attend where(0 - 2 * a <= d <= 0 - a) }
causal pattern wide_runs(a = 1, k = 5, p = 4, hops = 3) {
    require 1 <= a, a < p - 1, p < k, k < hops*p
    attend window(k) | where(0 <= d <= hops * p + a and d % p <= a)
}
stack mixed(k = 2) { layers 2: near_both(l = k); layers 2: both(p = 4); layers 1: one }
stack doubling(k = 2, p = 3) { layers 4: one(k = k, p = p * 2 ** layer) }

prove window_: reach(L) == k*L
prove window_: prefix(L) == k*L
prove one if p <= k: reach(L) <= k*L + p*ceil_log2(L)
prove one if p >= 3*k: reach(L) >= k*L + p*ceil_log2(L)
prove one: reach(L) == L*max(k, p)
prove one: prefix(L) == k*L + max(0, p - k)*max(0, L - (p - 1 + k - 1) // k + 1)
prove one if p <= k + 1: gapfree(L)
prove one if L >= n: covers(n, layers = L)
prove one if n <= k*L + 1: covers(n, layers = L)
prove one: k*L <= prefix(L) <= reach(L)
prove one: reach(min(L, 3)) <= 3*abs(p) + 3*k
prove many: reach(L) == L*p*hops
prove many: prefix(L) <= reach(L)
prove many if L < (p - 1 + k - 1) // k: prefix(L) == k*L
prove one: reach(L) <= k*L + p*ceil_log2(L)
prove one if L >= 2: reach(L) <= k*L + p*ceil_log2(L)
prove one if p > k + 1: gapfree(L)
prove one: coverage(L) == p*L + 1
prove many(k = 2, p = 5, hops = 3): covers(64, layers = 6)
prove many(k = 2, p = 5, hops = 3): covers(64, layers = 5)
prove many(k = 2, p = 5, hops = 3): depth(64) == 6
prove endless(k = 2, p = 7): covers(500, layers = 4)
prove doubling: reach(4) == 45
prove doubling: covers(40)
prove doubling: covers(80)
prove doubling: coverage(4) == 46
prove doubling: reach(L) == p * (2 ** L - 1)
prove doubling if L >= 2: coverage(L) >= p * L
prove doubling if L <= 3: prefix(L) <= reach(L)
prove beyond: depth(n) <= 1 + (p - 1 + k - 1) // k
prove beyond if n <= k*L + 1: covers(n, layers = L)
prove near: reach(L) == L*(w + hops*p)
prove near if w*L >= p - 1: gapfree(L)
prove near: prefix(L) >= w*L
prove many(hops = 2): prefix(L) <= reach(L)
prove window_: coverage(L) == k*L + 1
prove one if p <= k + 1: coverage(L) == reach(L) + 1
prove one: coverage(L) <= L*max(k, p) + 1
prove one: coverage(L) >= prefix(L) + 1
prove many: coverage(L) >= k*L + 1
prove many: coverage(L) <= L*p*hops + 1
prove one: coverage(3) == 9
prove one if p > k: coverage(L) == p*L + 1 - FIRST*(p - 1) + k*(FIRST*(FIRST + 1) // 2)
prove one if p > k: coverage(L) == p*L + 1 - FIRST*(p - 1) + k*FIRST*(FIRST + 1) // 2
prove one if L >= 2, p >= 2*k + 2: coverage(L) > prefix(L) + 1
prove many: 2*coverage(L) == 2*(p*hops*L + 1 - (hops - 1)*(p - 1) - max(0, p - 1 - k*L))
    - 2*hops*LAST*(p - 1) + k*hops*LAST*(LAST + 1)
prove many: coverage(L) > reach(L) // p
prove wide if p <= k, k < hops*p: coverage(L) == L*hops*p + 1 - (hops*p - k - hops + k // p)
prove near if w*L < p - 1: coverage(L) == (hops*L + 1)*(w*L + 1)
prove near if w*L >= p - 1: coverage(L) == reach(L) + 1
prove runs if k*L < p - 1: prefix(L) == k*L
prove runs if (k*L - (p - 1)) // (k - a) < L, (k*L - (p - 1)) // (k - a) >= 0: gapfree(L)
prove runs: k*L < coverage(L) <= reach(L) + 1
prove runs if k*L < p - 1: 2*coverage(L) == 2*(k*L + 1)*(hops*L + 1) - hops*(k - a)*L*(L + 1)
prove one if p > k + 1: coverage(L) == reach(L) + 1
prove wide if k >= p, p >= 2, hops*p > k: prefix(L) >= (L - 1)*hops*p + k
prove near_both: prefix(L) == l*L
prove near_both: coverage(L) == reach(L) + 1
prove wide_runs: k*L <= prefix(L)
prove wide_runs: coverage(L) <= reach(L) + 1
prove wide_runs if a*L < p - 1: coverage(L) > L*(a + 1)
prove endless: coverage(L) == oo
prove endless: coverage(L) >= 3*k*L
prove endless if k >= 1, k*L < p - 1: prefix(L) == k*L
prove endless if k >= 1: gapfree(L)
prove endless(k = 3, p = 10): prefix(3) == 16
prove endless_both(k = 1, p = 5): prefix(2) == 2
prove endless: coverage(L) <= p*L
prove endless(k = 2, p = 7): reach(4) == oo
prove endless_both: coverage(L) > p*L
prove same_both if n <= k*L + 1: covers(n, layers = L)
prove same_both if n > k*L + 1: depth(n) > L
prove both: reach(L) == L*p*hops
prove both: prefix(L) >= k*L
prove both if k*(2*L - 1) < p - 1: prefix(L) == k*L
prove both(hops = 1): coverage(L) >= prefix(L) + 1
prove both: coverage(L) <= L*p*hops + 1
prove both(hops = 1): prefix(L) == max(0, L - HALF)*p + k*min(L, HALF)
prove both(hops = 1) if n >= p + k, n <= k*L + 1: covers(n, layers = L)
prove both(hops = 1) if n >= p + k, L >= HALF, n - 1 > (L - HALF)*p + k*HALF: depth(n) > L
prove both(hops = 1): coverage(L) == p*L + 1 - min(L, HALF)*(p - 1) + k*min(L, HALF)**2
prove near_both(l = 3, r = 1): covers(9, layers = 8)
prove near_both(l = 3, r = 1): covers(9, layers = 7)
prove near_both(l = 3, r = 1): coverage(4) == 13
prove both(k = 1, p = 5, hops = 2): prefix(3) == 12
prove both(k = 1, p = 5, hops = 2): gapfree(3)
prove both(k = 1, p = 5, hops = 2): coverage(3) == 21
prove both(k = 1, p = 5, hops = 2): covers(24, layers = 4)
prove both(k = 1, p = 5, hops = 2): depth(12) == 3
prove both(k = 9, p = 12, hops = 1): covers(10, layers = 1)
prove endless_both(k = 1, p = 5): depth(20) == 4
prove ahead(a = 2): covers(3, layers = 3)
prove ahead(a = 3): covers(3, layers = 3)
prove ahead(a = 1): reach(3) == 0
prove mixed: covers(20)
prove mixed: covers(21)
prove mixed if L <= 4: covers(9, layers = L)
prove mixed: reach(L) >= 2*L
"""
SOURCE = SOURCE.replace("HALF", "((p + k - 2) // k // 2)")
"""How many windows from each of two skips fill what is between them."""
SOURCE = SOURCE.replace("FIRST", "min(L, (p + k - 2) // k - 1)").replace("LAST", "min(L - 1, (p + k - 2) // k - 1)")
"""With how many skips at most a hole is left, and of several skips to one layer less."""


@cache
def statements() -> list[dict[str, Any]]:
    """The statements of the certificates of `SOURCE`; every claim has some."""
    program = driver.load_program(Source("certificates", SOURCE))
    with mock.patch.object(parametric, "MAX_SECONDS", 200.0):  # what counts here is no matter of the machine's speed
        results = [(item, certified(program, item, prove(program, item))) for item in program.proves]
    assert all(v.certificate is not None for _, v in results), [i.text for i, v in results if v.certificate is None]
    whole = document(results)
    assert whole["format"] == FORMAT
    assert whole["version"] == VERSION
    found = json.loads(json.dumps(whole))["statements"]
    assert len(found) >= len(results)
    return found


def accepted(statement: Any) -> bool:
    try:
        checker.check(statement, statement["proof"])
    except (
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        ArithmeticError,
        RuntimeError,
        MemoryError,
        StopIteration,
    ):
        return False
    return True


INF = float("inf")


class UndefinedError(Exception):
    """An expression has no value, or one that is too large to count."""


def number(tree: Any, values: dict[str, int], layers: list[list[list[Any]]]) -> Any:
    """The value of an expression: a whole number, or `INF`."""
    match tree:
        case bool() | int():
            return int(tree)
        case "oo":
            return INF
        case str():
            if tree not in values:
                raise UndefinedError
            return values[tree]
        case ["+", a, b]:
            return number(a, values, layers) + number(b, values, layers)
        case ["-", a, b]:
            return number(a, values, layers) - number(b, values, layers)
        case ["*", a, b]:
            return number(a, values, layers) * number(b, values, layers)
        case ["**", a, b]:
            power = number(b, values, layers)
            if not 0 <= power < 64:
                raise UndefinedError
            return number(a, values, layers) ** power
        case ["max", a, b]:
            return max(number(a, values, layers), number(b, values, layers))
        case ["floor", a, b]:
            divisor = number(b, values, layers)
            if divisor < 1:
                raise UndefinedError
            return number(a, values, layers) // divisor
        case ["ceil_log2", a]:
            argument = number(a, values, layers)
            if not 1 <= argument < INF:
                raise UndefinedError
            return ceil_log2(argument)
        case ["reach" | "prefix" | "coverage" as name, argument]:
            count = number(argument, values, layers)
            endless = any(lag[3:] == ["oo"] for i in range(min(count, 9)) for lag in layers[min(i, len(layers) - 1)])
            if endless and name != "prefix":
                return INF
            held = crossed(layers, values, count)
            if endless and brute.prefix(held) > 500:
                raise UndefinedError
            return {"reach": brute.reach, "prefix": brute.prefix, "coverage": brute.coverage}[name](held)
    raise UndefinedError


def crossed(layers: list[list[list[Any]]], values: dict[str, int], count: int) -> frozenset[int]:
    if not 0 <= count <= 9:
        raise UndefinedError
    used = [layers[min(i, len(layers) - 1)] for i in range(count)]
    return _sums(tuple(_held(layer, values, layers) for layer in used))


def _held(layer: list[list[Any]], values: dict[str, int], layers: list[list[list[Any]]]) -> frozenset[int]:
    held = {0}
    for start, width, period, hops, *negated in layer:
        if negated not in ([], [-1]):
            raise UndefinedError
        sign = -1 if negated else 1
        s, w, p = (number(e, values, layers) for e in (start, width, period))
        m = 600 // p if hops == "oo" and p > 0 else number(hops, values, layers)
        if min(s, w, p - 1, m) < 0 or max(s, w, p, m) > 5000 or (m + 1) * (w + 1) > 5000:
            raise UndefinedError
        held |= {sign * (s + i * p + r) for i in range(m + 1) for r in range(w + 1)}
    return frozenset(held)


@lru_cache(maxsize=1 << 16)
def _sums(sets: tuple[frozenset[int], ...]) -> frozenset[int]:
    if not sets:
        return frozenset({0})
    total = frozenset(a + b for a in _sums(sets[:-1]) for b in sets[-1])
    if len(total) > 5000:
        raise UndefinedError
    return total


def compared(condition: Any, values: dict[str, int], layers: list[list[list[Any]]]) -> bool:
    op, left, right = condition
    a, b = number(left, values, layers), number(right, values, layers)
    if op in ("covers", "misses"):
        return _covered(layers, values, a, b) == (op == "covers")
    return {"<=": a <= b, "<": a < b, ">=": a >= b, ">": a > b, "==": a == b}[op]


def _covered(layers: list[list[list[Any]]], values: dict[str, int], n: int, count: int) -> bool:
    """Whether each of n tokens sees all that it may."""
    if not 0 <= count <= 64:
        raise UndefinedError
    every = tuple(_held(layer, values, layers) for layer in layers)
    if not any(-n < lag < 0 for held in every for lag in held):
        if count > 9:
            raise UndefinedError
        nearby = [frozenset(lag for lag in held if lag >= 0) for held in every]
        return brute.prefix(_sums(tuple(nearby[min(i, len(nearby) - 1)] for i in range(count)))) >= n - 1
    if n > 64:
        raise UndefinedError
    return _all_seen(every, n, count)


@lru_cache(maxsize=1 << 16)
def _all_seen(layers: tuple[frozenset[int], ...], n: int, count: int) -> bool:
    """Whether each of n tokens sees all of them, token by token."""
    seen = [{q} for q in range(n)]
    for i in range(count):
        held = layers[min(i, len(layers) - 1)]
        seen = [set().union(*(seen[q - lag] for lag in held if 0 <= q - lag < n)) for q in range(n)]
    return all(len(row) == n for row in seen)


def symbols(tree: Any) -> set[str]:
    if isinstance(tree, str):
        return {tree}
    return set().union(*(symbols(t) for t in tree[1:])) if isinstance(tree, list) else set()


def true(statement: dict[str, Any]) -> bool:
    """Whether a statement holds, for its values or for all small numbers, wherever it has a meaning."""
    layers = statement["layers"]
    names = symbols([0, statement["claim"], *statement["given"], *[[0, *lag] for layer in layers for lag in layer]])
    names -= {"oo"}
    if statement["values"] is not None:
        named = dict(statement["values"])
        ranges = [range(v[0], v[1] + 1) if isinstance(v, list) else [v] for v in named.values()]
        choices: Iterator[dict[str, Any]] = (dict(zip(named, point, strict=True)) for point in product(*ranges))
    else:
        spans = [range(1, 7) if name in ("L", "n") else range(5) for name in sorted(names)]
        choices = (dict(zip(sorted(names), point, strict=True)) for point in product(*spans))
    for values in choices:
        if any(values.get(name, 1) < 1 for name in ("L", "n")):
            continue
        try:
            crossed(layers, values, 1)
            given = all(compared(c, values, layers) for c in statement["given"])
            if given and not compared(statement["claim"], values, layers):
                return False
        except UndefinedError:
            continue
    return True
