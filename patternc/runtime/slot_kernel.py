"""The kernel of `patternc.runtime.slot_attention`."""

# Kernels name their tile sizes as the literature does, and their arguments have no types.
# ruff: noqa: N803
# pyright: basic, reportOperatorIssue=false

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def attend_slots(
    q_ptr,
    k_ptr,
    v_ptr,
    seen_ptr,
    start_ptr,
    count_ptr,
    segment_ptr,
    out_ptr,
    lse_ptr,
    scale,
    q_sb,
    q_sh,
    q_sn,
    kv_sb,
    n_q,
    heads,
    kv_heads,
    branches,
    splits,
    D: tl.constexpr,
    BLOCK_R: tl.constexpr,
    BLOCK_S: tl.constexpr,
    BLOCK_D: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """A tile of rows (query, head of the group) of one batch row, key-value head, branch and split of the slots."""
    b = tl.program_id(0) // kv_heads
    j = tl.program_id(0) % kv_heads
    branch = tl.program_id(2) // splits
    split = tl.program_id(2) % splits
    group = heads // kv_heads
    rows = tl.program_id(1) * BLOCK_R + tl.arange(0, BLOCK_R)
    real = rows < n_q * group
    i = rows // group
    h = j * group + rows % group
    d = tl.arange(0, BLOCK_D)
    q_at = b.to(tl.int64) * q_sb + h.to(tl.int64) * q_sh + i.to(tl.int64) * q_sn
    q = tl.load(q_ptr + q_at[:, None] + d[None, :], mask=real[:, None] & (d[None, :] < D), other=0.0)

    start = tl.load(start_ptr + j)
    count = tl.load(count_ptr + j)
    segment = tl.load(segment_ptr + branch * heads + h, mask=real, other=0)
    seen_at = segment * n_q + i.to(tl.int64) * count
    share = tl.cdiv(tl.cdiv(count, splits), BLOCK_S) * BLOCK_S
    first = split * share
    last = tl.minimum(first + share, count)

    m = tl.full([BLOCK_R], float("-inf"), tl.float32)
    total = tl.zeros([BLOCK_R], tl.float32)
    acc = tl.zeros([BLOCK_R, BLOCK_D], tl.float32)
    for s0 in range(first, last, BLOCK_S):
        s = s0 + tl.arange(0, BLOCK_S)
        seen = tl.load(seen_ptr + seen_at[:, None] + s[None, :], mask=real[:, None] & (s < last)[None, :], other=0) != 0
        wanted = tl.max(seen.to(tl.int32), 0) > 0
        if tl.max(wanted.to(tl.int32), 0) > 0:
            # A slot that no row sees is not read: it may be empty, or hold a key that is dead.
            at = b.to(tl.int64) * kv_sb + (start + s).to(tl.int64) * D
            here = wanted[:, None] & (d[None, :] < D)
            k = tl.load(k_ptr + at[:, None] + d[None, :], mask=here, other=0.0)
            v = tl.load(v_ptr + at[:, None] + d[None, :], mask=here, other=0.0)
            scores = (tl.dot(q, tl.trans(k), input_precision=PRECISION) * scale).to(tl.float32)
            scores = tl.where(seen, scores, float("-inf"))
            m_new = tl.maximum(m, tl.max(scores, 1))
            safe = tl.where(m_new == float("-inf"), 0.0, m_new)
            p = tl.exp(scores - safe[:, None])
            shrink = tl.exp(m - safe)
            total = total * shrink + tl.sum(p, 1)
            acc = acc * shrink[:, None] + tl.dot(p.to(v.dtype), v, input_precision=PRECISION)
            m = m_new
    some = total > 0
    whole = tl.where(some, total, 1.0)
    lse = tl.where(some, m + tl.log(whole), float("-inf"))
    batch = tl.num_programs(0) // kv_heads
    out_at = (((split * branches + branch).to(tl.int64) * batch + b) * heads + h) * n_q + i
    tl.store(lse_ptr + out_at, lse, mask=real)
    acc = acc / whole[:, None]
    tl.store(out_ptr + out_at[:, None] * D + d[None, :], acc, mask=real[:, None] & (d[None, :] < D))
