"""PyTorch modules around patterns."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import nn

from patternc.runtime.layer import Gate, Projections

if TYPE_CHECKING:
    from patternc.pattern import Pattern


class PatternAttention(Projections):
    """Self-attention under a pattern: projections, gate and output, ``x`` (B, N, dim) to (B, N, dim).

    ``dim`` is the width of the input and output, ``heads`` the number of query heads, ``kv_heads`` that of the key
    and value heads (as many unless given; they must divide ``heads``), ``head_dim`` is ``dim // heads`` unless given.

    ``qk_norm`` makes a norm for the queries and one for the keys, called with ``head_dim`` (``torch.nn.RMSNorm``).
    ``rotary`` is any callable ``(q, k, positions) -> (q, k)``, called after the norms with ``q`` (B, heads, N,
    head_dim), ``k`` (B, kv_heads, N, head_dim) and the positions; `patternc.nn.Rotary` is one.

    Where the pattern is gated, the gate's logits for each token and head are a linear projection of the layer's input
    (``gate="input"``) or a small MLP of the query (``gate="query"``, arXiv 2511.10696); other patterns have no gate,
    whatever ``gate`` says.  The parameters' names and shapes depend on the arguments and the number of branches alone,
    so a `state_dict` fits every pattern with as many branches.

    Raises `ValueError` or `TypeError` where the numbers do not fit each other or the pattern, and for ``dropout``
    other than 0, which no kernel has.
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        kv_heads: int | None = None,
        *,
        pattern: Pattern,
        head_dim: int | None = None,
        bias: bool = False,
        qk_norm: Callable[[int], nn.Module] | None = None,
        rotary: Callable[..., tuple[torch.Tensor, torch.Tensor]] | None = None,
        gate: str = "input",
        dropout: float = 0.0,
    ) -> None:
        super().__init__(
            dim, heads, kv_heads, head_dim=head_dim, bias=bias, qk_norm=qk_norm, rotary=rotary, dropout=dropout
        )
        pattern.check_heads(heads)
        self.pattern = pattern
        self.gate_proj = Gate(gate, dim, heads, self.head_dim, pattern.branches) if pattern.gated else None

    def forward(
        self,
        x: torch.Tensor,
        *,
        positions: torch.Tensor | None = None,
        cu_seqlens: torch.Tensor | None = None,
        lengths: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """``positions`` (N,) or (B, N) are for ``rotary``, 0, 1, ... unless given; ``cu_seqlens`` and ``lengths`` as in
        `Pattern.__call__`.
        """
        q, k, v, gate = self.inputs(x, positions)
        return self.merge(self.pattern(q, k, v, gate, cu_seqlens=cu_seqlens, lengths=lengths))

    def inputs(
        self, x: torch.Tensor, positions: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """What the pattern is called with: q (B, heads, N, head_dim), k, v (B, kv_heads, N, head_dim), gate logits."""
        q, k, v = self.project(x)
        gate = None if self.gate_proj is None else self.gate_proj(x, q)
        q, k = self.place(q, k, positions)
        return q, k, v, gate

    def extra_repr(self) -> str:
        return f"{self.pattern}, {super().extra_repr()}"
