"""Puts heads that differ in numbers only, or in some of their pieces, together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, TypeVar

from patternc.ir.expr import Int
from patternc.ir.plan import PerHead
from patternc.lowering.schedules.base import Piece, Scheduled

MAX_TOGETHER = 16
"""Heads that differ in more than numbers share a launch up to so many segments."""

T = TypeVar("T")


class DifferentShapeError(Exception):
    """Two heads differ in more than numbers."""


@dataclass
class Together:
    """Heads of one launch: for each segment the pieces that differ in numbers only, by head."""

    heads: list[int]
    segments: list[dict[int, Piece]]

    def with_head(self, h: int, pieces: tuple[Piece, ...]) -> Together:
        """One head more: each of its pieces joins a segment of its shape, or makes one."""
        segments = [dict(s) for s in self.segments]
        for piece in pieces:
            for segment in segments:
                if h not in segment and _same_shape(next(iter(segment.values())), piece):
                    segment[h] = piece
                    break
            else:
                segments.append({h: piece})
        return Together([*self.heads, h], segments)


def together(place: dict[int, Scheduled]) -> list[Together]:
    """Heads in as few launches as keep each at `MAX_TOGETHER` segments."""
    found: list[Together] = []
    for h, scheduled in place.items():
        for i, group in enumerate(found):
            grown = group.with_head(h, scheduled.pieces())
            if len(grown.segments) <= max(MAX_TOGETHER, len(group.segments)):
                found[i] = grown
                break
        else:
            found.append(Together([], []).with_head(h, scheduled.pieces()))
    return found


def merged(items: Sequence[T], heads: int | None) -> list[tuple[tuple[int, ...] | None, T]]:
    """Groups of heads whose items differ in numbers only, each with the item that holds for all of the group."""
    if heads is None:
        return [(None, items[0])] if items else []
    groups: list[tuple[list[int], list[T]]] = []
    for h, item in enumerate(items):
        for group, members in groups:
            if _same_shape(members[0], item):
                group.append(h)
                members.append(item)
                break
        else:
            groups.append(([h], [item]))
    result: list[tuple[tuple[int, ...] | None, T]] = []
    for group, members in groups:
        everyone = tuple(group) if len(group) < heads else None
        result.append((everyone, generalised(members, group, heads)))
    return result


def _same_shape(left: Any, right: Any) -> bool:
    try:
        generalised([left, right], [0, 1], 2)
    except DifferentShapeError:
        return False
    return True


def generalised(items: Sequence[Any], owners: Sequence[int], heads: int) -> Any:
    """One item for all, its differing numbers replaced by `PerHead`.  Raises `DifferentShapeError`."""
    first = items[0]
    if all(i == first for i in items[1:]):
        return first
    if any(type(i) is not type(first) for i in items):
        raise DifferentShapeError
    if isinstance(first, Int):
        values: list[int] = []
        given = dict(zip(owners, (i.value for i in items), strict=True))
        for h in range(heads):
            values.append(given.get(h, values[-1] if values else first.value))
        return PerHead(tuple(values))
    if isinstance(first, tuple):
        if len({len(i) for i in items}) != 1:
            raise DifferentShapeError
        return tuple(generalised(column, owners, heads) for column in zip(*items, strict=True))
    if is_dataclass(first):
        names = [f.name for f in fields(first)]
        return type(first)(**{n: generalised([getattr(i, n) for i in items], owners, heads) for n in names})
    raise DifferentShapeError


def heads_text(heads: tuple[int, ...]) -> str:
    """``0..4`` for a run of heads, else a list."""
    if heads == tuple(range(heads[0], heads[-1] + 1)):
        return f"{heads[0]}..{heads[-1] + 1}"
    return ", ".join(map(str, heads))
