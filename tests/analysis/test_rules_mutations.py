"""The grids bite: a closed form or a case distinction that is slightly wrong is noticed, every one of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from patternc.analysis.rules import RULES
from patternc.analysis.subject import Subject
from patternc.analysis.symbolic import formula as formulas
from patternc.analysis.symbolic.knowledge import UndeterminedError
from patternc.ir.expr import ExprError
from patternc.ir.program import Program
from tests.analysis import brute
from tests.analysis.families import FAMILIES, INF, Family, closed, crossed, enclosed, program, subject
from tests.analysis.test_rules_closed_forms import ENCLOSED, UNDECIDED

BY_NAME = {family.name: family for family in FAMILIES}
FOLDER = Path(formulas.__file__).parents[1] / "rules"
GRIDS = {
    "window": ("window_", "skips_"),
    "skips": ("skips_",),
    "endless": ("endless_", "runs_"),
    "phases": ("run_",),
    "enclosed": ("window_",),
    "neighbourhood": ("neighbourhood_", "neighbourhoods_"),
    "symmetric": ("symmetric_", "symmetric_endless_"),
    "edges": ("far_", "phased_", "phases_", "neighbourhoods_", "window_", "endless_", "skips_", "symmetric_"),
    "sinks": ("sinks_", "gated_sinks_", "sinks_ahead_", "global_"),
    "chunks": ("chunks_", "chunks_ahead_"),
    "ring": ("ring_",),
    "columns": ("chunk_ends_", "window_and_ends_"),
    "reach": ("skips_", "endless_"),
    "lag_sets": (),
}
"""Where the formulas of a rule are put to use."""
EQUIVALENT = {
    # A fact that helps later proofs, and a guard against rings that the language cannot spell.
    ("skips", "M >= 1"),
    ("ring", "f + w"),
    # isl has a test of its own.
    ("lag_sets", "L >= 1"),
    # Guards that only save work or keep out what no grid holds: a claim about fewer than one token or layer.
    ("window", "L >= 0"),
    ("enclosed", "L >= 0"),
    ("edges", "n >= 1"),
    ("sinks", "n >= 1"),
    ("chunks", "n >= 1"),
    ("ring", "n >= 1"),
    ("columns", "n >= 1"),
    ("reach", "L >= 0"),
}


def texts() -> Iterator[tuple[str, str]]:
    """Every formula that a rule spells, with the rule's module."""
    for path in sorted(FOLDER.glob("*.py")):
        found: dict[str, None] = {}
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args:
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if name in ("formula", "ask"):
                    found |= {c.value: None for c in ast.walk(node.args[0]) if _is_text(c)}  # type: ignore[attr-defined]
        yield from ((path.stem, text) for text in found)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def mutants() -> Iterator[tuple[str, str, str]]:
    for module, text in texts():
        if (module, text) in EQUIVALENT:
            continue
        if any(op in text for op in ("<", ">", "==")):
            yield module, text, f"not ({text})"
        else:
            yield module, text, f"({text}) + 1"
            if text not in ("1", "2", "0 - 1"):
                yield module, text, f"({text}) - 1"


@pytest.fixture(scope="module")
def families() -> Program:
    return program()


def wrong(families: Program, family: Family) -> bool:
    """Whether the closed forms of a family, on a small grid, are found to be wrong."""
    for index, values in enumerate(family.parameters()):
        if index % 3 and family.lags is not None and len(family.grid) > 2:
            continue
        about = subject(families, family, values)
        for n in (1, 2, 3, 5, 8, 9, 14, 17):
            depth = brute.depth(family.member(**values), n)
            if _differs(about, family, "depth", n, INF if depth is None else depth):
                return True
            if _differs(about, family, "edges", n, brute.edges(family.members(**values), n)):
                return True
        if family.lags is None:
            continue
        lags = family.lags(**values)
        for layers in (1, 2, 3, 5) if min(lags) >= 0 or not family.endless else (1, 2, 3):
            for name, counted in crossed(family, lags, layers).items():
                if _differs(about, family, name, layers, counted):
                    return True
                if family.name == "window_" and name != "reach" and enclosed(about, name, layers) != (counted, counted):
                    return True
    return False


def _differs(about: Subject, family: Family, name: str, argument: int, counted: float) -> bool:
    found = closed(about, name, argument)
    if isinstance(found, tuple):
        return not found[0] <= counted <= found[1] or (family.name, name) not in ENCLOSED
    return (family.name, name) not in UNDECIDED if found is None else found != counted


def test_every_rule_has_a_grid() -> None:
    assert {module for module, _ in texts()} <= GRIDS.keys()
    assert len(list(mutants())) > 90
    assert len(RULES) > 8


@pytest.mark.parametrize(("module", "text", "mutant"), list(mutants()), ids=lambda value: str(value))
def test_a_mutant_is_caught(
    families: Program, monkeypatch: pytest.MonkeyPatch, module: str, text: str, mutant: str
) -> None:
    parsed = formulas._parsed

    def changed(spelt: str) -> object:
        return parsed(mutant if spelt == text else spelt)

    monkeypatch.setattr(formulas, "_parsed", changed)
    for name in GRIDS[module]:
        try:
            if wrong(families, BY_NAME[name]):
                return
        except (ExprError, UndeterminedError, AssertionError, RecursionError):
            return
    pytest.fail(f"{module}: `{text}` may be `{mutant}`, and nothing notices")
