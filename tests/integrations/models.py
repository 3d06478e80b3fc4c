"""Real model classes of Transformers, built small from their configurations, and patterns for them."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import patternc
from patternc.pattern import Pattern
from tests.devices import here

transformers = pytest.importorskip("transformers")

LOCAL = "causal pattern local(l = 3) { attend window(l) | sink(1) }"
SKIPS = "causal pattern skips { attend heads { 0..2 : window(2) | stride(4, 2)  2..4 : chunk(5) | columns(6, 1) } }"
SIZES: dict[str, Any] = {
    "vocab_size": 53,
    "hidden_size": 32,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": None,
    "eos_token_id": None,
}
FAMILIES: dict[str, dict[str, Any]] = {
    "Llama": {},
    "Mistral": {"sliding_window": None},
    "Qwen2": {},
    "Qwen3": {},
    "Gemma": {},
    "Gemma2": {"attn_logit_softcapping": None, "layer_types": ["full_attention"] * 2},
    "Gemma3": {"layer_types": ["full_attention"] * 2},
}


def plain(pattern: Pattern) -> Pattern:
    """The pattern, computed by plain PyTorch as on a machine without a GPU; until `unplain` is called."""
    _modules.setattr(pattern.module(4 if pattern.depends_on_head else None), "INTERPRETED", False)
    return pattern


_modules = pytest.MonkeyPatch()
unplain = _modules.undo
"""Takes back what `plain` did."""


def load(text: str, **values: int) -> Pattern:
    return plain(patternc.loads(text, **values))


def build(family: str, implementation: str, **changes: Any) -> Any:
    torch.manual_seed(0)
    suffix = "Text" if family == "Gemma3" else ""
    config = getattr(transformers, f"{family}{suffix}Config")(**(SIZES | FAMILIES[family] | changes))
    return here(getattr(transformers, f"{family}ForCausalLM")._from_config(config, attn_implementation=implementation))


def tokens(batch: int, n: int) -> torch.Tensor:
    return here(torch.randint(1, 53, (batch, n), generator=torch.Generator().manual_seed(n)))


def bias(pattern: Pattern, n: int) -> torch.Tensor:
    """The pattern as the mask that eager attention adds."""
    return here(torch.where(pattern.mask(n, heads=4)[0], 0.0, torch.finfo(torch.float32).min)[None])


def generate(model: Any, ids: torch.Tensor, **options: Any) -> list[list[int]]:
    return model.generate(ids, max_new_tokens=9, do_sample=False, **options)[:, ids.shape[1] :].tolist()
