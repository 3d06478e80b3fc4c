"""Choices read from a string of bytes.

Hypothesis draws the bytes and shrinks them towards zero, and a zero always chooses what is simplest.  (Choices drawn
one by one would make five of six programs near copies of the one before: Hypothesis copies parts of an example about.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Tape:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def byte(self) -> int:
        """The next byte; 0 behind the end."""
        self.at += 1
        return self.data[self.at - 1] if self.at <= len(self.data) else 0

    def integer(self, lo: int, hi: int) -> int:
        """A number between two bounds, both included."""
        value = self.byte() if hi - lo < 64 else self.byte() * 256 + self.byte()
        return lo + value % (hi - lo + 1)

    def chance(self, percent: int) -> bool:
        return self.integer(0, 99) >= 100 - percent

    def choice(self, options: Sequence[T]) -> T:
        return options[self.integer(0, len(options) - 1)]

    def some(self, options: Sequence[T], most: int) -> list[T]:
        """At most ``most`` different ones of the options."""
        left = list(options)
        return [left.pop(self.integer(0, len(left) - 1)) for _ in range(self.integer(0, most))]

    def shuffled(self, options: Sequence[T]) -> list[T]:
        left = list(options)
        return [left.pop(self.integer(0, len(left) - 1)) for _ in range(len(left))]
