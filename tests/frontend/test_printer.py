"""What is printed says the same when it is read again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from patternc.diagnostics import Report
from patternc.frontend import ast, compile_source
from patternc.frontend.parser import parse
from patternc.frontend.printer import print_file
from patternc.ir.program import Program
from patternc.source import Source

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.pat"))

EXPRESSIONS = [
    "a | b | (c | d) & (e - f) - (g - h)",
    "-(-2) ** (2 ** 3) ** -4 + (-(2 ** 2))",
    "not (a and (b or not c)) and (a < b) < c",
    "(1 + 2) * (3 - (4 - 5)) // (6 // 7) % 8",
    "where(0 <= d < 3 and not (q == k)) - mirror(window(3, r = 4))",
    "- (1 + 2) * -3",
    "a - (b | c) - (d & e)",
]


def tree(text: str) -> ast.File:
    report = Report()
    file = parse(Source("test.pat", text), report)
    assert not report.found, [d.message for d in report.found]
    return file


def without_texts(text: str) -> Program:
    """The program of a text, but for the claims' own spelling."""
    program = compile_source(Source("test.pat", text))[0]
    return replace(program, proves=tuple(replace(p, text="") for p in program.proves))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.name)
def test_examples(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    printed = print_file(tree(text))
    assert tree(printed) == tree(text)
    assert print_file(tree(printed)) == printed
    assert without_texts(printed) == without_texts(text)


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_expressions(text: str) -> None:
    original = tree(f"prove a(k = 1) if {text}: {text}")
    assert tree(print_file(original)) == original


def test_canonical_form() -> None:
    text = "causal pattern a(k=1){require k>(0),k<9;x=(window((k)));attend heads{0..2:gate(x,(x|full)) else:none}}"
    assert (
        print_file(tree(text + "stack s{repeat 2{layers(3):a(k=layer)}}prove a if L>1:(reach(L))==(3)"))
        == """\
causal pattern a(k = 1) {
    require k > 0, k < 9
    x = window(k)
    attend heads {
        0..2 : gate(x, x | full);
        else : none;
    }
}

stack s {
    repeat 2 {
        layers 3: a(k = layer)
    }
}

prove a if L > 1: reach(L) == 3
"""
    )
