"""A mask in few cells: which of them hold a live pair, and what share of their pairs is live."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from patternc.ir.expr import Int
from patternc.ir.relation import (
    ChunkLag,
    Condition,
    KeyMod,
    KeyRange,
    Lag,
    LagMod,
    QueryMod,
    QueryRange,
    Relation,
    atoms,
    member,
)
from patternc.lowering.arrays import evaluate
from patternc.lowering.emptiness import some_pair
from patternc.lowering.scan import pairs_in_closed_form
from patternc.view.mask import document_bounds, pair_values, relation_mask

MAX_EXACT = 4096
"""Up to this length every pair is looked at."""
SAMPLES = 8
"""So many queries and keys of a cell stand for it beyond that."""
SHORTEST, LONGEST = 64, 65536
FINEST = 16
"""Shorter periods than this do not count for the length of a picture."""


@dataclass(frozen=True)
class Grid:
    """``live`` and ``share`` by cell, queries down and keys across; ``cell`` is the side of a cell in tokens.

    ``sampled``: whether ``live`` rests on samples, because no closed form is known.
    """

    n: int
    cell: int
    live: Any
    share: Any
    sampled: bool = False

    @property
    def size(self) -> int:
        """How many cells a side has."""
        return len(self.live)


def grid(relation: Relation, n: int, cells: int, documents: Sequence[int] | None = None) -> Grid:
    """The mask of a relation at length ``n`` in at most ``cells`` x ``cells`` cells."""
    cell = -(-n // cells)
    starts = np.arange(0, n, cell)
    ends = np.minimum(starts + cell, n)
    area = (ends - starts)[:, None] * (ends - starts)[None, :]
    if n <= MAX_EXACT:
        mask = relation_mask(relation, n, documents)
        by_key = np.add.reduceat(mask, starts, axis=1, dtype=np.int32)
        count = np.add.reduceat(by_key, starts, axis=0)
        return Grid(n, cell, count > 0, count / area)
    share = _sampled(relation, n, starts, ends, documents)
    test = None if documents is not None else some_pair(relation, cell)
    if test is None:
        return Grid(n, cell, share > 0, share, sampled=True)
    first, last = starts, ends - 1
    tile = {".first_q": first[:, None], ".last_q": last[:, None], ".first_k": first[None, :], ".last_k": last[None, :]}
    live = np.broadcast_to(evaluate(test, {**tile, ".n": n}), share.shape)
    return Grid(n, cell, live, np.where(live, np.maximum(share, 1 / area), 0.0))


def live_share(relation: Relation, drawn: Grid) -> float | None:
    """The share of a sequence's pairs that are live, exactly; None where that would take long."""
    if drawn.n <= MAX_EXACT:
        return _mean(drawn)
    pairs = pairs_in_closed_form(relation, drawn.n)
    return None if pairs is None else pairs / drawn.n**2


def _mean(drawn: Grid) -> float:
    """The mean of the cells by their sizes; the last ones are smaller."""
    widths = np.full(drawn.size, drawn.cell)
    widths[-1] = drawn.n - drawn.cell * (drawn.size - 1)
    return float(widths @ drawn.share @ widths / drawn.n**2)


def _sampled(relation: Relation, n: int, starts: Any, ends: Any, documents: Sequence[int] | None) -> Any:
    """The share of live pairs among some of each cell, the queries and keys at uneven places."""
    steps = min(SAMPLES, int(ends[0] - starts[0]))
    # The golden ratio's multiples are spread evenly and share no period with the pattern.
    spread = (np.arange(steps) + 0.5) / steps
    shifted = (spread + np.arange(len(starts))[:, None] * 0.6180339887498949) % 1.0
    widths = (ends - starts)[:, None]
    places = (starts[:, None] + (shifted * widths).astype(np.int64)).ravel()
    values = pair_values(places[:, None], places[None, :], n, document_bounds(n, documents or (0, n)))
    mask = np.broadcast_to(evaluate(member(relation), values), (len(places), len(places)))
    return mask.reshape(len(starts), steps, len(starts), steps).mean(axis=(1, 3))


def natural_length(relations: Iterable[Relation], cells: int) -> int:
    """A length at which the features of a pattern can be seen in so many cells: a power of two."""
    needed, finest = SHORTEST, LONGEST
    for relation in relations:
        for atom in atoms(relation):
            needed = max(needed, _extent(atom.arguments(), atom))
            if isinstance(atom, LagMod | KeyMod | QueryMod) and isinstance(atom.period, Int):
                finest = min(finest, atom.period.value if atom.period.value >= FINEST else LONGEST)
    # A period should be several cells wide; very short ones are left to zooming in.
    needed = min(needed, LONGEST, max(cells * finest // 4, SHORTEST))
    return 1 << (needed - 1).bit_length()


def _extent(arguments: dict[str, Any], atom: Any) -> int:
    numbers = {name: abs(value.value) for name, value in arguments.items() if isinstance(value, Int)}
    match atom:
        case Lag():
            return 3 * max(numbers.values(), default=0) // 2
        case LagMod() | KeyMod() | QueryMod():
            return 8 * numbers["period"] if "period" in numbers else 4 * numbers.get("width", 0)
        case ChunkLag():
            return 4 * numbers.get("size", 0)
        case KeyRange() | QueryRange():
            return 4 * max(numbers.values(), default=0)
        case Condition(_, test):
            return 4 * max(_constants(test), default=0)
        case _:
            return 0


def _constants(expr: Any) -> Iterable[int]:
    if isinstance(expr, Int):
        yield abs(expr.value)
    for child in expr.children():
        yield from _constants(child)
