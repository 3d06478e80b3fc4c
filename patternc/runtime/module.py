"""PyTorch modules around patterns."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import nn

from patternc.runtime.layer import Gate, Projections

if TYPE_CHECKING:
    from patternc.pattern import Pattern
    from patternc.runtime.cache import Cache


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

    ``autotune`` searches tile sizes at the first call of a shape, as in `Pattern.__call__`.

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
        autotune: bool = False,
    ) -> None:
        super().__init__(
            dim, heads, kv_heads, head_dim=head_dim, bias=bias, qk_norm=qk_norm, rotary=rotary, dropout=dropout
        )
        pattern.check_heads(heads)
        self.pattern, self.autotune = pattern, autotune
        self.gate_proj = Gate(gate, dim, heads, self.head_dim, pattern.branches) if pattern.gated else None

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
        positions: torch.Tensor | None = None,
        cu_seqlens: torch.Tensor | None = None,
        lengths: torch.Tensor | None = None,
        cache: Cache | None = None,
    ) -> torch.Tensor:
        """``positions`` (N,) or (B, N) are for ``rotary``, 0, 1, ... unless given; ``cu_seqlens`` and ``lengths`` as in
        `Pattern.__call__`.

        With ``cache``, ``x`` are the next N tokens of its sequences, and their positions go on from its length.
        """
        if cache is None:
            q, k, v, gate = self.inputs(x, positions)
            out = self.pattern(q, k, v, gate, cu_seqlens=cu_seqlens, lengths=lengths, autotune=self.autotune)
            return self.merge(out)
        for name, given in (("cu_seqlens", cu_seqlens), ("lengths", lengths)):
            if given is not None:
                raise ValueError(f"{name}: a cache holds sequences of one length, expected None; got {given}")
        if positions is None:
            positions = torch.arange(cache.length, cache.length + x.shape[1], device=x.device)
        return self.merge(cache.attend(*self.inputs(x, positions)))

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
