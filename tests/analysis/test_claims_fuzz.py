"""Random claims about random patterns and stacks of the whole language: no claim breaks the prover, and what it says of
numbers is what counting says; it is never unknown there."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import product
from operator import or_

import pytest

from patternc import driver
from patternc.analysis.depth import GRAPH_LIMIT
from patternc.analysis.prove import prove
from patternc.analysis.question import Question
from patternc.analysis.verdict import Verdict
from patternc.diagnostics import DiagnosticError
from patternc.frontend import ast
from patternc.frontend.printer import print_item
from patternc.ir.instantiate import InstantiationError
from patternc.ir.program import Program
from patternc.source import NOWHERE, Source
from tests.fuzz.programs import LENGTH, program
from tests.fuzz.tape import Tape
from tests.oracle import section1

TERMS = ("reach", "coverage", "prefix", "edges", "depth")
NUMBERS = (0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 33, 64)
LENGTHS = (63, 64, 100, 256, 300)
PAIR_CLAIMS = ("causal", "nonempty", "subset(f0)", "equal(f1)")
BY_LAG = ("ask `covers`", "layers only", "one layer only")
"""Reasons why a term has no value: it counts lags where there are none, or layers that a stack has not."""
NO_VALUE = ("claim has no value", "condition has no value")
TOO_LARGE = ("offset that is too large", "separate intervals", "runs", "too large for isl", "division by the length")
"""Claims about every length may be too large to decide; those about one length never are."""


@dataclass(frozen=True)
class Drawn:
    """Two patterns, and mostly a stack of layers of them."""

    program: Program
    text: str
    patterns: dict[str, ast.Pattern]
    heads: dict[str, int]
    """How many heads each pattern is run with."""
    given: dict[str, str]
    """The values of each pattern's parameters, as arguments of a claim."""
    stacked: tuple[str, ...] = ()
    """The patterns of the stack's layers."""


def drawn(rng: random.Random) -> Drawn:
    found = [program(Tape(rng.randbytes(LENGTH))) for _ in range(2)]
    patterns = {f"f{i}": replace(d.pattern, name=ast.Name(f"f{i}", span=NOWHERE)) for i, d in enumerate(found)}
    heads = {name: d.heads for name, d in zip(patterns, found, strict=True)}
    values = {name: section1.parameters(p, {}) for name, p in patterns.items()}
    given = {name: "".join(f"{a} = {v}, " for a, v in numbers.items()) for name, numbers in values.items()}
    given["s"] = ""
    text = "\n\n".join(print_item(p) for p in patterns.values()) + "\n"
    layers = [(rng.choice((1, 2, 3, 20)), rng.choice(list(patterns))) for _ in range(rng.randint(1, 3))]
    stack = f"stack s {{ {' ; '.join(f'layers {count}: {name}' for count, name in layers)} }}\n"
    try:
        both = driver.load_program(Source("fuzz", text + stack))
    except DiagnosticError:
        # Layers that fix different head counts make no stack.
        return Drawn(driver.load_program(Source("fuzz", text)), text, patterns, heads, given)
    stacked = tuple(name for count, name in layers for _ in range(count))
    return Drawn(both, text + stack, patterns, heads, given, stacked)


def expression(rng: random.Random, names: list[str], depth: int = 2) -> str:
    if depth == 0 or rng.random() < 0.35:
        return rng.choice([*names, str(rng.choice(NUMBERS))]) if rng.random() < 0.9 else "oo"
    a, b = (expression(rng, names, depth - 1) for _ in range(2))
    kind = rng.choice(("+", "-", "*", "//", "%", "min", "max", "abs", "ceil_log2", "**"))
    if kind in ("min", "max"):
        return f"{kind}({a}, {b})"
    if kind in ("abs", "ceil_log2"):
        return f"{kind}({a})"
    return f"2 ** {rng.choice([*names, '3'])}" if kind == "**" else f"({a} {kind} {b})"


