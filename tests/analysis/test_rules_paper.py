"""examples/paper_claims.pat: every claim gets the verdict that its comment announces."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from patternc import driver
from patternc.analysis.certificate import certified, document
from patternc.analysis.checker import check
from patternc.analysis.prove import prove
from patternc.source import Source

PATH = Path(__file__).parents[2] / "examples" / "paper_claims.pat"
PROGRAM = driver.load_program(Source(str(PATH), PATH.read_text(encoding="utf-8")))
SMALLEST = {
    "window_and_skip: reach(L) <= k*L + p*ceil_log2(L)": {"L": 1, "k": 1, "p": 2},
    "window_and_skip if L >= 2: reach(L) <= k*L + p*ceil_log2(L)": {"L": 2, "k": 1, "p": 3},
    "window_and_skip if L >= 2, p >= k + 2: prefix(L) <= k*L + p*ceil_log2(L)": {"L": 6, "k": 1, "p": 3},
    "window_and_skip if p > k + 1: gapfree(L)": {"L": 1, "k": 1, "p": 3},
}


def announced() -> list[tuple[str, str]]:
    """Each claim as it is written, and the last verdict that a comment before it announces."""
    found: list[tuple[str, str]] = []
    expected = ""
    for line in PATH.read_text(encoding="utf-8").splitlines():
        if line.startswith("# --"):
            expected = ""
        elif line.startswith("#") and (words := re.findall(r"\b[Pp]roved\b|\b[Rr]efuted\b", line)):
            expected = words[0].lower()
        elif line.startswith("prove "):
            found.append((line.removeprefix("prove "), expected))
    return found


@pytest.mark.parametrize(("text", "expected"), announced(), ids=[t for t, _ in announced()])
def test_the_verdict_is_the_one_announced(text: str, expected: str) -> None:
    items = [item for (t, _), item in zip(announced(), PROGRAM.proves, strict=True) if t == text]
    found = prove(PROGRAM, items[0])
    assert found.outcome == expected, found.reason
    if text in SMALLEST:
        assert found.counterexample is not None
        numbers = {**found.counterexample["parameters"], "L": found.counterexample["layers"]}
        assert numbers == SMALLEST[text]


def test_certificates() -> None:
    results = [(item, certified(PROGRAM, item, prove(PROGRAM, item))) for item in PROGRAM.proves]
    without = [item.text for item, verdict in results if verdict.certificate is None]
    # How many scores a layer computes is no matter of receptive fields.
    assert all(text.startswith("edges(n)") for text in without)
    assert len(without) == 2
    started = time.process_time()
    for statement in document(results)["statements"]:
        check(statement, statement["proof"])
    assert time.process_time() - started < 6
