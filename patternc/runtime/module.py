"""PyTorch modules around patterns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from patternc.pattern import Pattern
    from patternc.runtime.cache import Cache


class PatternAttention(nn.Module):
    """Self-attention under a pattern: projections, gate and output.

    ``dim`` is the width of the input and output, ``heads`` the number of query heads, ``kv_heads`` that of the key
    and value heads (as many unless given; they must divide ``heads``), ``head_dim`` is ``dim // heads`` unless given.
    Where the pattern is gated, the gate's logits are a linear projection of the input, for each token and head
    (arXiv 2511.10696).  Raises `ValueError` where the numbers do not fit each other or the pattern.
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
    ) -> None:
        super().__init__()
        kv_heads = heads if kv_heads is None else kv_heads
        if heads < 1 or kv_heads < 1 or heads % kv_heads:
            raise ValueError(f"kv_heads: expected a divisor of the {heads} heads, got {kv_heads}")
        if head_dim is None and dim % heads:
            raise ValueError(f"heads: expected a divisor of dim {dim} where head_dim is not given, got {heads}")
        pattern.check_heads(heads)
        self.pattern = pattern
        self.heads, self.kv_heads = heads, kv_heads
        self.head_dim = dim // heads if head_dim is None else head_dim
        self.q_proj = nn.Linear(dim, heads * self.head_dim, bias=bias)
        self.k_proj = nn.Linear(dim, kv_heads * self.head_dim, bias=bias)
        self.v_proj = nn.Linear(dim, kv_heads * self.head_dim, bias=bias)
        self.out_proj = nn.Linear(heads * self.head_dim, dim, bias=bias)
        self.gate_proj = nn.Linear(dim, heads * pattern.branches) if pattern.gated else None

    def make_cache(self, batch: int, max_length: int, *, dtype: torch.dtype | None = None) -> Cache:
        """A cache for decoding ``batch`` sequences of up to ``max_length`` tokens: the keys that any later token sees.

        ``dtype`` is that of the projections unless given (under autocast, autocast's).  Raises `ValueError` where the
        pattern cannot be decoded: it sees the future, or depends on documents or on the length.
        """
        from patternc.runtime.cache import Cache

        weight = self.k_proj.weight
        return Cache(
            self.pattern,
            batch,
            max_length,
            heads=self.heads,
            kv_heads=self.kv_heads,
            head_dim=self.head_dim,
            dtype=weight.dtype if dtype is None else dtype,
            device=weight.device,
        )

    def forward(
        self,
        x: torch.Tensor,
        *,
        cu_seqlens: torch.Tensor | None = None,
        lengths: torch.Tensor | None = None,
        cache: Cache | None = None,
    ) -> torch.Tensor:
        """``x`` (B, N, dim) to (B, N, dim); ``cu_seqlens`` and ``lengths`` as in `Pattern.__call__`.

        With ``cache``, ``x`` are the next N tokens of its sequences.
        """

        def split(y: torch.Tensor) -> torch.Tensor:
            return y.unflatten(-1, (-1, self.head_dim)).transpose(1, 2)

        q, k, v = split(self.q_proj(x)), split(self.k_proj(x)), split(self.v_proj(x))
        gate = None
        if self.gate_proj is not None:
            gate = self.gate_proj(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        if cache is not None:
            for name, given in (("cu_seqlens", cu_seqlens), ("lengths", lengths)):
                if given is not None:
                    raise ValueError(f"{name}: a cache holds sequences of one length, expected None; got {given}")
            out = cache.attend(q, k, v, gate)
        else:
            out = self.pattern(q, k, v, gate, cu_seqlens=cu_seqlens, lengths=lengths)
        return self.out_proj(out.transpose(1, 2).flatten(2))

    def extra_repr(self) -> str:
        return f"{self.pattern}, heads={self.heads}, kv_heads={self.kv_heads}, head_dim={self.head_dim}"
