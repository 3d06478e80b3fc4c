"""A cache for Transformers' models under a pattern that holds only keys which a later token can still see."""

from __future__ import annotations

from typing import Any

import torch
from transformers.cache_utils import Cache as TransformersCache
from transformers.cache_utils import CacheLayerMixin

from patternc.pattern import Pattern
from patternc.runtime.cache import Cache


class LiveLayer(CacheLayerMixin):
    """One layer's live keys: what `patternc.runtime.cache.Cache` is, by Transformers' names.

    The layer's attention reads it: `update` hands on the new keys, which know their layer.
    """

    is_sliding = False
    supports_early_init = False

    def __init__(self, max_length: int) -> None:
        super().__init__()
        self.max_length = max_length
        self.cache: Cache | None = None
        self.waiting: tuple[torch.Tensor, torch.Tensor] | None = None

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Nothing: how many query heads there are shows when they come."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The new keys and values as they are, to be read by an attention that is registered."""
        if self.waiting is not None:
            raise ValueError("cache: a LiveCache serves models whose attn_implementation is a registered pattern")
        self.waiting = key_states, value_states
        key_states.patternc_layer = self  # type: ignore[attr-defined]
        return key_states, value_states

    def attend(self, pattern: Pattern, q: torch.Tensor, gate: torch.Tensor | None, scale: float) -> torch.Tensor:
        """Attention of the new tokens to all that they see; ``q`` (B, H, N, D), and so is what it returns."""
        if self.waiting is None:
            raise ValueError("cache: expected keys before their queries")
        (k, v), self.waiting = self.waiting, None
        if self.cache is None:
            sizes = {"heads": q.shape[1], "kv_heads": k.shape[1], "head_dim": k.shape[3]}
            self.cache = Cache(pattern, k.shape[0], self.max_length, **sizes, dtype=k.dtype, device=k.device)
        return self.cache.attend(q, k, v, gate, scale=scale)

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """How many keys a mask is made for, and the position of the first."""
        return self.get_seq_length() + query_length, 0

    def get_seq_length(self) -> int:
        """How many tokens there are so far."""
        return 0 if self.cache is None else self.cache.length

    def get_max_length(self) -> int:
        """How many tokens there may be."""
        return self.max_length

    def reset(self) -> None:
        """Forgets all tokens."""
        self.cache = self.waiting = None

    def crop(self, tokens_to_remove: int) -> None:
        """Raises `ValueError`, unless there is nothing to remove."""
        if tokens_to_remove:
            raise ValueError(
                "cache: a LiveCache cannot go back, since keys that were dead are gone; use DynamicCache()"
            )

    def reorder_cache(self, beam_idx: torch.Tensor) -> None:
        """Row i goes on from what was row ``beam_idx[i]``."""
        if self.cache is not None:
            self.cache.reorder(beam_idx.to(self.cache.k.device))


class LiveCache(TransformersCache):
    """A cache for a model whose ``attn_implementation`` is a registered pattern.

        out = model.generate(ids, cache=LiveCache(model, max_length=4096))

    Sequences may grow to ``max_length`` tokens.  All rows are of one length: a padded batch is refused.  It cannot
    go back (`crop`), so assisted generation is not for it.
    """

    def __init__(self, model: Any, max_length: int) -> None:
        layers = model.config.get_text_config(decoder=True).num_hidden_layers
        super().__init__(layers=[LiveLayer(max_length) for _ in range(layers)])

    @property
    def nbytes(self) -> int:
        """The bytes of all layers' keys and values."""
        return sum(cache.nbytes for cache in self.caches)

    @property
    def dense_nbytes(self) -> int:
        """What keys and values of all ``max_length`` tokens would take."""
        return sum(cache.dense_nbytes for cache in self.caches)

    @property
    def caches(self) -> list[Cache]:
        """The layers' caches, once they hold tokens."""
        return [layer.cache for layer in self.layers if isinstance(layer, LiveLayer) and layer.cache is not None]
