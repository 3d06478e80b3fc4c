"""Counts of pairs and tiles at one length: closed forms where they are known, else pair by pair in slices of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import lcm
from typing import Any

import numpy as np

from patternc.analysis.edges import count as count_in_closed_form
from patternc.analysis.intset import TooLarge
from patternc.analysis.rows import rows_of
from patternc.analysis.shapes import NONE, shape_of
from patternc.ir.relation import NOTHING, Condition, KeyMod, QueryMod, Relation, Union, atoms, member, union
from patternc.lowering.arrays import evaluate
from patternc.lowering.emptiness import some_pair

MAX_SCANNED = 65536
"""The longest sequence whose pairs are looked at one by one."""
MAX_BIT_ROWS = 32768
"""The longest one that is kept as bit rows: 128 MiB."""
SLICE = 1 << 21
"""So many pairs are looked at together."""


class TooLongError(ValueError):
    """A sequence whose pairs are too many to look at one by one, under a pattern without closed forms."""


def one_document(n: int) -> dict[str, Any]:
    """What the symbols of documents are where the whole sequence is one."""
    scalars = [f".{end}_{side}" for end in ("first", "last") for side in ("q", "k")]
    bounds = {f"{s}_start": 0 for s in scalars} | {f"{s}_end": n for s in scalars}
    return {".same_document": True, ".nd": n, ".shift": 0, ".n": n, **bounds}


@dataclass(frozen=True)
class Counted:
    """The live pairs of a sequence, and for each size of tiles asked for how many hold one."""

    pairs: int
    tiles: tuple[int, ...]


def counted(relation: Relation, n: int, sizes: Sequence[tuple[int, int]] = ()) -> Counted:
    """Exact counts for a sequence of ``n`` tokens; ``sizes`` are tiles of so many queries and keys.

    Raises `TooLongError`.
    """
    relation = _possible(relation, n)
    pairs = pairs_in_closed_form(relation, n)
    tiles = [_tiles_in_closed_form(relation, n, *size) for size in sizes]
    if pairs is None or None in tiles:
        found_pairs, found_tiles = _scanned(relation, n, sizes)
        pairs = found_pairs if pairs is None else pairs
        tiles = [b if a is None else a for a, b in zip(tiles, found_tiles, strict=True)]
    return Counted(pairs, tuple(t for t in tiles if t is not None))


def _possible(relation: Relation, n: int) -> Relation:
    """The relation without parts that no pair of this sequence can be in."""
    if isinstance(relation, Union):
        return union(*(p for p in relation.parts if shape_of(p, n) != NONE))
    return NOTHING if shape_of(relation, n) == NONE else relation


def pairs_in_closed_form(relation: Relation, n: int) -> int | None:
    """How many pairs are live, where that need not be counted on the rows."""
    slow = any(isinstance(a, Condition) for a in atoms(relation)) and n <= MAX_SCANNED
    if slow or (any(isinstance(a, KeyMod | QueryMod) for a in atoms(relation)) and n <= MAX_BIT_ROWS):
        return None  # residues of keys and queries are taken one by one there, which takes longer than the rows do
    try:
        return count_in_closed_form(shape_of(relation, n), n)
    except TooLarge:
        return None


def _tiles_in_closed_form(relation: Relation, n: int, rows: int, columns: int) -> int | None:
    test = some_pair(relation, max(rows, columns))
    if test is None:
        return None
    first_q, first_k = np.arange(0, n, rows), np.arange(0, n, columns)[None, :]
    last_k = np.minimum(first_k + columns, n) - 1
    step, total = max(1, SLICE // first_k.size), 0
    for start in range(0, first_q.size, step):
        first = first_q[start : start + step][:, None]
        last = np.minimum(first + rows, n) - 1
        tile = {".first_q": first, ".last_q": last, ".first_k": first_k, ".last_k": last_k}
        found = evaluate(test, {**one_document(n), **tile})
        total += int(np.count_nonzero(np.broadcast_to(found, (first.size, first_k.size))))
    return total


def _scanned(relation: Relation, n: int, sizes: Sequence[tuple[int, int]]) -> tuple[int, list[int]]:
    """Pairs and tiles, counted on the rows themselves, the sequence being one document."""
    if n > MAX_SCANNED:
        raise TooLongError(
            f"a condition without a closed form is counted pair by pair, up to n = {MAX_SCANNED}, not {n}"
        )
    try:
        rows = rows_of(shape_of(relation, n), n) if n <= MAX_BIT_ROWS else None
    except TooLarge:
        rows = None
    step = lcm(*(rows for rows, _ in sizes))
    pairs, tiles = 0, [0 for _ in sizes]
    for mask in _slices(relation, n, step) if rows is None else _unpacked(rows, n, step):
        pairs += int(np.count_nonzero(mask))
        tiles = [t + _tiles(mask, *size) for t, size in zip(tiles, sizes, strict=True)]
    return pairs, tiles


def _slices(relation: Relation, n: int, rows: int) -> Iterator[Any]:
    """The mask, a multiple of ``rows`` at a time, each pair evaluated."""
    test, k = member(relation), np.arange(n)[None, :]
    step = max(1, SLICE // n // rows) * rows
    for start in range(0, n, step):
        q = np.arange(start, min(start + step, n))[:, None]
        values = {".q": q, ".k": k, ".qd": q, ".kd": k, **one_document(n)}
        yield np.broadcast_to(evaluate(test, values), (len(q), n))


def _unpacked(rows: list[int], n: int, step: int) -> Iterator[Any]:
    """The mask from rows that are bit sets, ``step`` rows at a time."""
    size = (n + 7) // 8
    for start in range(0, n, step):
        packed = b"".join(row.to_bytes(size, "little") for row in rows[start : start + step])
        bits = np.frombuffer(packed, dtype=np.uint8).reshape(-1, size)
        yield np.unpackbits(bits, axis=1, bitorder="little")[:, :n].view(bool)


def _tiles(mask: Any, rows: int, columns: int) -> int:
    """How many tiles of a slice hold a live pair."""
    by_key = np.logical_or.reduceat(mask, np.arange(0, mask.shape[1], columns), axis=1)
    by_tile = np.logical_or.reduceat(by_key, np.arange(0, mask.shape[0], rows), axis=0)
    return int(np.count_nonzero(by_tile))
