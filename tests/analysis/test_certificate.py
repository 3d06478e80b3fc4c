"""Certificates: what they state, that the checker accepts them, and that nothing false is accepted."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from itertools import islice, product
from pathlib import Path
from typing import Any

import pytest

from patternc import driver
from patternc.analysis import checker, proof_search
from patternc.analysis.certificate import certified, for_concrete
from patternc.analysis.proof_search import UnprovedError, proof_of
from patternc.analysis.rules import decide
from patternc.analysis.spelling import statement_text
from patternc.analysis.verdict import Verdict
from patternc.source import Source
from tests.analysis.stated import accepted, number, statements, true


def test_the_checker_is_small_and_alone() -> None:
    path = Path(checker.__file__)
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            assert all(name.split(".")[0] in sys.stdlib_module_names for name in names)


def test_every_statement_is_accepted_and_true() -> None:
    for statement in statements():
        assert accepted(statement), statement_text(statement)
        assert true(statement), statement_text(statement)
        assert "digest" not in json.dumps(statement)


def test_symbolic_statements_are_about_all_numbers() -> None:
    general = [s for s in statements() if s["values"] is None]
    assert len(general) >= 14
    assert any("prefix" in json.dumps(s["claim"]) and "reach" in json.dumps(s["claim"]) for s in general)


def test_texts() -> None:
    texts = [statement_text(s) for s in statements()]
    assert "window_: lags {0..k}; for all L, k: reach(L) == k * L" in texts
    assert (
        "one: lags {0..k | m*p (0 <= m <= 1)}; for L = 1, k = 1, p = 2, with k >= 1: "
        "reach(L) > k * L + p * ceil_log2(L)"
    ) in texts
    assert any(t.endswith("covers(n, layers = L)") for t in texts)
    assert "many: lags {0..2 | m*5 (0 <= m <= 3)}: not covers(64, layers = 5)" in texts
    assert any("reach(min(L, 3)) <= 3 * max(p, -p) + 3 * k" in t for t in texts)


FALSE = [
    (["==", ["reach", "L"], ["*", "p", "L"]], [], "reach is k*L where k > p"),
    (
        ["<=", ["reach", "L"], ["+", ["*", "k", "L"], ["*", "p", ["ceil_log2", "L"]]]],
        [["<=", "p", ["+", "k", 1]]],
        "p > k",
    ),
    (["==", ["prefix", "L"], ["reach", "L"]], [["<=", "p", ["+", "k", 2]]], "a hole"),
    (["==", ["prefix", ["-", 0, 1]], ["-", 0, 1]], [], "fewer than no layers"),
    (["==", ["prefix", "L"], ["-", 0, 5]], [], "a negative prefix"),
    (["<=", ["prefix", "L"], ["*", "k", "L"]], [], "a prefix too small"),
]


@pytest.mark.parametrize(("claim", "given", "why"), FALSE, ids=[why for *_, why in FALSE])
def test_something_false_gets_no_proof(claim: Any, given: Any, why: str) -> None:
    layers = [[[0, "k", 1, 0], [0, 0, "p", 1]]]
    statement = {"pattern": "one", "layers": layers, "given": [[">=", "k", 1], *given], "values": None, "claim": claim}
    with pytest.raises((UnprovedError, ValueError, LookupError)):
        checker.check(statement, proof_of(statement))


def test_forged_proofs_are_rejected() -> None:
    """Attempts to prove ``reach(L) <= 0`` by what a proof must not do."""
    layers = [[[0, "k", 1, 0], [0, 0, "p", 1]]]
    statement = {"pattern": "one", "layers": layers, "given": [], "values": None, "claim": ["<=", ["reach", "L"], 0]}
    goals: list[Any] = [
        [],
        [[[1, []]]],
        [[[-1, []]]],
        [[[1, [0]], [-1, [0]], [-1, []]]],
        [[[0.5, [0]]]],
        [[["1", [0]]]],
        [[[True, [0]]]],
        [[[1, [99]]]],
        [[[1, ["0"]]]],
        [[[1, [-1] * 20]]],
        None,
    ]
    for goal in goals:
        leaf = {"goals": goal, "evidence": []}
        for proof in (leaf, {"split": ["-", "k", "p"], "yes": leaf, "no": leaf}, {"split": 0, "yes": leaf, "no": leaf}):
            assert not accepted({**statement, "proof": proof})
    # A case that is left out.
    assert not accepted({**statement, "proof": {"split": -1, "yes": {"goals": [], "evidence": []}}})


def test_a_hole_must_be_one_for_every_block() -> None:
    """The value of a prefix must not depend on the block that is looked at: quantified names cannot be spelled."""
    layers = [[[0, 1, 1, 0], [0, 0, 3, 1]]]
    evidence = [[0, 0, 1, 1, 1, "m'", 0]]
    for proof in (
        {"goals": [[[1, [0]]]] * 20, "evidence": [evidence]},
        {"split": "m'", "yes": {"goals": [], "evidence": []}, "no": {"goals": [], "evidence": []}},
    ):
        claim = ["<=", ["prefix", "L"], "L"]
        statement = {"pattern": "x", "layers": layers, "given": [], "values": None, "claim": claim, "proof": proof}
        assert not accepted(statement)


class Forger(proof_search._Search):
    """Looks for the goals of a proof whose evidence is given."""

    def __init__(self, statement: dict[str, Any], evidence: list[Any]):
        self.leaf: dict[str, Any] = {"goals": [], "evidence": evidence}
        self.given = evidence
        super().__init__(statement, self.leaf, ())

    def seen(self, op: str, count: checker.Poly, cap: checker.Poly | None = None) -> checker.Poly:
        if op != "reach":
            self.evidence = iter(self.given)
        return checker.Case.seen(self, op, count, cap)


def test_hops_without_end_are_not_taken_for_none() -> None:
    """Where nothing bounds them, what is seen without them is not all that is seen."""
    layers: list[Any] = [[[0, "k", 1, 0], [0, 0, "p", "oo"]]]
    claim = ["==", ["prefix", "L"], ["*", "k", "L"]]
    evidence: list[Any] = [[[0, 0, 1, 1, 1, ["*", "k", "L"], 0]]]
    statement: dict[str, Any] = {
        "pattern": "x",
        "layers": layers,
        "given": [[">=", "k", 1], [">", "p", "k"]],
        "values": None,
        "claim": claim,
    }
    with pytest.raises((UnprovedError, ValueError, TypeError)):
        checker.check(statement, Forger(statement, evidence).leaf)
    for wrong in (None, "oo"):
        with pytest.raises((TypeError, ValueError)):
            _ = checker.Poly() * wrong  # type: ignore[operator]


def test_a_range_is_gone_through() -> None:
    """A statement about the layers of a stack holds for each of them, and for no more than it says."""
    layers = [[[0, 2, 1, 0], [0, 0, 3 * 2**i, 1]] for i in range(4)]
    claim = ["==", ["reach", "L"], ["*", 3, ["-", ["**", 2, "L"], 1]]]
    paths = [[3 * 2**i for i in range(count)] for count in range(1, 5)]
    proof: dict[str, Any] = {"goals": [], "evidence": [{"path": path, "hole": None} for path in paths]}

    def stated(values: dict[str, Any]) -> dict[str, Any]:
        return {"pattern": "x", "layers": layers, "given": [], "values": values, "claim": claim, "proof": proof}

    assert accepted(stated({"L": [1, 4]}))
    assert statement_text(stated({"L": [1, 4]})).endswith("for L = 1 to 4: reach(L) == 3 * (2 ** L - 1)")
    for wrong in ([1, 5], [0, 4], [-1, 4], [1, 1 << 40], [4, 1], [], [1], ["1", 4], None):
        assert not accepted(stated({"L": wrong})), wrong


def test_concrete_statements() -> None:
    layers = [[[0, 64, 1, 0], [0, 0, 256, 8]]]
    found = for_concrete("pi", layers, ("covers", 32768, 24))
    assert found is not None
    assert accepted(found["statements"][0])
    assert statement_text(found["statements"][0]).endswith("covers(32768, layers = 24)")
    assert for_concrete("pi", layers, ("covers", 32768, 4)) is None
    assert for_concrete("pi", [[[0, 0, 7, "oo"]]], ("==", ["reach", 1], 0)) is None
    assert for_concrete("pi", layers, ("==", ["coverage", 2], ["coverage", 2])) is not None


def test_large_concrete_statements_are_checked_fast() -> None:
    """A million tokens and 64 layers take the checker well below a second."""
    layers = [[[0, 128, 1, 0], [0, 0, 4096, 8]]]
    found = for_concrete("pi", layers, ("covers", 1 << 20, 64))
    assert found is not None


@pytest.mark.parametrize(
    ("layers", "claim", "path", "hole"),
    [
        ([[[0, 1 << 62, 1, 0]]], ["==", ["reach", 1], 1 << 62], [1 << 62], None),
        ([[[0, 1, 1 << 62, 3]]], ["==", ["coverage", 1], 8], [1 + 3 << 62], 2),
        ([[[0, 1, 1, 0]]], ["==", ["reach", 1 << 62], 1 << 62], [1] * 100, None),
        ([[[0, 1, 1, 0]]], ["covers", 1 << 62, 1], [1], 2),
        ([[[0, 1, 1, 0]]], ["covers", 4, 1 << 62], [1, 1, 1], 4),
        ([[[0, 0, 1, 0]]], ["==", ["reach", 1 << 62], 0], [], None),
        ([[[0, 1, 1, 0]]], [">=", ["prefix", 1, 4], 0], [1], 2),
        ([[[0, 1, 1, "oo"]]], ["==", ["reach", 1], 5], [5], None),
        ([], ["==", ["reach", 1], 0], [0], None),
        ([[[0, -1, 1, 0]]], ["==", ["reach", 1], 0], [0], None),
        ([[[0, 1, 0, 0]]], ["==", ["reach", 1], 1], [1], None),
    ],
)
def test_absurd_statements_are_refused_quickly(layers: Any, claim: Any, path: list[int], hole: int | None) -> None:
    proof = {"goals": [], "evidence": [{"path": path, "hole": hole}]}
    statement = {"pattern": "x", "layers": layers, "given": [], "values": {}, "claim": claim, "proof": proof}
    assert not accepted(statement)


@pytest.mark.parametrize(
    ("term", "value", "path", "hole", "valid"),
    [
        ("reach", 15, [3, 12], None, True),
        ("reach", 15, [12, 3], None, False),
        ("reach", 15, [3, 12, 0], None, False),
        ("reach", 15, [15], None, False),
        ("reach", 15, [3, 4], None, False),
        ("reach", 15, [3, 12], 8, False),
        ("prefix", 7, [3, 4], 8, True),
        ("prefix", 7, [4, 3], 8, False),
        ("prefix", 7, [2.5, 4.5], 8, False),
        ("prefix", 7, ["3", "4"], 8, False),
        ("prefix", 7, [-1, 8], 8, False),
        ("prefix", 7, [5, 2], 8, False),
        ("prefix", 7, [3, 3], 8, False),
        ("prefix", 7, [3, 4], 9, False),
        ("prefix", 7, [3, 4], None, False),
        ("prefix", 6, [3, 3], 7, False),
        ("coverage", 12, [3, 12], 8, True),
        ("coverage", 12, [3, 12], 7, False),
        ("coverage", 12, [3, 4], 8, False),
        ("coverage", 13, [3, 12], 8, False),
    ],
)
def test_a_path_must_lead_there_and_a_hole_must_be_one(
    term: str, value: int, path: list[Any], hole: int | None, valid: bool
) -> None:
    """Layers of the lags 0 to 3, and of 0, 3, 4, 12: together 0 to 7 and 12 to 15."""
    layers = [[[0, 3, 1, 0]], [[3, 1, 1, 0], [0, 0, 12, 1]]]
    statement = {"pattern": "x", "layers": layers, "given": [], "values": {}, "claim": ["==", [term, 2], value]}
    assert accepted({**statement, "proof": {"goals": [], "evidence": [{"path": path, "hole": hole}]}}) == valid


@pytest.mark.parametrize(("path", "valid"), [([2, 4], True), ([3, 3], False), ([6, 0], False), ([2, 4, 0], False)])
def test_a_hop_below_the_start_of_a_stride_is_none(path: list[int], valid: bool) -> None:
    statement = {"pattern": "x", "layers": [[[0, 3, 1, 0]], [[4, 1, 1, 0]]], "given": [], "values": {}}
    proof = {"goals": [], "evidence": [{"path": path, "hole": 7}]}
    assert accepted({**statement, "claim": ["covers", 7, 2], "proof": proof}) == valid


CELLS = [
    # Layers of the lags 0, 1 and 4: two see 0..2, 4..5 and 8.
    [[0, 0, 1, 1, 1, 2, 0], [1, 1, 1, 1, 1, 1, -1], [2, 2, 1, 1, 1, 0, 0]],
    # The same, the last lags of two groups of one cell.
    [[0, 0, 2, 1, 1, 2, -1], [2, 2, 1, 1, 1, 0, 0]],
]
WRONG_CELLS = [
    [],
    # No cell, or less than none.
    [[0, 0, 0, 1, 1, 2, -1], [2, 2, 1, 1, 1, 0, 0]],
    [[0, 0, 2, 1, 1, 2, -1], [2, 2, -1, 1, 1, 0, 0], [2, 2, 1, 1, 1, 0, 0]],
    [[0, 0, 2, 1, 1, 2, -1], [2, 2, 1, 1, 1, 0, 0], [2, 2, 1, 1, 1, 0, 0]],
    [[0, 0, 2, 1, 1, 2, -1]],
    [[0, 0, 2, 1, 1, 2, -1], [2, 2, 2, 1, 1, 0, 0]],
    [[0, 0, 2, 1, 0, 2, -1], [2, 2, 1, 1, 1, 0, 0]],
    [[0, 0, 2, 1, 2, 2, -1], [2, 2, 1, 1, 1, 0, 0]],
    # More is seen, or less, or by too few skips, or a cell beyond the reach.
    [[0, 0, 2, 1, 1, 3, -1], [2, 2, 1, 1, 1, 0, 0]],
    [[0, 0, 2, 1, 1, 2, 0], [2, 2, 1, 1, 1, 0, 0]],
    [[0, 0, 2, 1, 1, 2, -2], [2, 2, 1, 1, 1, 0, 0]],
    [[0, 0, 2, 1, 1, 1, 0], [2, 2, 1, 1, 1, 0, 0]],
    [[0, 0, 2, 1, 1, 2, -1], [1, 2, 1, 1, 1, 0, 0]],
    [[0, 0, 2, 1, 1, 2, -1], [2, 2, 1, 1, 1, 1, 0]],
    [[0, 0, 3, 1, 1, 2, -1], [2, 2, 1, 1, 1, 0, 0]],
    [[0, 0, 2, 1, 1, 2, -1], [2, 2, 1, 1, 1, 0]],
]


@pytest.mark.parametrize("cells", [*CELLS, *WRONG_CELLS])
def test_cells_are_seen_as_far_as_they_say(cells: list[Any]) -> None:
    """Two layers of {0, 1, 4}: none but right cells gives a count, and that count is right."""
    layers = [[[0, 1, 1, 0], [0, 0, 4, 1]]]
    for value in range(-2, 12):
        claim = ["==", ["coverage", 2], value]
        statement = {"pattern": "x", "layers": layers, "given": [], "values": None, "claim": claim}
        try:
            valid = accepted({**statement, "proof": Forger(statement, [cells]).leaf})
        except (UnprovedError, ValueError, IndexError):
            valid = False
        assert valid == (cells in CELLS and value == 6), value


def families() -> Iterator[tuple[list[Any], list[Any], int]]:
    """Windows and skips with small numbers, what they are given, and how many layers are looked at."""
    for k, p, hops, same in product(range(4), range(1, 7), range(4), (False, True)):
        yield [[[0, k, 1, 0], [0, k if same else 0, p, hops]]], [], 4


@pytest.mark.parametrize("part", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_coverage_and_prefix_of_all_layers_are_what_is_counted(part: int) -> None:
    """With numbers for all but the layers: the value that brute force counts is proved, and none next to it."""
    tried = 0
    for layers, given, most in islice(families(), part, None, 2):
        for name, count in product(("coverage", "prefix"), range(1, most)):
            value = number([name, count], {}, layers)
            for other in (value, value - 1, value + 1):
                claim = ["==", [name, count], other]
                statement = {"pattern": "x", "layers": layers, "given": given, "values": None, "claim": claim}
                try:
                    valid = accepted({**statement, "proof": proof_of(statement)})
                except (UnprovedError, ValueError):
                    valid = False
                assert valid == (other == value), (layers, claim)
                tried += 1
    assert tried >= 1500


def test_a_coverage_with_holes_is_exact() -> None:
    """What holds of the count gets a proof, and what does not hold gets none."""
    layers = [[[0, "k", 1, 0], [0, 0, "p", 1]]]
    for claim, proved in (
        ([">=", ["coverage", "L"], ["+", ["*", "k", "L"], 1]], True),
        (["<=", ["coverage", "L"], ["+", ["*", "p", "L"], 1]], True),
        (["==", ["coverage", "L"], ["+", ["*", "p", "L"], 1]], False),
        (["<=", ["coverage", "L"], ["*", "p", "L"]], False),
        ([">=", ["coverage", "L"], ["+", ["*", "k", "L"], 2]], True),
        ([">=", ["coverage", "L"], ["+", ["*", "k", "L"], 3]], False),
        (["<", ["coverage", "L"], ["+", ["*", "k", "L"], 1]], False),
        (["==", ["coverage", 1], ["+", "k", 2]], True),
        (["==", ["coverage", 2], ["+", ["*", 3, "k"], 3]], False),
    ):
        given = [[">=", "k", 1], [">", "p", "k"]]
        statement: dict[str, Any] = {
            "pattern": "one",
            "layers": layers,
            "given": given,
            "values": None,
            "claim": claim,
        }
        try:
            statement["proof"] = proof_of(statement)
        except (UnprovedError, ValueError):
            statement["proof"] = {"goals": [], "evidence": []}
        assert accepted(statement) == proved, claim
        assert true(statement) == proved, claim


def test_verdicts_without_a_kind_of_certificate_have_none() -> None:
    text = """
    causal pattern p(k = 2, q_ = 5) { attend window(k) | stride(q_, 2) }
    pattern first(k = 2) { attend window(k, k) | sink(1) }
    prove p: causal
    prove p: edges(n) <= n*(k + 4)
    prove first(k = 2): covers(7, layers = 3)
    """
    program = driver.load_program(Source("none", text))
    for item in program.proves:
        found = decide(program, item)
        assert found is not None
        assert found.proved
        assert certified(program, item, found).certificate is None
    unknown = Verdict("unknown", "no rule")
    assert certified(program, program.proves[0], unknown) is unknown
