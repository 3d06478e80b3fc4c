"""The catalogue of syntax hints is its own test: every bad example gets the hint, at the place that it marks."""

from __future__ import annotations

import pytest

from patternc.diagnostics import Diagnostic
from patternc.frontend import compile_source
from patternc.frontend.hints import HINTS, NO_SIGNS, SIGNS
from patternc.source import Source

EXAMPLES = [(number, example) for number, hint in enumerate(HINTS) for example in hint.examples]


def diagnose(marked: str) -> tuple[list[Diagnostic], int, int]:
    """What is said about an example, and the place that it marks."""
    start, end = marked.index("«"), marked.index("»") - 1
    _, found = compile_source(Source("test.pat", marked.replace("«", "").replace("»", "")))
    return found, start, end


@pytest.mark.parametrize(("number", "example"), EXAMPLES)
def test_hints(number: int, example: str) -> None:
    found, start, end = diagnose(example)
    assert [(d.span.start, d.span.end) for d in found] == [(start, end)], [(d.message, d.span) for d in found]
    assert found[0].code == "syntax"
    assert found[0].hint
    assert found[0].message


@pytest.mark.parametrize("sign", SIGNS)
def test_signs_of_other_languages(sign: str) -> None:
    found, start, end = diagnose(f"pattern a(p = 3) {{ require p «{sign}» 2 attend full }}")
    first = next(d for d in found if d.code == "character")
    assert (first.span.start, first.span.end) == (start, end)
    assert first.message == f"`{sign}` is not in the language"
    assert first.hint.startswith(f"write `{SIGNS[sign][1]}`")


@pytest.mark.parametrize(
    "condition",
    ["p «&&» q", "p «||» q", "«!»p", "p «≤» 3", "p «=>» 3", "p «<>» 3", "p «/» 2 == 1", "p «^» 2 == 1", "p «−» 2 > 0"],
)
def test_signs_are_read_as_what_they_mean(condition: str) -> None:
    """So that nothing else is found to be wrong."""
    text = condition.replace("p «&&» q", "p > 2 «&&» p < 4").replace("p «||» q", "p > 2 «||» p < 4")
    found, _, _ = diagnose(f"pattern a(p = 3) {{ require {text.replace('«!»p', '«!» p > 2')} attend window(p) }}")
    assert len(found) == 1


@pytest.mark.parametrize("sign", NO_SIGNS)
def test_signs_without_a_meaning(sign: str) -> None:
    found, start, end = diagnose(f"pattern a(p = 3) {{ attend full «{sign}» window(p) }}")
    assert [(d.span.start, d.span.end, d.code) for d in found] == [(start, end, "character")]


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        ("1.5", "numbers are integers; divide with `//`"),
        ("0x10", "write `16`"),
        ("1_000", "write `1000`"),
        ("4k", "a product is written `4 * k`"),
        ("1e3", "write all digits of an integer, and nothing else"),
        ("0b12", "a product is written `0 * b12`"),
    ],
)
def test_numbers_of_other_languages(number: str, hint: str) -> None:
    found, start, end = diagnose(f"pattern a(p = «{number}») {{ attend full }}")
    assert [(d.span.start, d.span.end, d.code, d.hint) for d in found] == [(start, end, "number", hint)]


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("pattern «π»_attention { attend full }", "`π` cannot stand in a name", "write `pi_attention`"),
        ("pattern caf«é» { attend full }", "`é` cannot stand in a name", "write `cafe`"),
        ("pattern a { attend window(3) «\u00a0»}", "U+00A0 (no-break space) is not in the language", ""),
        ("pattern a { attend window(3) «\u200b»}", "U+200B (zero width space) is not in the language", ""),
        ('pattern a { attend window(«"3"») }', "there are no strings in the language", "names stand without quotes"),
        ("pattern a { attend window(3) «\x00»}", "U+0000 (a control character) is not in the language", ""),
    ],
)
def test_characters(text: str, message: str, hint: str) -> None:
    found, start, end = diagnose(text)
    assert (found[0].span.start, found[0].span.end, found[0].code) == (start, end, "character")
    assert found[0].message.startswith(message)
    assert found[0].hint == hint