def claim(rng: random.Random, names: list[str], free: bool) -> str:
    kind = rng.randint(0, 9)
    if kind <= 5:
        parts = [_term(rng, names, free), *(expression(rng, names) for _ in range(rng.choice((1, 1, 2))))]
        parts += [_term(rng, names, free)] if rng.random() < 0.2 else []
        rng.shuffle(parts)
        return parts[0] + "".join(f" {rng.choice(('==', '!=', '<', '<=', '>', '>='))} {p}" for p in parts[1:])
    if kind <= 7:
        tokens, layers = (
            rng.choice((name, str(rng.choice(NUMBERS)))) if free else str(rng.choice(NUMBERS)) for name in "nL"
        )
        return f"covers({tokens}, layers = {layers})"
    if kind == 8:
        return f"gapfree({'L' if free else rng.choice(NUMBERS)})"
    return rng.choice(PAIR_CLAIMS)


def _term(rng: random.Random, names: list[str], free: bool) -> str:
    name = rng.choice(TERMS)
    if free and rng.random() < 0.5:
        return f"{name}({'n' if name in ('edges', 'depth') else 'L'})"
    lengths = LENGTHS if name in ("edges", "depth") and rng.random() < 0.2 else NUMBERS
    return f"{name}({rng.choice(lengths) if rng.random() < 0.8 else expression(rng, names, 1)})"


def about(rng: random.Random, drawn: Drawn, free: bool) -> str:
    """A claim with its target, arguments and condition."""
    target: str = rng.choice([*drawn.patterns, *(["s"] if drawn.stacked else [])])
    pattern = drawn.patterns.get(target)
    values = {} if pattern is None else section1.parameters(pattern, {})
    given = [
        f"{name} = {rng.choice(NUMBERS) if rng.random() < 0.3 else value}"
        for name, value in values.items()
        if not free or rng.random() < 0.5
    ]
    given += [f"heads = {rng.choice((1, 2, 3, 4, 8))}"] if rng.random() < 0.3 else []
    names = [*values, *(["L", "n"] if free else [])]
    condition = f" if {expression(rng, names, 1)} {rng.choice(('<=', '>=', '=='))} {rng.choice(NUMBERS)}"
    shown = f"({', '.join(given)})" if given else ""
    return f"{target}{shown}{condition if rng.random() < 0.2 else ''}: {claim(rng, names, free)}"


def verdict(drawn: Drawn, text: str) -> Verdict | None:
    """The verdict; None where the claim is an error of its writer.  Whatever else is raised is a mistake of ours."""
    try:
        return prove(drawn.program, driver.parse_claim(text, drawn.program), budget=0.02)
    except (DiagnosticError, InstantiationError):
        return None


def fuzz(seed: int, programs: int) -> Counter[str]:
    rng = random.Random(seed)
    seen: Counter[str] = Counter()
    for _ in range(programs):
        some = drawn(rng)
        for free in (False, False, True):
            text = about(rng, some, free)
            found = verdict(some, text)
            seen["error" if found is None else found.outcome] += 1
            if found is None or not found.unknown:
                continue
            if not Question(some.program, driver.parse_claim(text, some.program)).free:
                on_pairs = text.rpartition(": ")[2] in PAIR_CLAIMS
                allowed = TOO_LARGE if on_pairs else (*BY_LAG, *NO_VALUE)
                long = re.search(r"(\d+) tokens are too many", found.reason)
                if long is None or int(long[1]) <= GRAPH_LIMIT:
                    assert any(reason in found.reason for reason in allowed), (text, found.reason, some.text)
    return seen


@pytest.mark.parametrize("seed", range(3))
def test_no_claim_breaks_the_prover(seed: int) -> None:
    seen = fuzz(seed, 40)
    assert min(seen[outcome] for outcome in ("proved", "refuted", "unknown")) >= 10, seen


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 110))
def test_no_claim_of_many_breaks_the_prover(seed: int) -> None:
    fuzz(seed, 400)


# Against counting


def rows(branches: Sequence[set[tuple[int, int]]], n: int) -> list[int]:
    """For each query the keys that it sees through any of the branches or as itself, as bits."""
    found = [1 << q for q in range(n)]
    for q, k in set().union(*branches):
        found[q] |= 1 << k
    return found


