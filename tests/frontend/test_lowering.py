"""What patterns mean: primitives and conditions against a membership that is spelt out here in plain Python."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patternc import driver
from patternc.ir.expr import Expr, ExprError, Int, evaluate
from patternc.ir.instantiate import InstantiationError, instantiate, stack_layers
from patternc.ir.program import Pattern
from patternc.ir.relation import (
    Atom,
    ChunkLag,
    Complement,
    Condition,
    KeyMod,
    KeyRange,
    Lag,
    LagMod,
    QueryMod,
    QueryRange,
    Relation,
    atoms,
    member,
)
from patternc.source import Source

N = 23


def pattern(text: str) -> Pattern:
    return driver.load_program(Source("test.pat", text)).patterns[0]


def pairs(relation: Relation, n: int = N, low: int = 0) -> set[tuple[int, int]]:
    """The pairs of a relation without open symbols; queries may begin below zero."""
    test = member(relation)
    every = product(range(low, n), range(n))
    return {(q, k) for q, k in every if evaluate(test, {".q": q, ".k": k, ".n": n, ".same_document": 1})}


def holds(text: str, **values: int) -> set[tuple[int, int]]:
    """The pairs that ``attend TEXT`` holds, parameters given as numbers."""
    names = ", ".join(f"{n} = {v}" for n, v in values.items())
    head = instantiate(pattern(f"pattern t({names}) {{ attend {text} }}"), {}).heads(1)[0]
    return pairs(head.branches[0], low=-4)


def plain(test: Callable[[int, int], bool]) -> set[tuple[int, int]]:
    return {(q, k) for q in range(-4, N) for k in range(N) if test(q, k)}


@pytest.mark.parametrize(
    ("text", "test"),
    [
        ("window(3)", lambda q, k: 0 <= q - k <= 3),
        ("window(0)", lambda q, k: q == k),
        ("window(3, 2)", lambda q, k: -2 <= q - k <= 3),
        ("window(r = 2, l = 3)", lambda q, k: -2 <= q - k <= 3),
        ("ring(3)", lambda q, k: (q - k) % N <= 3),
        ("ring(3, 2)", lambda q, k: (q - k) % N <= 3 or (k - q) % N <= 2),
        ("ring(20, 9)", lambda q, k: True),
        ("stride(5)", lambda q, k: q - k >= 0 and (q - k) % 5 == 0),
        ("stride(5, all)", lambda q, k: q - k >= 0 and (q - k) % 5 == 0),
        ("stride(5, 2)", lambda q, k: q - k in (0, 5, 10)),
        ("stride(5, 0)", lambda q, k: q == k),
        ("stride(5, 2, 7)", lambda q, k: q - k in (7, 12, 17)),
        ("stride(5, phase = 7)", lambda q, k: q - k >= 7 and (q - k - 7) % 5 == 0),
        ("stride(phase = 7, hops = all, p = 5)", lambda q, k: q - k >= 7 and (q - k - 7) % 5 == 0),
        ("chunk(4)", lambda q, k: q // 4 == k // 4),
        ("chunk(4, 2)", lambda q, k: 0 <= q // 4 - k // 4 <= 2),
        ("columns(5)", lambda q, k: k % 5 == 0),
        ("columns(5, 3, 2)", lambda q, k: (k - 3) % 5 < 2),
        ("columns(5, width = 9)", lambda q, k: True),
        ("sink(3)", lambda q, k: k < 3),
        ("sink(0)", lambda q, k: False),
        ("global(2)", lambda q, k: k < 2 or q < 2),
        ("causal", lambda q, k: q >= k),
        ("full", lambda q, k: True),
        ("none", lambda q, k: False),
        ("mirror(window(3))", lambda q, k: 0 <= k - q <= 3),
        ("mirror(columns(5, 3, 2))", lambda q, k: (q - 3) % 5 < 2),
        ("mirror(where(q // 3 == 2 * k))", lambda q, k: k // 3 == 2 * q),
        ("window(9) - window(3)", lambda q, k: 4 <= q - k <= 9),
        ("window(9) - window(3) - sink(2)", lambda q, k: 4 <= q - k <= 9 and k >= 2),
        ("full - window(3) & sink(2) | window(0)", lambda q, k: (not 0 <= q - k <= 3 and k < 2) or q == k),
        ("full - mirror(chunk(4, 1))", lambda q, k: not 0 <= k // 4 - q // 4 <= 1),
        ("where(0 <= d <= 3 or k == 5)", lambda q, k: 0 <= q - k <= 3 or k == 5),
        ("where(not (q + k) % 3 == 1 and n > 20)", lambda q, k: (q + k) % 3 != 1),
        ("where(d % -3 == -1)", lambda q, k: (q - k) % -3 == -1),
        ("where(d // -3 == 1)", lambda q, k: (q - k) // -3 == 1),
    ],
)
def test_primitives(text: str, test: Callable[[int, int], bool]) -> None:
    assert holds(text) == plain(test)


def test_causal_pattern() -> None:
    branches = instantiate(pattern("causal pattern a { attend gate(full, window(2, 3)) }"), {}).heads(1)[0].branches
    assert [pairs(b) for b in branches] == [
        {(q, k) for q in range(N) for k in range(N) if q >= k},
        {(q, k) for q in range(N) for k in range(N) if 0 <= q - k <= 2},
    ]


def test_heads_take_their_own_arguments() -> None:
    heads = instantiate(pattern("pattern a { attend stride(heads, phase = h) }"), {}).heads(4)
    for h, head in enumerate(heads):
        assert pairs(head.branches[0]) == {(q, q - d) for q in range(N) for d in range(h, q + 1) if d % 4 == h}


def test_missing_branches_are_empty() -> None:
    text = "pattern a { attend heads { 0..1 : full; 1..2 : gate(full, window(3), sink(1)) } }"
    heads = instantiate(pattern(text), {}).heads(2)
    assert [len(h.branches) for h in heads] == [3, 3]
    assert [pairs(b, 3) for b in heads[0].branches[1:]] == [set(), set()]


def test_domains_are_those_of_the_range() -> None:
    """``h - 4`` is negative for heads that the entry does not serve."""
    text = "pattern a { attend heads { 0..4 : full; 4..8 : window(h - 4) } }"
    assert len(instantiate(pattern(text), {}).heads(8)) == 8
    wrong = pattern("pattern a(w = 4) { attend heads { 0..3 : full; 3..8 : window(h - 3) } }")
    assert instantiate(wrong, {}).heads(8)
    program, found = driver.analyse(Source("t", "pattern a { attend heads { 0..3 : full; 3..8 : window(h - 4) } }"))
    assert program is None
    assert [d.message for d in found] == ["the argument `l` of `window` must be at least 0 (h = 3) for head 3"]


CLOSED: list[tuple[str, type[Atom]]] = [
    ("d <= 3", Lag),
    ("3 > q - k", Lag),
    ("k - q == p", Lag),
    ("q >= k + 2 * p", Lag),
    ("d // 4 <= p", Lag),
    ("k < p", KeyRange),
    ("2 + q >= p", QueryRange),
    ("k // 4 == 2", KeyRange),
    ("d % 5 == 2", LagMod),
    ("(d - p) % 5 < 2", LagMod),
    ("(k - q) % 7 <= 2", LagMod),
    ("d % p == 0", LagMod),
    ("0 == (q - k) % (p + 1)", LagMod),
    ("k % p < 2", KeyMod),
    ("q % 4 == 1", QueryMod),
    ("(3 - q) % 4 < 2", QueryMod),
    ("q // p == k // p", ChunkLag),
    ("q // 4 - k // 4 <= 2", ChunkLag),
    ("k // 4 < q // 4", ChunkLag),
    ("q // 4 <= k // 4 + p", ChunkLag),
    ("abs(d) < p", Lag),
    ("max(k, q) < p", QueryRange),
]


@pytest.mark.parametrize(("text", "kind"), CLOSED)
def test_conditions_become_closed_atoms(text: str, kind: type[Atom]) -> None:
    """With parameters open, where `require` says what must be known of them."""
    found = pattern(f"pattern a(p = 4) {{ require p >= 1 attend where({text}) }}").ranges[0].branches[0]
    assert any(isinstance(atom, kind) for atom in atoms(found))
    assert not any(isinstance(atom, Condition) for atom in atoms(found))


@pytest.mark.parametrize("text", ["d % p == 0", "k // p == 2", "q // p == k // p", "d % 5 == p"])
def test_what_is_not_known_is_decided_by_numbers(text: str) -> None:
    """A modulus that may be negative makes no congruence; an instance knows its sign."""
    opened = pattern(f"pattern a(p = 4) {{ attend where({text}) }}")
    assert isinstance(opened.ranges[0].branches[0], Condition)
    assert not any(isinstance(a, Condition) for a in atoms(instantiate(opened, {}).ranges[0].branches[0]))
    negative = instantiate(opened, {"p": -3}).ranges[0].branches[0]
    python = eval(f"lambda q, k, d, p: {text}")
    assert pairs(negative) == {(q, k) for q in range(N) for k in range(N) if python(q, k, q - k, -3)}


numbers = st.integers(-6, 9)
terms = st.deferred(
    lambda: (
        st.sampled_from(["q", "k", "d", "n", "p"])
        | numbers.map(lambda x: f"({x})")
        | st.builds("({} {} {})".format, terms, st.sampled_from("+-"), terms)
        | st.builds("({} * {})".format, numbers, terms)
        | st.builds("({} {} {})".format, terms, st.sampled_from(["//", "%"]), st.integers(1, 7) | st.integers(-4, -1))
        | st.builds("{}({}, {})".format, st.sampled_from(["min", "max"]), terms, terms)
        | st.builds("abs({})".format, terms)
    )
)
comparisons = st.builds("{} {} {}".format, terms, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), terms)
conditions = st.deferred(
    lambda: (
        comparisons
        | st.builds("({} {} {})".format, conditions, st.sampled_from(["and", "or"]), conditions)
        | st.builds("(not {})".format, conditions)
    )
)


@settings(max_examples=150, deadline=None)
@given(conditions)
def test_conditions_mean_what_python_says(text: str) -> None:
    """Whatever atoms a condition becomes, it holds the pairs that Python finds for the same text."""
    python = eval(f"lambda q, k, d, n, p: {text}")
    n = 11
    found = instantiate(pattern(f"pattern a(p = 3) {{ attend where({text}) - none }}"), {}).heads(1)[0].branches[0]
    want = {(q, k) for q in range(-2, n) for k in range(n) if python(q, k, q - k, n, 3)}
    assert pairs(found, n, -2) == want
    mirrored = instantiate(pattern(f"pattern a(p = 3) {{ attend mirror(where({text})) }}"), {}).heads(1)[0].branches[0]
    assert pairs(mirrored, n) == {(k, q) for q in range(n) for k in range(n) if python(q, k, q - k, n, 3)}


@settings(max_examples=100, deadline=None)
@given(conditions)
def test_complements_of_atoms_are_exact(text: str) -> None:
    found = instantiate(pattern(f"pattern a(p = 3) {{ attend where({text}) }}"), {}).heads(1)[0].branches[0]
    for atom in atoms(found):
        inside = pairs(atom, 9)
        outside = set().union(*(pairs(part, 9) for part in atom.complement()))
        assert inside == pairs(Complement(Complement(atom)), 9)
        assert not inside & outside
        assert len(inside | outside) == 81


@settings(max_examples=150, deadline=None)
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@given(st.text("0123456789 +-*/%()", max_size=20).filter(lambda text: "**" not in text))
def test_numbers_mean_what_python_says(text: str) -> None:
    """What both accept has one value."""
    try:
        want = eval(text, {"__builtins__": {}})
        assert isinstance(want, int)
    except (SyntaxError, ZeroDivisionError, TypeError, AssertionError, ValueError, OverflowError):
        return
    program, _ = driver.analyse(Source("t", f"pattern a(x = {text}) {{ attend full }}"))
    if program is not None:
        default = program.patterns[0].parameters[0].default
        assert default == Int(want)


def test_stack() -> None:
    text = """
        stack s(m = 2) { repeat m { layers 2: a(k = layer); layers 1: a }; layers 1: a(7) }
        pattern a(k = 9) { attend window(k) }
    """
    program = driver.load_program(Source("t", text))
    layers = stack_layers(program, program.stacks[0], {})
    assert [layer.values["k"] for layer in layers] == [0, 1, 9, 3, 4, 9, 7]
    assert len(stack_layers(program, program.stacks[0], {"m": 0})) == 1


@pytest.mark.parametrize(
    ("value", "kind"), [(2**62, InstantiationError), (1.5, TypeError), ("3", TypeError), (True, TypeError)]
)
def test_values_from_python(value: object, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="k"):
        instantiate(pattern("pattern a(k = 9) { attend window(k) }"), {"k": value})  # type: ignore[dict-item]


def test_evaluation_stops_early() -> None:
    condition = pattern("pattern a(p = 4) { require p == 0 or 8 % p == 0 attend full }").requirements[0].condition
    assert isinstance(condition, Expr)
    assert evaluate(condition, {"p": 0})
    with pytest.raises(ExprError, match="modulo by zero"):
        evaluate(pattern("pattern a(p = 4) { require 8 % p == 0 attend full }").requirements[0].condition, {"p": 0})
