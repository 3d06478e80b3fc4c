"""Expressions of plans and terms, evaluated pair by pair and tile by tile in plain Python."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from patternc.frontend.printer import print_file
from patternc.ir.expr import Expr, evaluate
from patternc.ir.instantiate import Instance
from patternc.ir.plan import DOCUMENT_OF
from tests.fuzz.checks import pattern_of
from tests.fuzz.programs import Sample


def instance_of(sample: Sample) -> Instance:
    return pattern_of(sample.drawn)._instance


@dataclass(frozen=True)
class Sequence:
    """``nk`` keys, ``nq`` queries that end with them, and documents."""

    nk: int
    nq: int
    ends: tuple[int, ...]

    @staticmethod
    def of(sample: Sample) -> Sequence:
        return Sequence(sample.nk, sample.nq, sample.ends)

    @property
    def queries(self) -> range:
        return range(self.nk - self.nq, self.nk)

    @property
    def pairs(self) -> Iterator[tuple[int, int]]:
        return ((q, k) for q in self.queries for k in range(self.nk))

    def document(self, position: int) -> tuple[int, int]:
        """Where the document of a position starts and ends."""
        return next(((a, b) for a, b in zip(self.ends, self.ends[1:], strict=False) if a <= position < b), (-1, -1))

    def holds(self, condition: Expr, q: int, k: int) -> bool:
        """Whether a pair satisfies a membership condition."""
        q_start, k_start = self.document(q)[0], self.document(k)[0]
        values = {
            **{".q": q, ".k": k, ".d": q - k, ".n": self.nk, ".same_document": q_start == k_start},
            **{".qd": q - q_start, ".kd": k - k_start, ".nd": self.document(k)[1] - k_start},
        }
        return bool(evaluate(condition, values))

    def live(self, condition: Expr, pairs: Iterable[tuple[int, int]] | None = None) -> set[tuple[int, int]]:
        return {(q, k) for q, k in (self.pairs if pairs is None else pairs) if self.holds(condition, q, k)}

    def of_tile(self, expr: Expr, queries: range | None, keys: range | None) -> int | bool:
        """A closed form's value at a tile of consecutive queries, keys or both."""
        values = {".n": self.nk, ".shift": self.nk - self.nq}
        for name, tile in (("q", queries), ("k", keys)):
            for end, position in (("first", 0), ("last", -1)):
                if tile is None:
                    continue
                at = tile[position]
                values[f".{end}_{name}"] = at
                start, stop = self.document(min(max(at, 0), self.nk - 1))
                values[DOCUMENT_OF[f".{end}_{name}", "start"].name] = start
                values[DOCUMENT_OF[f".{end}_{name}", "end"].name] = stop
        return evaluate(expr, values)


def tiles(positions: range, block: int) -> Iterator[range]:
    """Consecutive positions, ``block`` at a time."""
    for i in range(0, len(positions), block):
        yield positions[i : i + block]


def text(sample: Sample) -> str:
    return print_file(sample.drawn.file)
