"""Words and signs.  Those of other languages are reported here and read as what they mean, so that parsing goes on."""

from __future__ import annotations

from functools import cache
from typing import Any

from lark import Lark, Token

from patternc import resources
from patternc.diagnostics import Report
from patternc.frontend import hints
from patternc.frontend.build_ast import BuildAst
from patternc.ir.expr import LIMIT
from patternc.source import Source, Span

MAX_TOKENS = 50_000
MAX_NESTING = 100
MAX_NAME = 200

_DIGITS = len(str(LIMIT))
_OPENING = {"LPAR": "RPAR", "LBRACE": "RBRACE"}
_ITEM = ("PATTERN", "STACK", "PROVE")


@cache
def grammar() -> Lark:
    """The parser of one item; its callbacks build the syntax tree."""
    text = (resources.folder("grammars") / "patternc.lark").read_text(encoding="utf-8")
    options: dict[str, Any] = {"parser": "lalr", "lexer": "basic", "start": "item", "transformer": BuildAst()}
    return Lark(text, keep_all_tokens=True, maybe_placeholders=False, **options)


@cache
def keywords() -> frozenset[str]:
    """The words that cannot be names of anything else."""
    return frozenset(t.pattern.value for t in grammar().terminals if t.pattern.value.isalpha() and t.name != "NAME")


def span(token: Token) -> Span:
    """Where a token stands."""
    return Span(token.start_pos or 0, token.end_pos or 0)


def tokens(source: Source, report: Report) -> list[Token]:
    """The words and signs of a text, made fit for the parser.  What is wrong with them is reported."""
    found: list[Token] = []
    for token in grammar().lex(source.text):
        found.append(token)
        if len(found) > MAX_TOKENS:
            message = f"the file has more than {MAX_TOKENS} words and signs, the most that is read"
            report.error("bound", message, span(token))
            return []
    result: list[Token] = []
    for i, token in enumerate(found):
        follower = found[i + 1].type if i + 1 < len(found) else ""
        result.append(_fit(token, result[-1].type if result else "", follower, report))
    return [] if _too_deep(result, report) else result


def _fit(token: Token, before: str, after: str, report: Report) -> Token:
    """The token as the parser shall see it."""
    if token.type.startswith("FOREIGN"):
        return _foreign(token, report)
    if token.type == "NUMBER":
        return _number(token, report)
    if token.type == "NAME":
        _check_name(token, report)
    if token.type == "NAME" or token in keywords():
        # A keyword in the place of a name is read as one; that it cannot be is said where names are checked.
        if after == "EQUALS":
            return token.update(type="BINDER")
        if before in _ITEM and after in ("LPAR", "LBRACE", "COLON"):
            return token.update(type="NAME")
    return token


def _foreign(token: Token, report: Report) -> Token:
    meant = hints.foreign(token)
    report.error(meant.code, meant.message, span(token), meant.hint)
    # It is read as what it means; its place stays that of what was written.
    return token.update(type=meant.type or "BAD", value=meant.value or str(token))


def _number(token: Token, report: Report) -> Token:
    digits = token.lstrip("0") or "0"
    if len(digits) > _DIGITS or int(digits) >= LIMIT:
        report.error("bound", "numbers lie between -2^62 and 2^62", span(token))
        return token.update(type="BAD")
    return token.update(value=digits)


def _check_name(token: Token, report: Report) -> None:
    if not token.isascii():
        at = next(i for i, c in enumerate(token) if not c.isascii())
        hint = hints.ascii_name(token)
        start = span(token).start + at
        message = f"`{token[at]}` cannot stand in a name: names are made of ASCII letters, digits and `_`"
        report.error("character", message, Span(start, start + 1), hint)
    if len(token) > MAX_NAME:
        report.error("bound", f"a name of {len(token)} characters: the longest allowed has {MAX_NAME}", span(token))


def _too_deep(found: list[Token], report: Report) -> bool:
    depth = 0
    for token in found:
        if token.type in _OPENING:
            depth += 1
        elif token.type in _OPENING.values():
            depth = max(0, depth - 1)
        if depth > MAX_NESTING:
            report.error("bound", f"brackets are nested more than {MAX_NESTING} deep", span(token))
            return True
    return False
