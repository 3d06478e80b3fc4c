"""What users of other languages write, and what they mean: the hints behind syntax errors.

Every entry carries bad examples.  They are the table that the tests run: in an example the place of the error stands
between « and ».
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lark import Token

from patternc.diagnostics import did_you_mean
from patternc.primitives import PRIMITIVES

SEMICOLON_REQUIRED = "before an entry whose bound begins with `(` or `-`, a `;` is required"
ITEMS = ("pattern", "stack", "prove", "causal")
STATEMENTS = ("require", "attend")
ENTRIES = ("layers", "repeat")


@dataclass(frozen=True)
class Meant:
    """How a foreign word is reported, and the token that is read in its place, where there is one."""

    message: str
    hint: str = ""
    type: str = ""
    value: str = ""
    code: str = "character"


SIGNS = {
    "&&": ("AND", "and"),
    "||": ("OR", "or"),
    "!": ("NOT", "not"),
    "<>": ("COMPARE", "!="),
    "=<": ("COMPARE", "<="),
    "=>": ("COMPARE", ">="),
    "===": ("COMPARE", "=="),
    "!==": ("COMPARE", "!="),
    "≤": ("COMPARE", "<="),
    "≥": ("COMPARE", ">="),
    "≠": ("COMPARE", "!="),
    "/": ("SLASHES", "//"),
    "÷": ("SLASHES", "//"),
    "^": ("STARS", "**"),
    "×": ("STAR", "*"),
    "·": ("STAR", "*"),
    "−": ("MINUS", "-"),
    "–": ("MINUS", "-"),
    "—": ("MINUS", "-"),
    "∞": ("NAME", "oo"),
    "∧": ("AND", "and"),
    "∨": ("OR", "or"),
    "¬": ("NOT", "not"),
    "∪": ("BAR", "|"),
    "∩": ("AMPERSAND", "&"),
    "∖": ("MINUS", "-"),
    "...": ("DOTS", ".."),
    "…": ("DOTS", ".."),
    "..=": ("DOTS", ".."),
    ":=": ("EQUALS", "="),
    "[": ("LPAR", "("),
    "]": ("RPAR", ")"),
}
"""Signs of other languages and of mathematics: the token they are read as, and how the language writes it."""

NO_SIGNS = {
    "/*": "a comment begins with `#` and ends with its line",
    "*/": "a comment begins with `#` and ends with its line",
    "~": "the pairs outside R are `full - R`",
    "->": "",
    "+=": "a name is defined once, with `=`",
    "-=": "a name is defined once, with `=`",
    "|=": "a name is defined once, with `=`",
    "&=": "a name is defined once, with `=`",
}
"""Signs that nothing in the language stands for, with what to do instead."""


def foreign(token: Token) -> Meant:
    """What a word outside the language means."""
    if token.type == "FOREIGN_NUMBER":
        return Meant(f"`{_cut(token)}` is not a number of the language", _number(token), code="number")
    if token.type == "FOREIGN_TEXT":
        return Meant("there are no strings in the language", "names stand without quotes")
    if token in SIGNS:
        kind, value = SIGNS[token]
        hint = f"write `{value}`" + ("; the end of a range is outside it" if kind == "DOTS" else "")
        return Meant(f"`{token}` is not in the language", hint, kind, value)
    if token in NO_SIGNS:
        return Meant(f"`{token}` is not in the language", NO_SIGNS[token])
    return Meant(f"{_described(token)} is not in the language")


def _number(text: str) -> str:
    if "." in text:
        return "numbers are integers; divide with `//`"
    try:
        return f"write `{int(text, 0)}`"
    except ValueError:
        pass
    digits = text[: next(i for i, c in enumerate(text) if not c.isdigit())]
    rest = text[len(digits) :]
    if rest.isidentifier() and rest.isascii() and rest[0] not in "eE_":
        return f"a product is written `{digits} * {rest}`" if len(text) <= 40 else ""
    return "write all digits of an integer, and nothing else"


def _described(text: str) -> str:
    if len(text) == 1 and (not text.isprintable() or text.isspace()):
        name = unicodedata.name(text, "a control character").lower()
        return f"U+{ord(text):04X} ({name})"
    return f"`{_cut(text)}`"


def _cut(text: str) -> str:
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:21])
    return shown if len(text) <= 20 else shown[:17] + "..."


def ascii_name(name: str) -> str:
    """A spelling of a name that is allowed, where one suggests itself."""
    greek = "".join(
        unicodedata.name(c, "").rpartition(" ")[2].lower() if unicodedata.name(c, "").startswith("GREEK SMALL") else c
        for c in name
    )
    plain = "".join(c for c in unicodedata.normalize("NFKD", greek) if c.isascii())
    return f"write `{plain}`" if plain.isidentifier() and len(plain) <= 40 else ""


@dataclass(frozen=True)
class Place:
    """Where the parser stopped: the words before and after, what could stand there, and the bracket it is in."""

    tokens: Sequence[Token]
    at: int
    expected: frozenset[str]
    block: str
    """``pattern``, ``stack`` or ``heads`` within their braces, ``prove``, or nothing."""
    in_call: bool

    @property
    def found(self) -> str:
        """The kind of the token that was found."""
        return self.type(0)

    def type(self, offset: int) -> str:
        """The kind of a token, counted from the one that was found."""
        index = self.at + offset
        return self.tokens[index].type if 0 <= index < len(self.tokens) else ""

    def text(self, offset: int) -> str:
        """The text of a token, counted from the one that was found."""
        index = self.at + offset
        return str(self.tokens[index]) if 0 <= index < len(self.tokens) else ""


@dataclass(frozen=True)
class Hint:
    """A mistake that is known: when it was made, what to say (over the place), and bad examples."""

    applies: Callable[[Place], bool]
    text: Callable[[Place], str]
    examples: tuple[str, ...]
    shift: int = 0
    """So many tokens behind the one that was found, the error is shown."""


def _fixed(text: str) -> Callable[[Place], str]:
    return lambda place: text


_OPERAND = frozenset({"NAME", "NUMBER", "LPAR"})
_CALLED = frozenset(name for name, primitive in PRIMITIVES.items() if primitive.parameters)


def _operand(place: Place) -> bool:
    return place.expected >= _OPERAND


HINTS = (
    Hint(
        lambda p: p.found == "BINDER" and p.type(1) == "EQUALS" and _operand(p) and not p.in_call,
        lambda p: f"`=` defines; compare with `==`, as in `{p.text(0)} == {p.text(2) or '...'}`",
        (
            "pattern a(p = 3) { require p «=» 3 attend full }",
            "pattern a(p = 3) { require p > 2 and p «=» 3 attend full }",
            "pattern a { attend full } prove a: L «=» 3",
        ),
        shift=1,
    ),
    Hint(
        lambda p: p.found == "EQUALS" and "COMPARE" in p.expected,
        _fixed("`=` defines; compare with `==`"),
        (
            "pattern a { attend full } prove a: reach(L) «=» 3",
            "pattern a(p = 3) { require p % 2 «=» 1 attend full }",
        ),
    ),
    Hint(
        lambda p: p.found == "NAME" and p.text(1) in ("==", ":") and "BINDER" in p.expected and not _operand(p),
        lambda p: f"a definition is written `{p.text(0)} = ...`",
        ("pattern a { «local» == window(3) attend local }", "pattern a { «local»: window(3) attend local }"),
    ),
    Hint(
        lambda p: p.block == "heads" and "DOTS" in p.expected and p.found == "COLON",
        lambda p: (
            "a range of heads is written `0..4`"
            if p.type(1) == "NUMBER"
            else "heads are given as a range `FIRST..END`, as in `0..4`; `3..4` is head 3 alone"
        ),
        (
            "pattern a { attend heads { 0«:»4: full else: none } }",
            "pattern a { attend heads { 0-4«:» full else: none } }",
            "pattern a { attend heads { 3«:» full else: none } }",
        ),
    ),
    Hint(
        lambda p: p.block == "heads" and p.found == "DOTS" and "DOTS" not in p.expected and not p.in_call,
        _fixed(SEMICOLON_REQUIRED),
        (
            "pattern a { attend heads { 0..2: window(3) «(»2)..4: full } }",
            "pattern a(w = 3) { b = full attend heads { 0..2: b (2)«..»4: full } }",
            "pattern a { attend heads { 0..2: window(3) -1«..»4: full } }",
        ),
    ),
    Hint(
        lambda p: p.type(-1) == "CAUSAL" and p.found == "LPAR" and "COMPARE" in p.expected,
        _fixed("write `causal`, without parentheses"),
        ("pattern a { attend full & causal«(») }", "pattern a { attend causal } prove a: causal«(»)"),
    ),
    Hint(
        lambda p: p.type(-1) == "HEADS" and p.type(-2) == "ATTEND",
        _fixed("the entries of `heads` stand in braces: `attend heads { 0..4 : ... }`"),
        ("pattern a { attend heads «0»..4: full }",),
    ),
    Hint(
        lambda p: p.type(-1) == "NAME" and p.found in _OPERAND and p.text(-1) in _CALLED and "LPAR" in p.expected,
        lambda p: f"arguments stand in parentheses: `{p.text(-1)}({p.text(0)})`",
        ("pattern a { attend window «3» }", "pattern a(w = 2) { attend sink «w» | full }"),
    ),
    Hint(
        lambda p: p.found in ("IF", "ELSE") and "COMPARE" in p.expected and p.block != "heads",
        _fixed("there are no conditional expressions; heads that differ are written `attend heads { ... }`"),
        ("pattern a(k = 3) { attend window(k «if» k > 2 else 3) }",),
    ),
    Hint(
        lambda p: p.text(0) == "in" and "COMPARE" in p.expected,
        _fixed("a range is tested with a chain: `0 <= x < 4`"),
        ("pattern a { attend where(h «in» 3) }",),
    ),
    Hint(
        lambda p: p.found in ("NAME", "NUMBER") and p.in_call and "COMMA" in p.expected and not _operand(p),
        _fixed("arguments are separated by `,`"),
        ("pattern a { attend window(3 «4») }", "pattern a(p = 3) { attend gate(window(3) «sink»(p)) }"),
    ),
    Hint(
        lambda p: p.found == "NAME" and "BINDER" in p.expected and not _operand(p) and p.in_call,
        lambda p: f"every parameter has a default: `{p.text(0)} = 64`",
        ("pattern a(«k») { attend window(k) }", "pattern a(p = 3, «k») { attend window(k) }"),
    ),
    Hint(
        lambda p: p.block == "prove" and "PROVE" in (p.type(-1), p.type(-2)),
        _fixed("a claim is written `prove NAME: CLAIM`"),
        (
            "pattern a { attend causal } prove a «causal»",
            "pattern a { attend causal } prove a «reach»(3) == 1",
            "prove «causal»",
        ),
    ),
    Hint(
        lambda p: p.block == "prove" and p.type(-1) == "COMMA" and "COLON" not in p.expected,
        _fixed("a `prove` makes one claim"),
        ("pattern a { attend causal } prove a: causal, «nonempty»",),
    ),
    Hint(
        lambda p: p.block == "stack" and p.found == "COLON" and "LBRACE" in p.expected,
        _fixed("a repetition is written `repeat COUNT { ... }`"),
        ("pattern a { attend full } stack s { repeat 3«:» layers 2: a }",),
    ),
    Hint(
        lambda p: p.block == "stack" and "COLON" in p.expected and p.found in ("LBRACE", "RBRACE", "NAME", "LAYERS"),
        _fixed("an entry is written `layers COUNT: PATTERN`"),
        (
            "pattern a { attend full } stack s { layers 3 «{» a } }",
            "pattern a { attend full } stack s { layers 3 «a» }",
            "pattern a { attend full } stack s { layers a «}»",
        ),
    ),
    Hint(
        lambda p: p.found == "SLASHES" and not p.expected & {"SLASHES", "EQUALS"},
        _fixed("a comment begins with `#`"),
        ("«//» a window\npattern a { attend full }", "pattern a { «//» a window\nattend full }"),
    ),
    Hint(
        lambda p: p.found == "RBRACE" and not p.block,
        _fixed("this `}` closes nothing"),
        ("pattern a { attend full } «}»", "«}» pattern a { attend full }"),
    ),
    Hint(
        lambda p: p.found == "RPAR" and not p.in_call,
        _fixed("this `)` closes nothing"),
        ("pattern a { attend window(3)«)» }", "pattern a { b = full«)» attend b }"),
    ),
    Hint(
        lambda p: p.found == "NAME" and bool(_keyword_meant(p)),
        lambda p: _keyword_meant(p),
        (
            "pattern a { «atend» full }",
            "pattern a(p = 3) { «requires» p > 2 attend full }",
            "«patern» a { attend full }",
            "pattern a { attend full } stack s { «layer» 3: a }",
        ),
    ),
)


def _keyword_meant(place: Place) -> str:
    if "REQUIRE" in place.expected:
        known: tuple[str, ...] = STATEMENTS
    elif "LAYERS" in place.expected:
        known = ENTRIES
    else:
        known = ITEMS if not place.block else ()
    return did_you_mean(place.text(0), known)


def item_meant(word: str) -> str:
    """The keyword of an item that a misspelt word comes close to, or nothing."""
    close = difflib.get_close_matches(word, ITEMS[:3], n=1, cutoff=0.7)
    return close[0] if close else ""


def hint_for(place: Place) -> Hint | None:
    """The known mistake that was made, if it is one."""
    return next((hint for hint in HINTS if hint.applies(place)), None)
