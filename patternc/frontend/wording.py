"""Says in words what the parser expected and what it found."""

from __future__ import annotations

from collections.abc import Set

from lark import Token

_SIGNS = {
    "LPAR": "`(`",
    "RPAR": "`)`",
    "LBRACE": "`{`",
    "RBRACE": "`}`",
    "COMMA": "`,`",
    "SEMICOLON": "`;`",
    "COLON": "`:`",
    "DOTS": "`..`",
    "EQUALS": "`=`",
    "NAME": "a name",
    "BINDER": "`NAME = ...`",
    "$END": "the end of the file",
}
_OPERATORS = frozenset(
    {"AND", "OR", "COMPARE", "BAR", "AMPERSAND", "PLUS", "MINUS", "STAR", "STARS", "SLASHES", "PERCENT"}
)
_OPERAND = frozenset({"NAME", "NUMBER", "LPAR", "MINUS", "NOT", "HEADS", "CAUSAL", "GATE"})
_GROUPS = (
    (frozenset({"$END"}), ["`pattern`", "`stack`", "`prove`"], "another item"),
    (frozenset({"PATTERN", "STACK", "PROVE"}), ["`pattern`", "`stack`", "`prove`"], "an item"),
    (frozenset({"REQUIRE", "ATTEND"}), ["`require`", "`NAME = ...`", "`attend`"], "a statement"),
    (frozenset({"LAYERS", "REPEAT"}), ["`layers`", "`repeat`"], "an entry"),
    (frozenset({"ELSE", "NUMBER"}), ["a range `FIRST..END`", "`else`"], "an entry"),
)
"""What begins an item, a statement or an entry: listed where it must come next, and named where it may."""
_LONGEST = 40


def found(token: Token, whole: str = "file") -> str:
    """What was found, as it was written."""
    if token.type == "$END":
        return f"the end of the {whole}"
    return f"`{token}`" if len(token) <= _LONGEST else f"`{token[: _LONGEST - 3]}...`"


def expectation(expected: Set[str], token: Token, whole: str = "file") -> str:
    """The message of a syntax error.  ``whole`` is what the text is: in a claim alone, no item follows it."""
    choices = _choices(set(expected), "$END" in expected and whole != "file")
    if not choices:
        return f"{found(token, whole)} cannot stand here"
    listed = choices[0] if len(choices) == 1 else f"{', '.join(choices[:-1])} or {choices[-1]}"
    return f"expected {listed}, found {found(token, whole)}"


def _choices(expected: set[str], alone: bool) -> list[str]:
    """The alternatives, from the most to the least telling."""
    choices: list[str] = []
    between = not expected & _OPERATORS - {"MINUS", "NOT"}
    if not between:
        choices.append("an operator")
        expected -= _OPERATORS | {"LPAR"}
    if alone:
        choices.append("the end of the claim")
        expected -= {"$END", "SEMICOLON", "COMMA"}
    for starts, listed, name in _GROUPS:
        if expected >= starts:
            # After a complete expression much may follow: then the group's name says enough.
            choices += listed if between else [name]
            expected -= starts | _OPERAND | {"BINDER", "SEMICOLON", "COMMA", "CAUSAL"}
    if expected >= {"NAME", "NUMBER", "LPAR"}:
        choices.append("an expression")
        expected -= _OPERAND | {"BINDER"}
    if len(expected) > 1:
        expected.discard("SEMICOLON")
    return choices + [_SIGNS.get(kind, f"`{kind.lower()}`") for kind in sorted(expected)]
