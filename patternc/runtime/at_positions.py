"""A pattern's attention to keys whose positions are listed: those of a cache's slots, or what is left of a sequence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import torch

from patternc.runtime import slot_attention
from patternc.runtime.slot_attention import Layout, Seen

if TYPE_CHECKING:
    from patternc.pattern import Pattern

Rows: TypeAlias = "Sequence[tuple[int, tuple[int, ...]]]"
"""Query heads that see alike, with the kind of keys that they read."""


def rows_alike(pattern: Pattern, heads: int, order: Sequence[int]) -> Rows:
    """The query heads that see alike: of the same branches, and of key-value heads of one kind (``order``, by head)."""
    if not pattern.depends_on_head:
        return [(order[0], tuple(range(heads)))]
    found: dict[object, list[int]] = {}
    for h, head in enumerate(pattern._instance.heads(heads)):  # pyright: ignore[reportPrivateUsage]
        found.setdefault((head.branches, order[h * len(order) // heads]), []).append(h)
    return [(order[members[0] * len(order) // heads], tuple(members)) for members in found.values()]


def seen_by(
    pattern: Pattern, heads: int, rows: Rows, first: int, n: int, positions: Mapping[int, torch.Tensor]
) -> Seen:
    """Which of ``n`` queries from position ``first`` on see which keys, whose positions are given by kind.

    The membership is that of the emitted file, which masks and references come from too.  Where a position is
    negative there is no key.
    """
    live = pattern.module(heads).live
    segments: list[torch.Tensor] = []
    by_branch: list[list[tuple[int, ...]]] = [[] for _ in range(pattern.branches)]
    for branch in range(pattern.branches):
        for kind, members in rows:
            at = positions[kind]
            q = torch.arange(first, first + n, device=at.device)[:, None]
            segments.append(live(branch, members[0], q, at[None, :], first + n) & (at >= 0))
            for other in range(pattern.branches):
                by_branch[other].append(members if other == branch else ())
    return Seen(tuple(segments), tuple(map(tuple, by_branch)))


def fused(
    pattern: Pattern, outs: torch.Tensor, lse: torch.Tensor, gate: torch.Tensor | None, dtype: torch.dtype
) -> torch.Tensor:
    """The parts of each branch's softmax (parts, branches, B, H, n, D) joined, and the branches weighted."""
    out, _ = slot_attention.joined(outs, lse)
    if gate is None:
        return out[0].to(dtype)
    counts = pattern._instance.branch_counts(out.shape[2])  # pyright: ignore[reportPrivateUsage]
    logits = gate.float()
    if min(counts) < pattern.branches:
        branches, there = (torch.tensor(x, device=gate.device) for x in (range(pattern.branches), counts))
        logits = logits.masked_fill((branches >= there[:, None])[:, None], float("-inf"))
    weights = torch.softmax(logits, -1)
    return (weights.movedim(-1, 0)[..., None] * out).sum(0).to(dtype)


def attend_at(
    pattern: Pattern,
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    first: int,
    positions: torch.Tensor,
    scale: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention of queries (B, H, n, D) from position ``first`` on to keys (B, Hkv, m, D) at ``positions`` (m,).

    Returns parts for `fused`.  There is no backward pass.
    """
    heads, kv_heads, m = q.shape[1], k.shape[1], k.shape[2]
    rows = rows_alike(pattern, heads, (0,) * kv_heads)
    layout = Layout(tuple(j * m for j in range(kv_heads)), (m,) * kv_heads)
    seen = seen_by(pattern, heads, rows, first, q.shape[2], {0: positions})
    return slot_attention.attend(q, k.flatten(1, 2).contiguous(), v.flatten(1, 2).contiguous(), layout, seen, scale)
