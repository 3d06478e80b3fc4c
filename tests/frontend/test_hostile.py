"""Files that nobody writes by hand: each gets a clear answer, soon, and no traceback."""

from __future__ import annotations

import random
import re
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patternc import driver
from patternc.diagnostics import DiagnosticError, Report, render_all
from patternc.frontend import compile_claim
from patternc.ir.program import Program
from patternc.source import Source

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.pat"))
SECONDS = 8.0
"""Each takes a fraction of a second; on a busy machine only a hang or a blow-up takes this long."""
NONE = Program((), (), ())
ONE = driver.load_program(Source("test.pat", "pattern a(k = 3, p = 4) { attend window(k) }"))


def diagnose(data: bytes) -> list[str]:
    """What is said about a file, each with its code; shown as a user would see it."""
    try:
        source = driver.decode("test.pat", data)
        found = driver.analyse(source)[1]
    except DiagnosticError as error:
        source, found = error.source, error.diagnostics
    assert render_all(found, source) or not found
    assert all(0 <= d.span.start <= d.span.end <= len(source.text) for d in found)
    return [d.code for d in found]


DEEP = 10_000
HOSTILE: dict[str, tuple[bytes, str]] = {
    "NUL": (b"\0" * 1000, "character"),
    "binary": (bytes(range(256)) * 8, "encoding"),
    "UTF-16": ("pattern a { attend full }".encode("utf-16"), "encoding"),
    "Latin-1 comment": (b"# \xe9\n", "encoding"),
    "parentheses": (b"pattern a { attend " + b"(" * DEEP + b"full" + b")" * DEEP + b"}", "bound"),
    "open braces": (b"{" * DEEP, "bound"),
    "closing braces": (b"}" * DEEP, "syntax"),
    "long number": (b"pattern a(k = " + b"9" * 100_000 + b") { attend full }", "bound"),
    "tower": (b"pattern a(k = 2 ** 10 ** 9) { attend window(k) }", "value"),
    "open tower": (b"pattern a(k = 9) { attend window(k ** k ** k ** k) }", "value"),
    "unclosed": (b"pattern a {", "unclosed"),
    "unclosed call": (b"pattern a { attend window(3", "unclosed"),
    "repeats": (b"pattern a { attend full } stack s {" + b"repeat 999 {" * 90 + b"layers 9: a" + b"}" * 91, "bound"),
    "deep repeats": (b"stack s {" + b"repeat 2 {" * DEEP + b"}" * DEEP + b"}", "bound"),
    "many layers": (b"pattern a { attend full } stack s { layers 10 ** 12: a }", "bound"),
    "nots": (b"pattern a { attend where(" + b"not " * DEEP + b"d < 3) }", "bound"),
    "signs": (b"pattern a(k = " + b"-" * DEEP + b"3) { attend full }", "bound"),
    "differences": (b"pattern a { attend " + b"full - " * DEEP + b"full }", "bound"),
    "unions": (b"pattern a { attend " + b"full | " * DEEP + b"full }", "bound"),
    "sum": (b"pattern a(k = " + b"1 + " * DEEP + b"3) { attend full }", "bound"),
    "doubling": (
        b"pattern a { r0 = full " + b"".join(b"r%d = r%d - mirror(r%d) " % (i + 1, i, i) for i in range(99)) + b"}",
        "attend",
    ),
    "long chain": (
        b"pattern a { r0 = full "
        + b"".join(b"r%d = (r%d | sink(1)) & full " % (i + 1, i) for i in range(999))
        + b"attend r999 }",
        "bound",
    ),
    "many heads": (b"pattern a { attend heads { 0..10 ** 15 : full } }", "heads"),
    "parameters": (b"pattern a(" + b",".join(b"k%d = 1" % i for i in range(5000)) + b") { attend full }", "bound"),
    "long name": (b"pattern " + b"a" * 100_000 + b" { attend full }", "bound"),
    "million errors": (b"$" * 1_000_000, "character"),
    "million words": (b"a " * 500_000, "bound"),
    "thousands of errors": (b"pattern a { attend x y }\n" * 4000, "syntax"),
    "duplicates": (b"pattern a { " + b"r = full; " * 9000 + b"attend r }", "duplicate"),
    "undefined": (b"pattern a { attend " + b"b | " * 20_000 + b"c }", "name"),
    "huge": (b"#" * (driver.MAX_FILE + 1), "bound"),
    "quotes": (b'"' * DEEP, "character"),
    "semicolons": (b";" * DEEP, "syntax"),
    "zeros": (b"pattern a(k = 1 // " + b"0" * 100_000 + b") { attend full }", "value"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(name: str) -> None:
    data, code = HOSTILE[name]
    begin = time.monotonic()
    found = diagnose(data)
    assert time.monotonic() - begin < SECONDS
    assert code in found
    assert len(found) <= Report.LIMIT + 1


@pytest.mark.parametrize(
    "text",
    [
        b"#" * driver.MAX_FILE,
        b"pattern a(k = " + b"0" * 100_000 + b"1) { attend window(k) }",
        b"pattern a { attend full } stack s {" + b"repeat 10 ** 9 {" * 90 + b"layers 0: a" + b"}" * 91,
        b"pattern a { attend " + b"mirror(" * 95 + b"full" + b")" * 95 + b"}",
        b"pattern a { attend " + b"window(1) - (" * 45 + b"full" + b")" * 45 + b"}",
        b"pattern a { attend where(" + b"not (" * 45 + b"d < 3 and q > 2" + b")" * 45 + b")}",
        b"pattern a { attend where(" + b"abs(" * 90 + b"d" + b")" * 90 + b" < 3) }",
    ],
)
def test_large_and_right(text: bytes) -> None:
    begin = time.monotonic()
    assert diagnose(text) == []
    assert time.monotonic() - begin < SECONDS


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes(data: bytes) -> None:
    diagnose(data)


WORDS = re.findall(
    r"\S+",
    """
    pattern stack prove causal require attend gate heads else layers repeat if and or not window stride chunk where
    mirror full none same_document per_document a b k p q d n h L oo all layer 0 1 2 64 ( ) { } , ; : .. = == <= < + -
    * ** // % | & reach covers subset gapfree nonempty min abs $ ! && 1.5 π #
""",
)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=40))
def test_random_words(words: list[str]) -> None:
    diagnose(" ".join(words).encode())


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=12))
def test_random_claims(words: list[str]) -> None:
    with pytest.raises(DiagnosticError, match=r"<claim>:1:"):
        compile_claim(Source("<claim>", " ".join(words)), NONE, None, {})
    with suppress(DiagnosticError):
        compile_claim(Source("<claim>", " ".join(words)), ONE, "a", {})


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(EXAMPLES), st.integers(0, 2**32))
def test_mutated_examples(path: Path, seed: int) -> None:
    """Examples with pieces taken out, doubled, exchanged or replaced."""
    chance = random.Random(seed)
    text = path.read_text(encoding="utf-8")
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(text))
        end = min(len(text), start + chance.choice((1, 1, 2, 5, 20)))
        piece = chance.choice(("", text[start:end] * 2, chance.choice(WORDS), chr(chance.randrange(32, 0x2FF))))
        text = text[:start] + piece + text[end:]
    diagnose(text.encode())
