"""Every construct of the language: that it is read, and what it is read as."""

from __future__ import annotations

from pathlib import Path

import pytest

from patternc import driver
from patternc.diagnostics import Diagnostic, Report, has_errors
from patternc.frontend import ast
from patternc.frontend.parser import parse
from patternc.ir.expr import show
from patternc.ir.program import Chain, Covers, Equal, GapFree, Infinity, Layers, Measure, Program, Repeat, Subset
from patternc.source import Source

EXAMPLES = Path(__file__).parents[2] / "examples"


def check(text: str) -> tuple[Program | None, list[Diagnostic]]:
    return driver.analyse(Source("test.pat", text))


def accept(text: str) -> Program:
    program, found = check(text)
    assert not has_errors(found), [(d.message, d.span) for d in found]
    assert program is not None
    return program


def expression(text: str) -> ast.Expression:
    report = Report()
    file = parse(Source("test.pat", f"prove a: {text}"), report)
    assert not report.found
    assert isinstance(file.items[0], ast.Prove)
    return file.items[0].claim


def value(text: str) -> int:
    program = accept(f"pattern a(x = {text}) {{ attend full }}")
    return int(show(program.patterns[0].parameters[0].default))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing but a comment",
        "\ufeffpattern a { attend full }",
        "pattern a { attend full }\r\n# carriage returns\r\nprove a: nonempty\r\n",
        "pattern a{attend full}stack s{layers 3:a}prove a:nonempty",
        "pattern a { attend full };; prove a: nonempty; prove a: nonempty;",
        "pattern a(k = 1,) { require k > 0, k < 9,; x = window(k,); attend x, }",
        "pattern a(k = 1;) { x = window(k;); attend gate(x, full,); }",
        "pattern a\n(\nk\n=\n1\n)\n{\nattend\nwindow\n(\nk\n)\n}",
        "stack s { layers 2: a } pattern a { attend full }",
        "prove a: nonempty prove s: covers(3) stack s { layers 2: a, } pattern a { attend full }",
        "pattern a { attend full } stack s() { repeat 2 { layers 1: a(); }; } prove a(): nonempty",
        "prove a: causal causal pattern a { attend full }",
        "prove a: causal pattern a { attend causal }",
        "pattern a { attend heads { 0..2 : full; (1 + 1)..4 : none } }",
        "pattern a { attend heads { 0..2 : full, 2..4 : none, } }",
        "pattern a { attend heads { 0..2 : full 2..4 : none else : window(3) } }",
        "pattern a(w = 4) { attend heads { 0..heads // 2 : window(w) else : gate(sink(h), full) } }",
        "pattern a { attend heads { else : full } }",
        "pattern a(k = 3) { attend where(k < 4 and not d > 3 or q % 2 == h % 2) }",
        "pattern a(p = 3) { attend stride(p, all) | stride(p, all, 2) | stride(p, hops = all) | stride(p, phase = 1) }",
        "pattern a { attend full - causal & window(3) | none }",
        "pattern a { attend per_document(mirror(window(3))) & same_document }",
        "pattern a { attend where(min(q, k) < 3 or max(d, 0 - d) < 4 or abs(d) < n // 2) }",
        "pattern depth(reach = 3, min = 2) { attend window(min(reach, min)) } prove depth: reach(L) <= L * reach",
        "pattern a(b = 2, c = b * 2) { require b < c <= 4, not b > c, b == 2 or c == 3 and b != c attend window(b) }",
        "stack s(m = 3) { layers m: a(k = layer + m); layers 1: a(5) } pattern a(k = 1) { attend window(k) }",
        "pattern a { attend ring(3) | ring(3, r = 4) | chunk(4) | chunk(4, back = 1) }",
        "pattern a { attend columns(3, width = 2) | columns(4, 1) | global(2) | sink(g = 3) }",
    ],
)
def test_accepted(text: str) -> None:
    accept(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2 + 3 * 4", 14),
        ("(2 + 3) * 4", 20),
        ("2 - 3 - 4", -5),
        ("7 // 2", 3),
        ("-7 // 2", -4),
        ("-7 % 3", 2),
        ("7 % -3", -2),
        ("-2 ** 2", -4),
        ("2 ** 3 ** 2", 512),
        ("2 ** -0", 1),
        ("- - 3", 3),
        ("10 - -3", 13),
        ("min(4, 2, 9) + max(1, 5) - abs(0 - 3)", 4),
        ("ceil_log2(1) + ceil_log2(5) * 10", 30),
        ("0001", 1),
        ("2 ** 61 - 1 + 2 ** 61", 2**62 - 1),
    ],
)
def test_numbers(text: str, expected: int) -> None:
    assert value(text) == expected


