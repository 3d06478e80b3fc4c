"""Errors and warnings about a source text: their catalogue, and how they are shown."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from patternc.source import NOWHERE, Source, Span

CODES = {
    # The text.
    "file": "the file cannot be read",
    "encoding": "the file is not UTF-8",
    "bound": "something is larger than the language allows",
    "character": "a character that stands for nothing",
    "number": "a number that is not an integer as the language writes them",
    "syntax": "something stands where it cannot stand",
    "unclosed": "a bracket without its partner",
    # Names and types.
    "name": "a name that nothing defines",
    "order": "a name used before it is defined",
    "duplicate": "a name defined twice",
    "reserved": "a keyword, a primitive or a reserved name where a new name is defined",
    "scope": "a name that exists, but not here",
    "type": "a number, a condition or a relation where another of them must stand",
    "arity": "too many or too few arguments, or one of a name that is not there",
    "attend": "a pattern has exactly one `attend`, at its end",
    "gate": "a gate somewhere else than directly under `attend` or a heads entry, or with too few branches",
    "heads": "head ranges that overlap, exceed the head count or leave a head out",
    "affine": "a condition in `where` that is not quasi-affine in the positions",
    "claim": "a claim that says nothing about its target",
    # Values.
    "require": "values that break a `require` or the domain of an argument",
    "value": "an expression without a value: out of bounds, divided by zero",
    "parameter": "a value for a parameter that is not there",
    # Warnings.
    "shadow": "a parameter that is named like a position, which means the position inside `where`",
    "empty-row": "queries that see no key",
    "contained": "a branch whose pairs another one holds already",
    "future": "a pattern that sees the future and is not declared `causal`",
    "cheaper": "a pattern that costs more than one that sees as much",
    "unreachable": "tokens that no number of layers reaches",
}
"""The stable codes, each with what it stands for."""

SHOWN = 100
"""So many diagnostics of a file are shown."""

_LONGEST_LINE = 160
_CONTEXT = 60


class Severity(StrEnum):
    """Errors stop the compiler, warnings do not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Diagnostic:
    """One thing to say about a place in a text."""

    severity: Severity
    code: str
    message: str
    span: Span = NOWHERE
    hint: str = ""

    def to_json(self, source: Source) -> dict[str, object]:
        """The keys of LANGUAGE.md, section 3; ``end_line`` and ``end_col`` are just past the last character."""
        line, col = source.position(self.span.start)
        end_line, end_col = source.position(self.span.end)
        return {
            "file": source.name,
            "line": line,
            "col": col,
            "end_line": end_line,
            "end_col": end_col,
            "severity": self.severity.value,
            "code": self.code,
            "message": self.message,
            "hint": self.hint or None,
        }


def error(code: str, message: str, span: Span = NOWHERE, hint: str = "") -> Diagnostic:
    """An error at a place of the text; ``code`` is one of `CODES`."""
    return Diagnostic(Severity.ERROR, code, message, span, hint)


def warning(code: str, message: str, span: Span = NOWHERE, hint: str = "") -> Diagnostic:
    """A warning at a place of the text; ``code`` is one of `CODES`."""
    return Diagnostic(Severity.WARNING, code, message, span, hint)


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Whether one of them is an error."""
    return any(d.severity is Severity.ERROR for d in diagnostics)


def in_order(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """By place in the text, each said once."""
    return sorted(dict.fromkeys(diagnostics), key=lambda d: (d.span, d.severity.value, d.code))


class Report:
    """Collects what is to be said about a text.  A text of a million errors does not need a million diagnostics."""

    LIMIT = 1000

    def __init__(self) -> None:
        self.found: list[Diagnostic] = []

    @property
    def full(self) -> bool:
        """Whether nothing more is taken."""
        return len(self.found) >= self.LIMIT

    def error(self, code: str, message: str, span: Span, hint: str = "") -> None:
        """Report an error."""
        if not self.full:
            self.found.append(error(code, message, span, hint))

    def warning(self, code: str, message: str, span: Span, hint: str = "") -> None:
        """Report a warning."""
        if not self.full:
            self.found.append(warning(code, message, span, hint))


class DiagnosticError(ValueError):
    """A text that is wrong, with everything that is wrong with it."""

    def __init__(self, diagnostics: Sequence[Diagnostic], source: Source):
        super().__init__(diagnostics, source)
        self.diagnostics = list(diagnostics)
        self.source = source

    def __str__(self) -> str:
        return render_all(self.diagnostics, self.source)


class UsageError(ValueError):
    """A call that is wrong: an option, an argument, a name that the file does not have."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint that names the closest of the known names, or nothing."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else ""


def render_all(diagnostics: Sequence[Diagnostic], source: Source, color: bool = False) -> str:
    """All of them, as many as a reader can use."""
    parts = [render(d, source, color) for d in diagnostics[:SHOWN]]
    if len(diagnostics) > SHOWN:
        parts.append(f"{source.name}: {SHOWN} are shown, more were found")
    return "\n".join(parts)


def render(diagnostic: Diagnostic, source: Source, color: bool = False) -> str:
    """``FILE:LINE:COL: error[CODE]: message``, the line, carets under the exact span, and the hint."""
    line, col = source.position(diagnostic.span.start)
    end_line, end_col = source.position(diagnostic.span.end)
    kind = f"{diagnostic.severity.value}[{diagnostic.code}]"
    name = "".join(_visible(c) for c in source.name)
    head = f"{_bold(f'{name}:{line}:{col}:', color)} {_tinted(kind, diagnostic, color)}: {diagnostic.message}"
    parts = [head]
    if source.text and diagnostic.code not in ("file",):
        text = source.line(line)
        stop = end_col - 1 if end_line == line else len(text)
        shown, carets = _underlined(text, col - 1, max(stop, col))
        parts += [shown, _tinted(carets, diagnostic, color)]
    if diagnostic.hint:
        parts.append(f"  hint: {diagnostic.hint}")
    return "\n".join(parts)


def _underlined(text: str, start: int, stop: int) -> tuple[str, str]:
    """The line, cut where it is long, and carets under its characters ``start`` to ``stop``."""
    first, last = 0, len(text)
    if len(text) > _LONGEST_LINE:
        first = max(0, min(start, len(text)) - _CONTEXT)
        last = min(len(text), first + _LONGEST_LINE)
    prefix, suffix = "..." if first else "", "..." if last < len(text) else ""
    shown = prefix + "".join(_visible(c) for c in text[first:last]) + suffix
    # Tabs are kept in both lines, so that carets stand right whatever a tab's width is.
    before = "".join("\t" if c == "\t" else " " * _width(c) for c in text[first:start])
    under = "".join("\t" if c == "\t" else "^" * _width(c) for c in text[start : min(stop, last)])
    return shown, " " * len(prefix) + before + (under if "^" in under else "^")


def _visible(char: str) -> str:
    """The character, or a stand-in for one that would move the cursor or rewrite the terminal."""
    if char == "\t":
        return char
    if ord(char) < 32:
        return chr(0x2400 + ord(char))
    if char == "\x7f" or unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
        return "\N{REPLACEMENT CHARACTER}"
    return char


def _width(char: str) -> int:
    """How many terminal cells the character takes."""
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def _bold(text: str, color: bool) -> str:
    return f"\x1b[1m{text}\x1b[0m" if color else text


def _tinted(text: str, diagnostic: Diagnostic, color: bool) -> str:
    tint = "31" if diagnostic.severity is Severity.ERROR else "35"
    return f"\x1b[1;{tint}m{text}\x1b[0m" if color else text
