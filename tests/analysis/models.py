"""Patterns given as text or as trees of the oracle, as the analysis sees them."""

from __future__ import annotations

from collections.abc import Sequence

from patternc import driver
from patternc.analysis.prove import prove
from patternc.analysis.semantics import Model, model_of
from patternc.analysis.verdict import Verdict
from patternc.ir.instantiate import instantiate
from patternc.ir.program import Program
from patternc.source import Source
from tests.oracle import graph


def program_of(text: str) -> Program:
    """The program of a text; a mistake in it fails the test."""
    return driver.load_program(Source("<test>", text))


def verdict_of(text: str, claim: str, budget: float = 0.5) -> Verdict:
    """The verdict on one claim about a text, written as in a file."""
    program = program_of(text)
    return prove(program, driver.parse_claim(claim, program), budget=budget)


def models_of(trees: Sequence[Sequence[graph.Tree]]) -> list[Model]:
    """Models of one layer each, without end (the branches of a gate united where there are several)."""
    lines = []
    for i, branches in enumerate(trees):
        body = ", ".join(graph.text(b) for b in branches)
        lines.append(f"pattern p{i} {{ attend {body if len(branches) == 1 else f'gate({body})'} }}")
    program = program_of("\n".join(lines))
    return [model_of([instantiate(p, {})], True) for p in program.patterns]
