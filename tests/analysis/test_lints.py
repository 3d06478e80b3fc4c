"""The lints: what each warns of, where, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from patternc import driver
from patternc.analysis.lints import lint
from patternc.diagnostics import Diagnostic
from patternc.ir.instantiate import instantiate
from patternc.source import Source

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.pat"))


def warnings(text: str) -> list[Diagnostic]:
    source = Source("<test>", text)
    program = driver.load_program(source)
    return lint(program, [instantiate(p, {}) for p in program.patterns], source)


@pytest.mark.parametrize(
    ("text", "code", "word", "place"),
    [
        ("pattern a { attend window(3, 3) - window(0) }", "empty-row", "query 0", "window(3, 3) - window(0)"),
        ("causal pattern a { attend chunk(4) - window(0) }", "empty-row", "query 0", "chunk(4) - window(0)"),
        (
            "causal pattern a { attend heads { 0..1: window(1)  1..2: stride(4, phase = h) } }",
            "empty-row",
            "head 1",
            "1..2",
        ),
        (
            "causal pattern a(p = 16) { attend gate(window(64), stride(p, 2)) }",
            "contained",
            "branch 2",
            "gate(window(64)",
        ),
        (
            "causal pattern a { attend window(64) | stride(16, 2) | sink(4) }",
            "contained",
            "term 2",
            "window(64) | stride",
        ),
        (
            "causal pattern a { attend chunk(8, 1) | chunk(8) }",
            "contained",
            "term 2 of the union",
            "chunk(8, 1) | chunk(8)",
        ),
        ("pattern a { attend window(64) | sink(4) }", "future", "token 0 sees the later token 1", "a"),
        ("pattern a { attend gate(ring(8), stride(16)) }", "future", "token 0", "a"),
        ("pattern a { attend window(4, 1) }", "future", "token 0 sees the later token 1", "a"),
        ("causal pattern a { attend stride(6) | stride(4) }", "unreachable", "multiple of 2", "a"),
        ("causal pattern a { attend stride(2) | stride(3) }", "unreachable", "the token just before", "a"),
        ("causal pattern a { attend window(0) }", "unreachable", "sees itself only", "a"),
        ("pattern a { attend chunk(64) }", "future", "", ""),
        ("causal pattern a { attend chunk(64) }", "unreachable", "129 tokens", "a"),
        ("causal pattern a { attend window(64) | stride(16) }", "cheaper", "window(15)", "window(64) | stride(16)"),
    ],
)
def test_each_lint(text: str, code: str, word: str, place: str) -> None:
    found = [d for d in warnings(text) if d.code == code]
    if text == "pattern a { attend chunk(64) }":
        # Both directions alike: it is meant.
        assert found == []
        return
    assert len(found) == 1, found
    assert word in found[0].message
    assert found[0].severity == "warning"
    assert text[found[0].span.start :].startswith(place)


@pytest.mark.parametrize(
    "text",
    [
        "causal pattern a(k = 64, p = 256) { attend gate(window(k), stride(p, 8)) }",
        "pattern a { attend window(8, 8) | global(2) }",
        "pattern a { attend ring(8) }",
        "pattern a { attend full }",
        "causal pattern a { attend per_document(window(4) | sink(2)) }",
        "causal pattern a { attend window(15) | stride(16) }",
        "causal pattern a { attend window(4) | where((3 * q + 5 * k) % 61 < 2) }",
        # Alone the strides reach only every fourth token; the model has windows in other layers.
        "causal pattern a { attend stride(4) } causal pattern b { attend window(4) } "
        "stack s { layers 2: a  layers 2: b }",
    ],
)
def test_what_is_meant_is_left_alone(text: str) -> None:
    assert warnings(text) == []


def test_a_stack_whose_layers_do_not_reach() -> None:
    patterns = "causal pattern a { attend stride(4) } causal pattern b { attend stride(6) } "
    text = patterns + "stack s { layers 2: a  layers 2: b }"
    (found,) = warnings(text)
    assert found.code == "unreachable"
    assert "multiple of 2" in found.message
    assert text[found.span.start : found.span.end] == "s"
