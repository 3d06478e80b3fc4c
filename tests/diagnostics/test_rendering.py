"""How a diagnostic looks: the line, carets under the exact place, the hint."""

from __future__ import annotations

import unicodedata

import pytest

from patternc.diagnostics import Diagnostic, DiagnosticError, error, in_order, render, render_all, warning
from patternc.source import Source, Span


def shown(marked: str, message: str = "wrong", hint: str = "") -> list[str]:
    """The lines of an error at the place between « and »."""
    start, end = marked.index("«"), marked.index("»") - 1
    source = Source("dir/file.pat", marked.replace("«", "").replace("»", ""))
    return render(error("name", message, Span(start, end), hint), source).split("\n")


def column(text: str, tab: int = 8) -> int:
    """Where the cursor of a terminal stands after a text."""
    at = 0
    for char in text:
        if char == "\t":
            at += tab - at % tab
        elif not unicodedata.combining(char):
            at += 2 if unicodedata.east_asian_width(char) in "WF" else 1
    return at


def test_plain() -> None:
    assert shown("first\n  attend «windw»(3)\nlast", hint="did you mean `window`?") == [
        "dir/file.pat:2:10: error[name]: wrong",
        "  attend windw(3)",
        "         ^^^^^",
        "  hint: did you mean `window`?",
    ]


def test_warning_without_a_hint() -> None:
    source = Source("f.pat", "abc")
    assert render(warning("shadow", "look", Span(1, 2)), source) == "f.pat:1:2: warning[shadow]: look\nabc\n ^"


@pytest.mark.parametrize("before", ["", "x", "\t", "\tx\t", "π = ", "幅 = ", "e\u0301 = ", "  幅\t幅", "🙂"])
@pytest.mark.parametrize("inside", ["x", "wide", "幅広", "e\u0301"])
def test_carets_stand_under_the_place(before: str, inside: str) -> None:
    _, line, carets = shown(f"{before}«{inside}» rest")
    assert line == f"{before}{inside} rest"
    for tab in (4, 8):
        assert column(carets[: carets.index("^")], tab) == column(before, tab)
        assert column(carets, tab) == column(before + inside, tab)


def test_a_place_of_several_lines_is_underlined_in_its_first() -> None:
    assert shown("a «b c\nd e» f")[1:] == ["a b c", "  ^^^"]


def test_an_empty_place_has_one_caret() -> None:
    assert shown("a b«»")[1:] == ["a b", "   ^"]
    assert shown("a\n«»")[0].startswith("dir/file.pat:2:1:")


def test_carriage_returns_are_not_shown() -> None:
    assert shown("a\r\nb «c»\r\nd")[1:] == ["b c", "  ^"]


def test_control_characters_do_not_reach_the_terminal() -> None:
    head, line, _ = shown("a \x1b[31m \x00 «b» \u202e \x7f")
    assert not any(unicodedata.category(c) in ("Cc", "Cf") for c in head + line)
    assert "␛[31m ␀ b" in line


def test_long_lines_are_cut() -> None:
    _, line, carets = shown("x" * 5000 + "«bad»" + "y" * 5000)
    assert len(line) < 200
    assert line.startswith("...x")
    assert line.endswith("y...")
    assert line[carets.index("^") : carets.rindex("^") + 1] == "bad"
    _, line, carets = shown("«" + "x" * 5000 + "»")
    assert len(carets) <= len(line) < 200


def test_many_are_cut() -> None:
    source = Source("f.pat", "a" * 1000)
    text = render_all([error("name", "wrong", Span(i, i + 1)) for i in range(500)], source)
    assert text.count("error[name]") == 100
    assert text.endswith("f.pat: 100 are shown, more were found")


def test_json() -> None:
    source = Source("f.pat", "a\nb ccc\nd")
    assert error("name", "wrong", Span(4, 7)).to_json(source) == {
        "file": "f.pat",
        "line": 2,
        "col": 3,
        "end_line": 2,
        "end_col": 6,
        "severity": "error",
        "code": "name",
        "message": "wrong",
        "hint": None,
    }
    assert warning("name", "wrong", Span(0, 5), "mend it").to_json(source)["hint"] == "mend it"


def test_order() -> None:
    late, early = error("name", "b", Span(5, 6)), error("name", "a", Span(1, 9))
    assert in_order([late, early, late]) == [early, late]


def test_exception_shows_itself() -> None:
    source = Source("f.pat", "abc")
    problem = DiagnosticError([error("name", "wrong", Span(0, 3))], source)
    assert isinstance(problem, ValueError)
    assert str(problem) == "f.pat:1:1: error[name]: wrong\nabc\n^^^"


def test_color_is_only_added() -> None:
    source = Source("f.pat", "abc")
    diagnostic: Diagnostic = error("name", "wrong", Span(0, 3))
    colored = render(diagnostic, source, color=True)
    assert "\x1b[1;31merror[name]\x1b[0m" in colored
    assert "wrong" in colored