def counted_depth(layers: Sequence[list[int]], future: bool, n: int) -> float:
    """After how many of the layers every token sees all that it may."""
    goal = [(1 << n) - 1 if future else (2 << q) - 1 for q in range(n)]
    seen = [1 << q for q in range(n)]
    for count, layer in enumerate([None, *layers]):
        if layer is not None:
            seen = [_union(seen[x] for x in range(n) if row >> x & 1) for row in layer]
        if seen == goal:
            return count
    return float("inf")


def _union(sets: Iterator[int]) -> int:
    return reduce(or_, sets, 0)


def spelt(value: float) -> str:
    return "oo" if value == float("inf") else str(int(value))


def expected(some: Drawn, n: int) -> Iterator[tuple[str, bool]]:
    """Claims about a length, each with whether it holds."""
    masks = {name: section1.mask(p, some.heads[name], n) for name, p in some.patterns.items()}
    layers = {name: rows([pairs for branch in mask for pairs in branch], n) for name, mask in masks.items()}
    future = {name: any(row >> q + 1 for q, row in enumerate(layer)) for name, layer in layers.items()}
    chosen = [(name, [name] * (n + 1)) for name in some.patterns]
    if some.stacked and len(set(some.heads.values())) == 1:
        chosen.append(("s", list(some.stacked)))
    for name, used in chosen:
        owner = f"{name}({some.given[name]}heads = {some.heads[used[0]]})"
        deepest = counted_depth([layers[u] for u in used], any(future[u] for u in set(used)), n)
        scores = max(sum(len(branch[h]) for branch in masks[u]) for u in set(used) for h in range(some.heads[u]))
        for term, value in ((f"depth({n})", deepest), (f"edges({n})", scores)):
            yield f"{owner}: {term} == {spelt(value)}", True
            yield f"{owner}: {term} < {spelt(value)}", False
        for count in {0, 1, 2, min(int(min(deepest, 99)), len(used))} & set(range(len(used) + 1)):
            yield f"{owner}: covers({n}, layers = {count})", deepest <= count


@pytest.mark.parametrize("seed", range(3))
def test_numbers_agree_with_counting(seed: int) -> None:
    rng = random.Random(1000 + seed)
    cases = 0
    for _ in range(30):
        some = drawn(rng)
        for n in rng.sample((1, 2, 3, 4, 6, 9), 3):
            for text, holds in expected(some, n):
                found = verdict(some, text)
                if found is None:
                    continue
                cases += 1
                assert found.outcome == ("proved" if holds else "refuted"), (text, found.reason, some.text)
    assert cases >= 600


def splits(n: int) -> Iterator[tuple[int, ...]]:
    """Every way to divide n tokens into documents: their ends."""
    for cuts in product((False, True), repeat=n - 1):
        yield (0, *(i for i, cut in enumerate(cuts, 1) if cut), n)


def test_claims_about_pairs_agree_with_counting() -> None:
    """Over all short sequences and their documents: nothing refutes what is proved, and what is refuted fails there."""
    rng = random.Random(77)
    seen: Counter[str] = Counter()
    for _ in range(60):
        some = drawn(rng)
        for name, pattern in some.patterns.items():
            for what in ("causal", "nonempty"):
                found = verdict(some, f"{name}({some.given[name]}heads = {some.heads[name]}): {what}")
                assert found is not None
                seen[f"{what} {found.outcome}"] += 1
                at = (found.counterexample or {}).get("n", 0)
                lengths = (1, 2, 3, 4) if found.proved else (at,) if found.refuted and at <= 6 else ()
                for n in lengths:
                    fails = any(_fails(what, pattern, some.heads[name], n, ends) for ends in splits(n))
                    assert fails == found.refuted, (name, what, n, found.reason, some.text)
    assert seen["causal proved"] >= 20
    assert seen["causal refuted"] >= 20
    assert seen["nonempty refuted"] >= 20
    assert seen["nonempty proved"] >= 10


def _fails(what: str, pattern: ast.Pattern, heads: int, n: int, ends: tuple[int, ...]) -> bool:
    mask = section1.mask(pattern, heads, n, ends=ends)
    if what == "causal":
        return any(k > q for branch in mask for pairs in branch for q, k in pairs)
    return any({q for branch in mask for q, _ in branch[h]} != set(range(n)) for h in range(heads))
