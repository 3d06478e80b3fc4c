"""What stands around attention in a layer, whichever function attends.

`patternc.nn.PatternAttention` builds on these classes, and so does `Attention` in emitted files: code generation copies
their text from this file, so they use nothing but torch and the names that an emitted file imports.
"""

from __future__ import annotations

from typing import Callable  # noqa: UP035 (as emitted files have it)

import torch


class Projections(torch.nn.Module):
    """Queries, keys and values of a layer's input, and the way from their outputs back to its width.

    `kv_heads` key and value heads are shared by groups of query heads; as many as `heads` unless given.  `head_dim` is
    dim // heads unless given.  `qk_norm` makes a norm for queries and one for keys of the head dimension:
    torch.nn.RMSNorm, say.  `rotary` is any callable (q, k, positions) -> (q, k), called after the norms with q
    (B, heads, N, head_dim), k (B, kv_heads, N, head_dim) and integer positions (N,), or what the layer was given.

    Raises `ValueError` or `TypeError` that names the argument, what was expected and what came.
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        kv_heads: int | None = None,
        *,
        head_dim: int | None = None,
        bias: bool = False,
        qk_norm: Callable[[int], torch.nn.Module] | None = None,
        rotary: Callable[..., tuple[torch.Tensor, torch.Tensor]] | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        kv_heads = heads if kv_heads is None else kv_heads
        if heads < 1 or kv_heads < 1 or heads % kv_heads:
            raise ValueError(f"kv_heads: expected a divisor of the {heads} heads, got {kv_heads}")
        if head_dim is None and dim % heads:
            raise ValueError(f"heads: expected a divisor of dim {dim} where head_dim is not given, got {heads}")
        if dropout:
            raise ValueError(f"dropout: not supported, expected 0, got {dropout}")
        for name, given in (("qk_norm", qk_norm), ("rotary", rotary)):
            if given is not None and not callable(given):
                raise TypeError(f"{name}: expected a callable or None, got {given!r}")
        self.dim, self.heads, self.kv_heads = dim, heads, kv_heads
        self.head_dim = dim // heads if head_dim is None else head_dim
        self.q_proj = torch.nn.Linear(dim, heads * self.head_dim, bias=bias)
        self.k_proj = torch.nn.Linear(dim, kv_heads * self.head_dim, bias=bias)
        self.v_proj = torch.nn.Linear(dim, kv_heads * self.head_dim, bias=bias)
        self.out_proj = torch.nn.Linear(heads * self.head_dim, dim, bias=bias)
        self.q_norm = None if qk_norm is None else qk_norm(self.head_dim)
        self.k_norm = None if qk_norm is None else qk_norm(self.head_dim)
        self.rotary = rotary

    def project(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Queries (B, heads, N, head_dim), keys and values (B, kv_heads, N, head_dim) of x (B, N, dim)."""
        if x.dim() != 3 or x.shape[-1] != self.dim:
            raise ValueError(f"x: expected (batch, tokens, dim {self.dim}), got {tuple(x.shape)}")
        q, k, v = (
            proj(x).unflatten(-1, (-1, self.head_dim)).transpose(1, 2)
            for proj in (self.q_proj, self.k_proj, self.v_proj)
        )
        return q, k, v

    def place(
        self, q: torch.Tensor, k: torch.Tensor, positions: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Queries and keys, normalised and turned to their positions (0, 1, ... unless given), in their dtype."""
        placed_q = q if self.q_norm is None else self.q_norm(q)
        placed_k = k if self.k_norm is None else self.k_norm(k)
        if self.rotary is not None:
            if positions is None:
                positions = torch.arange(q.shape[2], device=q.device)
            placed_q, placed_k = self.rotary(placed_q, placed_k, positions)
        if placed_q.shape != q.shape or placed_k.shape != k.shape:
            raise ValueError(
                f"rotary, qk_norm: expected the shapes {tuple(q.shape)} and {tuple(k.shape)} of q and k to stay, "
                f"got {tuple(placed_q.shape)} and {tuple(placed_k.shape)}"
            )
        return placed_q.to(q.dtype), placed_k.to(k.dtype)

    def merge(self, out: torch.Tensor) -> torch.Tensor:
        """The layer's output (B, N, dim) of the heads' (B, heads, N, head_dim)."""
        return self.out_proj(out.transpose(1, 2).flatten(2))

    def extra_repr(self) -> str:
        return f"heads={self.heads}, kv_heads={self.kv_heads}, head_dim={self.head_dim}"


class Gate(torch.nn.Module):
    """The gate's logits for each token and head (B, heads, N, branches).

    `source` is "input": a linear projection of the layer's input; or "query": a small MLP of each head's query as it
    was projected, one for all heads (arXiv 2511.10696).
    """

    def __init__(self, source: str, dim: int, heads: int, head_dim: int, branches: int) -> None:
        super().__init__()
        if source not in ("input", "query"):
            raise ValueError(f"gate: expected 'input' or 'query', got {source!r}")
        self.source, self.heads = source, heads
        self.logits: torch.nn.Module
        if source == "input":
            self.logits = torch.nn.Linear(dim, heads * branches)
        else:
            hidden = torch.nn.Linear(head_dim, head_dim)
            self.logits = torch.nn.Sequential(hidden, torch.nn.SiLU(), torch.nn.Linear(head_dim, branches))

    def forward(self, x: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        """Of the layer's input x (B, N, dim) or its queries (B, heads, N, head_dim)."""
        if self.source == "query":
            return self.logits(q)
        return self.logits(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)


class Rotary(torch.nn.Module):
    """Rotary position embedding of queries and keys (arXiv 2104.09864), for `PatternAttention(rotary=Rotary())`.

    Column ``i`` of a head and column ``i + head_dim / 2`` are turned together, by ``position * base ** (-2 * i /
    head_dim)``, as in Llama.  ``head_dim`` must be even.
    """

    def __init__(self, base: float = 10000.0) -> None:
        super().__init__()
        self.base = base

    def forward(self, q: torch.Tensor, k: torch.Tensor, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """``q`` (B, H, N, D) and ``k`` (B, Hkv, N, D), turned, in their dtypes; ``positions`` are (N,) or (B, N)."""
        head_dim = q.shape[-1]
        if head_dim % 2:
            raise ValueError(f"q: expected an even head_dim for Rotary, got {head_dim}")
        exponent = torch.arange(0, head_dim, 2, device=q.device, dtype=torch.float32) / head_dim
        angle = positions.to(torch.float32)[..., None] * self.base**-exponent
        angle = angle if angle.dim() == 2 else angle[:, None]
        cos, sin = angle.cos(), angle.sin()

        def turned(x: torch.Tensor) -> torch.Tensor:
            a, b = x.float().chunk(2, -1)
            return torch.cat((a * cos - b * sin, b * cos + a * sin), -1).to(x.dtype)

        return turned(q), turned(k)

    def extra_repr(self) -> str:
        return f"base={self.base}"
