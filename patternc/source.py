"""Source text, and places in it."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True, order=True)
class Span:
    """Characters ``start`` to ``end`` (half-open, 0-based) of a source text."""

    start: int
    end: int

    def to(self, other: Span) -> Span:
        """From the beginning of this span to the end of ``other``."""
        return Span(self.start, max(self.end, other.end))


NOWHERE = Span(0, 0)


@dataclass(frozen=True)
class Source:
    """A text and the name it is reported under."""

    name: str
    text: str

    @cached_property
    def line_starts(self) -> list[int]:
        """Where each line begins, in characters."""
        return [0, *(i + 1 for i, c in enumerate(self.text) if c == "\n")]

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of a character, both 1-based, in characters."""
        line = bisect_right(self.line_starts, offset)
        return line, offset - self.line_starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of a line (1-based) without its line break."""
        start = self.line_starts[number - 1]
        end = self.text.find("\n", start)
        return self.text[start : len(self.text) if end < 0 else end].rstrip("\r")

    def extract(self, span: Span) -> str:
        """The text at a place."""
        return self.text[span.start : span.end]
