"""Decoding: a cache of the keys and values that later tokens can still see, and attention to it.

What must be held follows from the pattern (`patternc.analysis.retention`).  Every key has one slot for all its life,
and a slot whose key is dead is used again (`patternc.lowering.slots`): a ring of l + 1 slots under ``window(l)``.  The
position of each slot's key lies beside it; which slots a query sees is the pattern's own membership, evaluated on
those positions, so that the mask while decoding is the mask of training.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import torch

from patternc.analysis.retention import NoCacheError, Retention, retention
from patternc.lowering.slots import MAX_LENGTH, Slots, slots_of
from patternc.runtime import slot_attention
from patternc.runtime.at_positions import attend_at, fused, rows_alike, seen_by
from patternc.runtime.slot_attention import Layout

if TYPE_CHECKING:
    from patternc.pattern import Pattern

MAX_SEEN = 2**26
"""So many bytes of masks are held at once; longer chunks of queries are taken in slices."""


class Cache:
    """The live keys and values of ``batch`` sequences of one layer, all of one length so far.

    ``heads`` query heads share ``kv_heads`` key-value heads of ``head_dim`` columns; a sequence may grow to
    ``max_length`` tokens.  Beside keys and values there are 16 bytes for each of these tokens, once for all layers and
    heads that hold the same.

    Raises `ValueError` for a pattern that cannot be decoded (it sees the future, or depends on the length or on
    documents), and for numbers that do not fit it.
    """

    def __init__(
        self,
        pattern: Pattern,
        batch: int,
        max_length: int,
        *,
        heads: int,
        kv_heads: int,
        head_dim: int,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str | None = None,
    ) -> None:
        if batch < 1:
            raise ValueError(f"batch: expected a number from 1 up, got {batch}")
        if not 1 <= max_length <= MAX_LENGTH:
            raise ValueError(f"max_length: expected a number from 1 to {MAX_LENGTH}, got {max_length}")
        if heads < 1 or kv_heads < 1 or heads % kv_heads:
            raise ValueError(f"kv_heads: expected a divisor of the {heads} heads, got {kv_heads}")
        self.pattern, self.batch, self.max_length = pattern, batch, max_length
        self.heads, self.kv_heads, self.head_dim = heads, kv_heads, head_dim
        self.length = 0
        """How many tokens each sequence has so far."""
        needed = _needed(pattern, max_length, heads, kv_heads)
        kinds = [slots_of(kind, max_length) for kind in needed.kinds]
        counts = [kinds[i].count for i in needed.order]
        self._layout = Layout(tuple(sum(counts[:j]) for j in range(kv_heads)), tuple(counts))
        # One slot more takes the keys that nobody will see.
        self._spare = sum(counts)
        self.k = torch.zeros(batch, self._spare + 1, head_dim, dtype=dtype, device=device)
        self.v = torch.zeros_like(self.k)
        self._order = needed.order
        self._tables = [_table(kind, self.k.device) for kind in kinds]
        # The position of each slot's key, by kind of head: -1 where there is none; the last one is the spare slot's.
        self._positions = [torch.full((kind.count + 1,), -1, dtype=torch.int64, device=device) for kind in kinds]
        self._starts = torch.tensor(self._layout.start, device=device)[:, None]
        self._kind_of_head = torch.tensor(self._order, device=device)
        self._rows = rows_alike(pattern, heads, self._order)
        # Until here keys lie in the order of their positions, alike for all heads.
        self._in_order = kinds[0].in_order if len(kinds) == 1 else 0

    def __repr__(self) -> str:
        return (
            f"Cache({self.pattern.name}, {self.length} of {self.max_length} tokens, batch={self.batch}, "
            f"slots={list(self.slots)}, {self.nbytes:,} bytes of {self.dense_nbytes:,})"
        )

    @property
    def slots(self) -> tuple[int, ...]:
        """How many keys each key-value head can hold."""
        return self._layout.count

    @property
    def nbytes(self) -> int:
        """The bytes of its keys and values."""
        return 2 * self.batch * sum(self.slots) * self.head_dim * self.k.element_size()

    @property
    def dense_nbytes(self) -> int:
        """What keys and values of all ``max_length`` tokens would take."""
        return 2 * self.batch * self.kv_heads * self.max_length * self.head_dim * self.k.element_size()

    @property
    def saved(self) -> float:
        """The share of `dense_nbytes` that is not needed."""
        return 1 - self.nbytes / self.dense_nbytes

    def reset(self) -> None:
        """Forgets all tokens."""
        self.length = 0
        for positions in self._positions:
            positions.fill_(-1)

    def positions(self, kv_head: int) -> torch.Tensor:
        """The positions of the keys in a key-value head's slots: int64, -1 where there is none."""
        return self._positions[self._order[kv_head]][:-1]

    def reorder(self, rows: torch.Tensor) -> None:
        """Row i of the batch goes on from what was row ``rows[i]``, as a beam search asks for."""
        if rows.shape != (self.batch,) or rows.is_floating_point():
            raise ValueError(f"rows: expected integers of shape ({self.batch},), got {rows.dtype} {tuple(rows.shape)}")
        self.k, self.v = self.k.index_select(0, rows), self.v.index_select(0, rows)

    def attend(
        self,
        q: torch.Tensor,
        k: torch.Tensor,
        v: torch.Tensor,
        gate: torch.Tensor | None = None,
        *,
        scale: float | None = None,
    ) -> torch.Tensor:
        """Attention of the next tokens to all tokens so far, themselves included; their keys go into the cache.

        ``q`` (B, H, n, D); ``k``, ``v`` (B, Hkv, n, D) of the same n tokens; ``gate`` as in `Pattern.__call__`.
        Returns (B, H, n, D).  There is no backward pass: a call with inputs that ask for gradients is refused, and so
        is one that would exceed ``max_length`` (`ValueError`).
        """
        self._check(q, k, v, gate)
        n = q.shape[2]
        factor = self.head_dim**-0.5 if scale is None else float(scale)
        if n == 0:
            return torch.empty_like(q)
        if n > 1 and self.length == 0:
            out = self.pattern(q, k, v, gate, scale=factor)
        elif n == 1:
            # The new key takes its slot first: what it displaces is seen by no query from this one on.
            self._store(k, v)
            out = fused(self.pattern, *self._read(q, self.length, factor), gate, q.dtype)
            self.length += 1
            return out
        elif self.length + n <= self._in_order:
            # Nothing has been displaced: the pattern's own kernels find their keys in closed form.
            self._store(k, v, everything=True)
            keys, values = (x[:, :-1].unflatten(1, (self.kv_heads, -1)) for x in (self.k, self.v))
            end = self.length + n
            out = self.pattern(q, keys[:, :, :end], values[:, :, :end], gate, scale=factor)
            self.length = end
            return out
        else:
            # Earlier queries of the chunk may see keys that its later keys displace.
            parts = [self._chunk(q, k, v, gate, factor, i, i + self._step(n)) for i in range(0, n, self._step(n))]
            out = torch.cat(parts, 2)
        self._store(k, v)
        self.length += n
        return out

    def _check(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, gate: torch.Tensor | None) -> None:
        n = q.shape[2] if q.dim() == 4 else 0
        for name, x, heads in (("q", q, self.heads), ("k", k, self.kv_heads), ("v", v, self.kv_heads)):
            if tuple(x.shape) != (self.batch, heads, n, self.head_dim):
                shape = (self.batch, heads, n, self.head_dim)
                raise ValueError(f"{name}: expected {shape} for this cache, got {tuple(x.shape)}")
            if x.dtype != self.k.dtype:
                raise TypeError(f"{name}: expected the cache's dtype, {self.k.dtype}, got {x.dtype}")
            if x.device != self.k.device:
                raise ValueError(f"{name}: expected the cache's device, {self.k.device}, got {x.device}")
            if torch.is_grad_enabled() and x.requires_grad:
                raise ValueError(f"{name}: a cache is for inference, expected a call under torch.no_grad()")
        if self.length + n > self.max_length:
            raise ValueError(
                f"q: {n} more tokens exceed the cache's max_length of {self.max_length} (it holds {self.length})"
            )
        shape = (self.batch, self.heads, n, self.pattern.branches)
        if (gate is not None) != self.pattern.gated or (gate is not None and tuple(gate.shape) != shape):
            expected = f"logits {shape}" if self.pattern.gated else "none, the pattern has no gate"
            raise ValueError(f"gate: expected {expected}; got {None if gate is None else tuple(gate.shape)}")

    def _step(self, n: int) -> int:
        """How many queries of a chunk are taken at once."""
        segments = self.pattern.branches * len(self._rows)
        return max(1, min(n, MAX_SEEN // (segments * (max(self.slots) + n))))

    def _chunk(
        self,
        q: torch.Tensor,
        k: torch.Tensor,
        v: torch.Tensor,
        gate: torch.Tensor | None,
        scale: float,
        first: int,
        last: int,
    ) -> torch.Tensor:
        """The queries ``first ... last - 1`` of a chunk: cache and new keys are two parts of one softmax."""
        q = q[:, :, first:last]
        gate = None if gate is None else gate[:, :, first:last]
        own = self.length + torch.arange(k.shape[2], device=k.device)
        new = attend_at(self.pattern, q, k, v, self.length + first, own, scale)
        old = self._read(q, self.length + first, scale)
        return fused(self.pattern, torch.cat([old[0], new[0]]), torch.cat([old[1], new[1]]), gate, q.dtype)

    def _read(self, q: torch.Tensor, position: int, scale: float) -> tuple[torch.Tensor, torch.Tensor]:
        """Attention of queries from ``position`` on to the slots."""
        where = {kind: positions[:-1] for kind, positions in enumerate(self._positions)}
        seen = seen_by(self.pattern, self.heads, self._rows, position, q.shape[2], where)
        return slot_attention.attend(q, self.k, self.v, self._layout, seen, scale)

    def _store(self, k: torch.Tensor, v: torch.Tensor, everything: bool = False) -> None:
        """Puts the keys of the next tokens into their slots, those that a later token may see or ``everything``."""
        n = k.shape[2]
        at = slice(self.length, self.length + n)
        position = torch.arange(self.length, self.length + n, device=self.k.device)
        slots: list[torch.Tensor] = []
        for (slot, last), positions in zip(self._tables, self._positions, strict=True):
            # Of several new keys that share a slot only the last one is alive, and alone it may displace a dead one.
            kept = slot[at]
            if n > 1 and not everything:
                kept = torch.where(last[at] >= self.length + n, kept, -1)
            positions.index_copy_(0, torch.where(kept < 0, len(positions) - 1, kept), position)
            slots.append(kept)
        by_head = torch.stack(slots)[self._kind_of_head]
        flat = torch.where(by_head < 0, self._spare, by_head + self._starts).flatten()
        self.k.index_copy_(1, flat, k.flatten(1, 2))
        self.v.index_copy_(1, flat, v.flatten(1, 2))


@lru_cache(maxsize=64)
def _table(slots: Slots, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """For each token its slot and the last query that may see it; layers of one pattern share them."""
    return torch.from_numpy(slots.slot).to(device), torch.from_numpy(slots.last).to(device)


def _needed(pattern: Pattern, n: int, heads: int, kv_heads: int) -> Retention:
    try:
        return retention(pattern._instance, n, heads, kv_heads)  # pyright: ignore[reportPrivateUsage]
    except NoCacheError as problem:
        raise ValueError(f"pattern: {problem}") from problem
