"""Attention to keys that lie in slots: which query sees which slot is a mask of bytes, and what none sees is not read.

One kernel serves every pattern: query rows of a group of heads against the slots of their key-value head, split among
programs where the rows are few (Flash-Decoding, Dao et al. 2023).  On the CPU plain PyTorch does the same; with
TRITON_INTERPRET=1 the kernel runs there in Triton's interpreter.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Any

import torch
import triton

from patternc.runtime.slot_kernel import attend_slots

INTERPRETED = os.environ.get("TRITON_INTERPRET", "0") == "1"
TILE_BYTES = 16384
"""A tile of keys: 64 slots of 128 columns in half precision."""
PROGRAMS = 264
"""Slots are split until there are about so many programs: two for each multiprocessor of a large GPU."""


@dataclass(frozen=True)
class Seen:
    """Which rows see which slots, one segment for heads that see alike."""

    segments: tuple[torch.Tensor, ...]
    """bool (n_q, slots of the head) each."""
    heads: tuple[tuple[tuple[int, ...], ...], ...]
    """For each branch and each segment the query heads that it speaks for."""


@dataclass(frozen=True)
class Layout:
    """Where each key-value head has its slots: ``start`` and ``count`` by head."""

    start: tuple[int, ...]
    count: tuple[int, ...]


def attend(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, layout: Layout, seen: Seen, scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Outputs (parts, branches, B, H, n_q, D) and their log-sum-exp (parts, branches, B, H, n_q), in float32.

    ``q`` (B, H, n_q, D); ``k``, ``v`` (B, slots of all heads, D), contiguous.  Parts are to be joined by `joined`.
    Raises `ValueError` where gradients are asked for.
    """
    if torch.is_grad_enabled() and any(x.requires_grad for x in (q, k, v)):
        raise ValueError("q: attention to kept keys has no backward pass, expected a call under torch.no_grad()")
    by = _by_kernel if q.is_cuda or INTERPRETED else _by_torch
    with torch.autocast(q.device.type, enabled=False):
        return by(q if q.stride(-1) == 1 else q.contiguous(), k, v, layout, seen, scale)


def joined(outs: torch.Tensor, lse: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Parts of one softmax, along the first axis, as one; a row that no part gave a key is 0 and -inf."""
    if len(outs) == 1:
        return outs[0], lse[0]
    whole = torch.logsumexp(lse, 0)
    shares = torch.exp(lse - whole.masked_fill(whole == float("-inf"), 0.0))
    return (shares[..., None] * outs).sum(0), whole


def _by_kernel(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, layout: Layout, seen: Seen, scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    if INTERPRETED and q.dtype == torch.bfloat16:
        # Triton's interpreter multiplies bfloat16 as if its bits were integers.
        q, k, v = q.float(), k.float(), v.float()
    batch, heads, n_q, head_dim = q.shape
    kv_heads, branches = len(layout.start), len(seen.heads)
    group = heads // kv_heads
    block_r = 16 if n_q * group <= 16 else 32
    tiles = triton.cdiv(n_q * group, block_r)
    programs = batch * kv_heads * tiles * branches
    block_d = max(16, triton.next_power_of_2(head_dim))
    block_s = max(16, min(64, TILE_BYTES // (block_d * q.element_size())))
    splits = max(1, min(PROGRAMS // programs, triton.cdiv(max(layout.count), 4 * block_s)))
    outs = torch.empty(splits, branches, batch, heads, n_q, head_dim, device=q.device, dtype=torch.float32)
    lse = torch.empty(splits, branches, batch, heads, n_q, device=q.device, dtype=torch.float32)
    widths = tuple(s.shape[1] for s in seen.segments)
    starts, counts, segments = _table(layout, widths, seen.heads, heads, q.device)
    flat = torch.cat([s.flatten() for s in seen.segments]).to(torch.uint8)
    launch: Any = attend_slots
    launch[(batch * kv_heads, tiles, branches * splits)](
        q,
        k,
        v,
        flat,
        starts,
        counts,
        segments,
        outs,
        lse,
        scale,
        q.stride(0),
        q.stride(1),
        q.stride(2),
        k.stride(0),
        n_q,
        heads,
        kv_heads,
        branches,
        splits,
        D=head_dim,
        BLOCK_R=block_r,
        BLOCK_S=block_s,
        BLOCK_D=block_d,
        PRECISION="ieee" if q.dtype == torch.float32 else "tf32",
    )
    return outs, lse


@lru_cache(maxsize=256)
def _table(
    layout: Layout,
    widths: tuple[int, ...],
    by_branch: tuple[tuple[tuple[int, ...], ...], ...],
    heads: int,
    device: torch.device,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The first slot and the number of slots of each key-value head, and (branches, heads) the slots of all segments
    before each head's own."""
    found = torch.zeros(len(by_branch), heads, dtype=torch.int64)
    for branch, by_segment in enumerate(by_branch):
        for before, members in zip(accumulate((0, *widths)), by_segment, strict=False):
            found[branch, list(members)] = before
    starts, counts = (torch.tensor(x, device=device, dtype=torch.int64) for x in (layout.start, layout.count))
    return starts, counts, found.to(device)


def _by_torch(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, layout: Layout, seen: Seen, scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    batch, heads, n_q, head_dim = q.shape
    group = heads // len(layout.start)
    outs = torch.zeros(1, len(seen.heads), batch, heads, n_q, head_dim, device=q.device)
    lse = torch.full((1, len(seen.heads), batch, heads, n_q), float("-inf"), device=q.device)
    for branch, by_segment in enumerate(seen.heads):
        for pairs, members in zip(seen.segments, by_segment, strict=True):
            rows, slots = pairs.any(1).nonzero()[:, 0], pairs.any(0).nonzero()[:, 0]
            if not members or not len(slots):
                continue
            chosen = torch.tensor(members, device=q.device)
            start = torch.tensor([layout.start[h // group] for h in members], device=q.device)
            at = start[:, None] + slots
            scores = q[:, chosen[:, None], rows].float() @ k[:, at].float().transpose(-1, -2) * scale
            scores = scores.masked_fill(~pairs[rows][:, slots], float("-inf"))
            lse[0, branch, :, chosen[:, None], rows] = torch.logsumexp(scores, -1)
            outs[0, branch, :, chosen[:, None], rows] = torch.softmax(scores, -1) @ v[:, at].float()
    return outs, lse
