"""Masks of other projects, as patterns: each with its own formula, over tensors of positions, beside the text.

They are named in the project's notes on what to be measured against: the masks of FlexAttention's tests,
flash-attention's, attention-gym's, NATTEN's dilation in one dimension, Block-Sparse-Attention's head groups.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

Formula = Callable[[torch.Tensor, torch.Tensor, int, int, int, torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Judge:
    """A pattern, and the mask it must have: of queries, keys, the length, the head, the heads, and token documents."""

    text: str
    formula: Formula


def _block_diffusion(q: torch.Tensor, k: torch.Tensor, half: int, block: int) -> torch.Tensor:
    """Noisy tokens stand before the clean ones; both halves are cut into blocks of one size."""
    clean_q, clean_k = q >= half, k >= half
    block_q, block_k = q % half // block, k % half // block
    own = (clean_q == clean_k) & (block_q == block_k)
    return own | (~clean_q & clean_k & (block_k < block_q)) | (clean_q & clean_k & (block_k <= block_q))


def _neighbours(q: torch.Tensor, k: torch.Tensor, n: int, size: int, dilation: int) -> torch.Tensor:
    """Windows of one size within each class modulo the dilation, moved inwards at the ends."""
    members = (n - q % dilation + dilation - 1) // dilation
    first = torch.minimum(q // dilation - size // 2, members - size).clamp(min=0)
    place = k // dilation
    return (q % dilation == k % dilation) & (place >= first) & (place < first + size)


def _thirds(q: torch.Tensor, k: torch.Tensor, h: int, heads: int) -> torch.Tensor:
    if h < heads // 3:
        return q >= k
    if h < 2 * heads // 3:
        return (q >= k) & ((k < 16) | (q - k < 64))
    return (q >= k) & ((q // 32 - k // 32) % 3 == 0)


JUDGES = {
    "causal": Judge("causal pattern j { attend full }", lambda q, k, n, h, heads, doc: q >= k),
    "sliding window": Judge(
        "causal pattern j(size = 128) { attend window(size) }",
        lambda q, k, n, h, heads, doc: (q >= k) & (q - k <= 128),
    ),
    "offset window": Judge(
        "pattern j(left = 40, right = 8, shift = 16) { attend window(left + shift) - window(shift - right - 1) }",
        lambda q, k, n, h, heads, doc: (q - 16 - k <= 40) & (k - (q - 16) <= 8),
    ),
    "dilated sliding window": Judge(
        "pattern j(size = 256, step = 2) { attend window(size, size) & where(d % step == 0) }",
        lambda q, k, n, h, heads, doc: ((q - k).abs() <= 256) & ((q - k) % 2 == 0),
    ),
    "block diagonal": Judge(
        "pattern j(size = 128) { attend chunk(size) }", lambda q, k, n, h, heads, doc: q // 128 == k // 128
    ),
    "causal in every block": Judge(
        "pattern j(size = 128) { attend where(k % size <= q % size) }",
        lambda q, k, n, h, heads, doc: q % 128 >= k % 128,
    ),
    "prefix": Judge(
        "pattern j(prefix = 512) { attend sink(prefix) | causal }",
        lambda q, k, n, h, heads, doc: (k < 512) | (q >= k),
    ),
    "documents": Judge("causal pattern j { attend same_document }", lambda q, k, n, h, heads, doc: (q >= k) & doc),
    "window and globals": Judge(
        "pattern j(w = 3, g = 1) { attend window(w, w) | global(g) }",
        lambda q, k, n, h, heads, doc: ((q - k).abs() <= 3) | (q < 1) | (k < 1),
    ),
    "window and no globals": Judge(
        "pattern j(w = 1, g = 0) { attend window(w, w) | global(g) }",
        # The formula of `global` holds for queries before position 0, too.
        lambda q, k, n, h, heads, doc: ((q - k).abs() <= 1) | (q < 0),
    ),
    "window and scattered globals": Judge(
        "pattern j(w = 8) { far = columns(50, 7) & sink(120); attend window(w, w) | far | mirror(far) }",
        lambda q, k, n, h, heads, doc: ((q - k).abs() <= 8) | ((k % 50 == 7) & (k < 120)) | ((q % 50 == 7) & (q < 120)),
    ),
    "block diffusion": Judge(
        """pattern j(half = 64, b = 8) {
            own = where(q < half and k < half or q >= half and k >= half) & where(q % half // b == k % half // b)
            across = where(q < half and k >= half and k % half // b < q % half // b)
            clean = where(q >= half and k >= half and k % half // b <= q % half // b)
            attend own | across | clean
        }""",
        lambda q, k, n, h, heads, doc: _block_diffusion(q, k, 64, 8),
    ),
    "dilated neighbours": Judge(
        "pattern j(side = 3, step = 5) { attend window(side * step, side * step) & where(d % step == 0) }",
        lambda q, k, n, h, heads, doc: ((q - k).abs() <= 15) & (q % 5 == k % 5),
    ),
    "dilated neighbours, moved inwards at the ends": Judge(
        """pattern j(size = 7, step = 5) {
            attend where(q % step == k % step
                         and max(0, min(q // step - size // 2, (n - q % step + step - 1) // step - size)) <= k // step
                         and k // step < max(0, min(q // step - size // 2, (n - q % step + step - 1) // step - size))
                                         + size)
        }""",
        lambda q, k, n, h, heads, doc: _neighbours(q, k, n, 7, 5),
    ),
    "a third of the heads each": Judge(
        """causal pattern j {
            attend heads {
                0..heads // 3 : full
                heads // 3..2 * heads // 3 : sink(16) | window(63)
                else : where((q // 32 - k // 32) % 3 == 0)
            }
        }""",
        lambda q, k, n, h, heads, doc: _thirds(q, k, h, heads),
    ),
}


def mask(judge: Judge, heads: int, nq: int, nk: int, ends: tuple[int, ...]) -> torch.Tensor:
    """The judge's mask: bool (heads, nq, nk); query row i sits at position i + nk - nq."""
    q, k = torch.arange(nk - nq, nk)[:, None], torch.arange(nk)[None, :]
    document = torch.bucketize(torch.arange(nk), torch.tensor(ends[1:-1], dtype=torch.int64), right=True)
    document_q = torch.where(q[:, 0] >= 0, document[q[:, 0].clamp(min=0)], -1)
    same = document_q[:, None] == document[None, :]
    ones = torch.ones(nq, nk, dtype=torch.bool)
    return torch.stack([judge.formula(q, k, nk, h, heads, same) & ones for h in range(heads)])