def test_precedence_of_relations() -> None:
    """As Python's sets: difference binds tightest, then intersection, then union, from left to right."""
    assert expression("a | b & c - d - e") == expression("a | (b & ((c - d) - e))")
    assert expression("not a and b or c") == expression("((not a) and b) or c")
    assert expression("not a < b") == expression("not (a < b)")
    assert expression("a < b <= c") != expression("(a < b) <= c")


def test_the_contracts_own_file() -> None:
    program = driver.load_program(driver.read_source(str(EXAMPLES / "pi_attention.pat")))
    pattern, stack = program.patterns[0], program.stacks[0]
    assert (pattern.name, pattern.causal, len(pattern.ranges[0].branches)) == ("pi_attention", True, 2)
    assert isinstance(stack.entries[0], Layers)
    assert [p.text for p in program.proves] == ["causal", "reach(L) == L * p * hops", "covers(32768)"]


def test_claims() -> None:
    program = accept(
        """
        pattern a(k = 3, p = 4) { attend window(k) }
        pattern b { attend full }
        stack s { repeat 2 { layers 3: a(p = layer) } }
        prove a(k = 5, heads = 8) if p > 2, L >= 3:
            k * 2 <= reach(L)   # spelt over two lines
            < oo
        prove a: covers(10, layers = L + 1)
        prove s: covers(10)
        prove a: gapfree(3)
        prove a: subset(b)
        prove b: equal(a)
        """
    )
    first, covers, whole, gaps, subset, equal = program.proves
    assert first.text == "k * 2 <= reach(L) < oo"
    assert first.arguments[0][0] == "k"
    assert show(first.heads) == "8"  # type: ignore[arg-type]
    assert show(first.condition) == "p > 2 and L >= 3"  # type: ignore[arg-type]
    assert isinstance(first.claim, Chain)
    assert show(first.claim.operands[0]) == "10", "a parameter that is given is its value"
    assert isinstance(first.claim.operands[1], Measure)
    assert isinstance(first.claim.operands[2], Infinity)
    assert isinstance(covers.claim, Covers)
    assert show(covers.claim.layers) == "L + 1"  # type: ignore[arg-type]
    assert isinstance(whole.claim, Covers)
    assert whole.claim.layers is None
    assert isinstance(gaps.claim, GapFree)
    assert subset.claim == Subset("b")
    assert equal.claim == Equal("a")
    assert isinstance(program.stacks[0].entries[0], Repeat)


def test_claim_given_apart() -> None:
    program = accept("pattern a(k = 3) { attend window(k) }")
    for text in ("a: reach(L) == k * L", "prove a: reach(L) == k * L", " a : reach(L)\n== k * L ; "):
        assert driver.parse_claim(text, program).text == "reach(L) == k * L"
    apart = driver.parse_claim("reach(L) == k * L", program, "a", {"k": 7})
    assert apart.text == "reach(L) == k * L"
    assert isinstance(apart.claim, Chain)
    assert show(apart.claim.operands[1]) == "7 * L"
    assert driver.parse_claim("if L > 2: gapfree(L)", program, "a").condition is not None


def test_heads() -> None:
    program = accept(
        """
        pattern a(p = 2, w = 4) {
            attend heads {
                0..4 : window(4 * w)
                4..8 : gate(window(w), stride(p, phase = 8 * (h - 4)))
                else : window(64) | sink(4)
            }
        }
        """
    )
    pattern = program.patterns[0]
    assert pattern.by_head
    assert [len(r.branches) for r in pattern.ranges] == [1, 2, 1]
    assert pattern.ranges[2].lo is None
