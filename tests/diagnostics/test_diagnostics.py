"""Error files: under a bad line stand, as comments, carets at the exact place and what is said about it.

``pytest tests/diagnostics --update-golden`` writes them anew; read the difference before it is committed.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from patternc import driver
from patternc.diagnostics import CODES, Diagnostic
from patternc.source import Source

FILES = sorted(Path(__file__).parent.glob("*.pat"))
CARETS = re.compile(r"#(\s*)(\^+) (error|warning)\[([a-z-]+)\]: (.*)")
HINT = re.compile(r"#\s+hint: (.*)")


def said(text: str) -> list[tuple[int, int, int, str, str, str, str]]:
    """What is said about a text: line, column, width in the line, severity, code, message, hint."""
    source = Source("test.pat", text)
    result: list[tuple[int, int, int, str, str, str, str]] = []
    for d in driver.analyse(source)[1]:
        line, col = source.position(d.span.start)
        end_line, end_col = source.position(d.span.end)
        stop = end_col if end_line == line else len(source.line(line)) + 1
        result.append((line, col, max(1, stop - col), d.severity.value, d.code, d.message, d.hint))
    return result


def expected(text: str) -> list[tuple[int, int, int, str, str, str, str]]:
    """What the comments of a file say."""
    result: list[tuple[int, int, int, str, str, str, str]] = []
    line = 0
    for number, content in enumerate(text.split("\n"), 1):
        if match := CARETS.fullmatch(content):
            blank, carets, severity, code, message = match.groups()
            result.append((line, len(blank) + 2, len(carets), severity, code, message, ""))
        elif result and (match := HINT.fullmatch(content)):
            result[-1] = (*result[-1][:-1], match.group(1))
        else:
            line = number
    return result


def annotated(text: str) -> str:
    """The text with comments that say what is said about it; twice, for hints that speak of lines."""
    return _annotated(_annotated(text))


def _annotated(text: str) -> str:
    lines = [li for li in text.split("\n") if not CARETS.fullmatch(li) and not HINT.fullmatch(li)]
    notes: dict[int, list[str]] = {}
    for line, col, width, severity, code, message, hint in said(text):
        line -= sum(1 for li in text.split("\n")[:line] if CARETS.fullmatch(li) or HINT.fullmatch(li))
        at = notes.setdefault(line, [])
        at.append("#" + " " * (col - 2) + "^" * width + f" {severity}[{code}]: {message}")
        if hint:
            at.append("#" + " " * (col + width - 1) + f"hint: {hint}")
    return "\n".join(part for number, li in enumerate(lines, 1) for part in (li, *notes.get(number, ())))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_file(path: Path, request: pytest.FixtureRequest) -> None:
    text = path.read_text(encoding="utf-8")
    if request.config.getoption("--update-golden"):
        text = annotated(text)
        path.write_text(text, encoding="utf-8")
    assert said(text) == expected(text)


def test_every_file_has_errors() -> None:
    assert FILES
    for path in FILES:
        assert CARETS.search(path.read_text(encoding="utf-8")), path


def test_every_code_is_in_the_catalogue() -> None:
    used = {code for path in FILES for _, _, _, _, code, _, _ in said(path.read_text(encoding="utf-8"))}
    assert used <= CODES.keys()
    # `file` and `encoding` belong to files that are no text; the lints have tests of their own.
    lints = {"empty-row", "contained", "future", "cheaper", "unreachable"}
    missing = CODES.keys() - used - lints - {"file", "encoding", "parameter"}
    assert not missing, f"no error file shows {missing}"


def test_the_package_uses_no_other_code() -> None:
    calls = re.compile(r"\b(?:error|warning|InstantiationError)\(\s*\"([a-z-]+)\",\s")
    for path in Path(driver.__file__).parent.rglob("*.py"):
        used = set(calls.findall(path.read_text(encoding="utf-8")))
        assert used <= CODES.keys(), path


def test_diagnostics_are_values() -> None:
    source = Source("test.pat", "pattern a { attend q }")
    first, second = driver.analyse(source)[1], driver.analyse(source)[1]
    assert first == second
    assert isinstance(first[0], Diagnostic)
