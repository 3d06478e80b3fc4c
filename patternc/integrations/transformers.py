"""Patterns as an attention implementation of Hugging Face Transformers.

    from patternc.integrations.transformers import register
    register("pi", pattern)                      # or a list of patterns, one a layer
    model = AutoModelForCausalLM.from_pretrained(name, attn_implementation="pi")

The pattern decides which tokens a token sees, in training, in prefill and while generating.  Padding on either side
and sequences packed in one row are honoured: a token's position is its place in its sequence.  What the kernels cannot
do for a model (dropout, a softcap, chunks, a mask of the caller's own) is refused by name; nothing is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from inspect import getclosurevars
from typing import Any, ClassVar, Literal

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import bidirectional_mask_function, causal_mask_function

from patternc.analysis.retention import NoCacheError, may_see_the_future, retention
from patternc.integrations.live_cache import LiveCache, LiveLayer
from patternc.ir.expr import Int
from patternc.ir.relation import Lag, intersection
from patternc.lowering.slots import MAX_LENGTH
from patternc.pattern import Pattern
from patternc.runtime.at_positions import attend_at, fused

__all__ = ["LiveCache", "register"]

PASSED_ON = frozenset(
    {
        "cache_position",
        "is_causal",
        "layer_idx",
        "logits_to_keep",
        "num_items_in_batch",
        "output_hidden_states",
        "position_embeddings",
        "position_ids",
        "return_dict",
        "sliding_window",
        "use_cache",
    }
)
"""Arguments of a model's attention that say nothing about which keys are seen, or that are dealt with here."""


@dataclass(frozen=True)
class Segment:
    """The tokens of one sequence, which lie in a row of the batch among others or among padding."""

    row: int
    queries: torch.Tensor
    """Which of the row's queries are its own."""
    keys: torch.Tensor
    """Which of the row's keys are its own."""
    positions: torch.Tensor
    """The place of each of these keys in the sequence."""
    first: int
    """The place of the first of these queries."""


@dataclass(frozen=True)
class Tokens:
    """What a model's mask says beyond the pattern: where queries and keys stand, and which tokens are real."""

    first: int
    """The position of the first query."""
    total: int
    """How many tokens there are so far, the queries among them."""
    kept_from: int
    """The position of the first key: the model's cache has dropped those before it."""
    causal: bool
    window: int | None
    lengths: torch.Tensor | None = None
    """Padding on the right, where queries and keys are the same tokens: how many of each row are real."""
    sequences: tuple[Segment, ...] | None = None
    """Any other padding, and sequences that are packed in one row: each sequence by itself."""
    ndim: ClassVar[int] = 4
    """Where generation makes the mask itself, a model tells by this that it is no padding."""


def register(
    name: str,
    pattern: Pattern | Sequence[Pattern],
    *,
    gate: Literal["refuse", "equal"] = "refuse",
    sliding_window: Literal["refuse", "keep", "replace"] = "refuse",
) -> None:
    """Makes ``attn_implementation=name`` attend under ``pattern``, or under a list of patterns, one for each layer.

    A gated pattern is refused, since a foreign model has no logits for it, unless ``gate="equal"`` asks for branches
    of equal weights.  A model with a sliding window of its own is served where the pattern sees nothing beyond that
    window; otherwise ``sliding_window`` says whether it is refused, whether a token sees what both allow (``keep``),
    or what the pattern allows (``replace``).

    Registering a name again replaces what it stood for.  Raises `ValueError` for a name that Transformers gives to an
    implementation of its own, a pattern that speaks of documents, and a gated one; `TypeError` for what is no pattern.
    """
    patterns = (pattern,) if isinstance(pattern, Pattern) else tuple(pattern)
    for one in patterns:
        if not isinstance(one, Pattern):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"pattern: expected a Pattern or a list of them, got {type(one).__name__}")
        if one.needs_documents:
            raise ValueError(f"pattern: {one.name} speaks of documents, which Transformers' models do not pass on")
        if one.gated and gate == "refuse":
            raise ValueError(
                f"pattern: {one.name} is gated, and a foreign model has no logits for its {one.branches} branches; "
                'gate="equal" weights them equally'
            )
    for option, value, choices in (
        ("gate", gate, ("refuse", "equal")),
        ("sliding_window", sliding_window, ("refuse", "keep", "replace")),
    ):
        if value not in choices:
            raise ValueError(f"{option}: expected one of {', '.join(choices)}, got {value!r}")
    if not patterns:
        raise ValueError("pattern: expected a Pattern or a list with one for each layer, got an empty list")
    known = AttentionInterface._global_mapping.get(name)  # pyright: ignore[reportPrivateUsage]
    ours = isinstance(getattr(known, "__self__", None), _Implementation)
    if not name.isidentifier() or name == "eager" or (known is not None and not ours):
        raise ValueError(f"name: expected an identifier that Transformers does not use itself, got {name!r}")
    implementation = _Implementation(name, patterns, not isinstance(pattern, Pattern), sliding_window)
    AttentionInterface.register(name, implementation.attend)
    # A compiled model breaks here: which tokens are real is read from the tensor.
    AttentionMaskInterface.register(name, torch.compiler.disable(implementation.mask))


@dataclass(frozen=True)
class _Implementation:
    """What stands behind a registered name."""

    name: str
    patterns: tuple[Pattern, ...]
    by_layer: bool
    sliding_window: str

    def mask(
        self,
        *,
        q_length: int,
        kv_length: int,
        q_offset: int | torch.Tensor = 0,
        kv_offset: int = 0,
        mask_function: Callable[..., Any] = causal_mask_function,
        attention_mask: torch.Tensor | Tokens | None = None,
        config: Any = None,
        **_: Any,
    ) -> Tokens:
        """What a model's attention is given for a mask (`transformers.masking_utils`)."""
        if isinstance(attention_mask, Tokens):
            return attention_mask
        if getattr(config, "is_encoder_decoder", False) or getattr(config, "add_cross_attention", False):
            raise ValueError(f"{self.name}: a pattern speaks of one sequence, and the model attends across two")
        causal, window, packed = _understood(mask_function)
        first = int(q_offset)
        total = first + q_length if causal else kv_offset + kv_length
        if total != first + q_length:
            raise ValueError(
                f"{self.name}: expected a key for each query, got {total} keys, {first + q_length} queries"
            )
        plain = Tokens(first, total, kv_offset, causal, window)
        if packed is not None and bool((packed != packed[:, :1]).any()):
            return replace(plain, sequences=_segments(packed + 1, first, kv_offset))
        if attention_mask is None:
            return plain
        real = attention_mask[:, :total].bool()
        if real.shape[1] != total:
            raise ValueError(f"attention_mask: expected {total} columns, got {tuple(attention_mask.shape)}")
        if bool(real.all()):
            return plain
        if first == 0 and kv_offset == 0 and bool((real[:, :-1] >= real[:, 1:]).all()):
            return replace(plain, lengths=real.sum(1))
        return replace(plain, sequences=_segments(real.long(), first, kv_offset))

    def attend(
        self,
        module: torch.nn.Module,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attention_mask: Any,
        scaling: float | None = None,
        dropout: float = 0.0,
        **options: Any,
    ) -> tuple[torch.Tensor, None]:
        """A model's attention: ``query`` (B, H, N, D) to (B, N, H, D); there are no weights to return."""
        tokens = self._tokens(module, query, key, attention_mask)
        self._refuse(dropout, options)
        heads, kv_heads = query.shape[1], key.shape[1]
        window = options.get("sliding_window")
        pattern = self._pattern(module, tokens, window, heads, kv_heads)  # pyright: ignore[reportAttributeAccessIssue]
        scale = query.shape[-1] ** -0.5 if scaling is None else float(scaling)
        gate = query.new_zeros((*query.shape[:3], pattern.branches)) if pattern.gated else None
        layer = getattr(key, "patternc_layer", None)
        if isinstance(layer, LiveLayer):
            if tokens.sequences is not None or tokens.lengths is not None:
                raise ValueError("attention_mask: a LiveCache holds rows of one length, expected no padding")
            out = layer.attend(pattern, query, gate, scale)
        else:
            end = tokens.total - tokens.kept_from
            if key.shape[2] < end:
                raise ValueError(f"key: expected the {end} tokens that the mask was made for, got {key.shape[2]}")
            out = _attend(pattern, query, key[:, :, :end], value[:, :, :end], gate, scale, tokens)
        return out.transpose(1, 2).contiguous(), None

    def _tokens(self, module: torch.nn.Module, query: torch.Tensor, key: torch.Tensor, mask: Any) -> Tokens:
        if isinstance(mask, Tokens):
            return mask
        if mask is None and not getattr(module, "is_causal", True) and query.shape[2] == key.shape[2]:
            return Tokens(0, key.shape[2], 0, causal=False, window=None)
        came = "None" if mask is None else f"a tensor {tuple(mask.shape)}" if hasattr(mask, "shape") else repr(mask)
        raise ValueError(
            f"attention_mask: {self.name} is a mask of its own and takes padding, a mask (batch, tokens), beside it; "
            f"{type(module).__name__} was given {came}"
        )

    def _refuse(self, dropout: float, options: dict[str, Any]) -> None:
        """Refuses what the kernels do not compute."""
        if dropout:
            raise ValueError(
                f"dropout: {self.name} has no dropout of attention weights, got {dropout}; set the configuration's "
                "attention_dropout to 0"
            )
        if options.get("softcap") is not None:
            raise ValueError(
                f"softcap: {self.name} has no softcap, got {options['softcap']}; only a model whose configuration has "
                "attn_logit_softcapping = None can be served"
            )
        if options.get("output_attentions"):
            raise ValueError(f"output_attentions: {self.name} computes no matrix of attention weights")
        for option, given in options.items():
            if option not in PASSED_ON and given is not None and given is not False:
                raise ValueError(f"{option}: {self.name} does not know this argument of the model's attention")

    @torch.compiler.disable
    def _pattern(
        self, module: torch.nn.Module, tokens: Tokens, window: int | None, heads: int, kv_heads: int
    ) -> Pattern:
        """The layer's pattern, joined with the model's own window where that is asked for."""
        pattern = self.patterns[0]
        if self.by_layer:
            index, count = getattr(module, "layer_idx", None), len(self.patterns)
            layers = getattr(getattr(module, "config", None), "num_hidden_layers", count)
            if index is None or layers != count:
                raise ValueError(f"pattern: {self.name} has patterns for {count} layers, and the model has {layers}")
            pattern = self.patterns[index]
        windows = [w for w in (window, tokens.window) if w is not None]
        if windows and _longest_lag(pattern, heads, kv_heads) >= min(windows):
            if self.sliding_window == "refuse":
                raise ValueError(
                    f"sliding_window: the model sees {min(windows)} tokens in this layer, pattern {pattern.name} more; "
                    f'register("{self.name}", ..., sliding_window="keep") keeps to both, "replace" to the pattern'
                )
            if self.sliding_window == "keep":
                pattern = _windowed(pattern, min(windows))
        if tokens.causal:
            _serves_a_decoder(pattern, heads, kv_heads, tokens.first > 0)
        if tokens.kept_from and _longest_lag(pattern, heads, kv_heads) > tokens.first - tokens.kept_from:
            raise ValueError(
                f"cache: the model's cache has dropped the first {tokens.kept_from} tokens, and pattern {pattern.name} "
                "may still see them; pass cache=DynamicCache() or a LiveCache"
            )
        return pattern


def _understood(mask_function: Callable[..., Any]) -> tuple[bool, int | None, torch.Tensor | None]:
    """Whether a model's mask is causal, its window, and where sequences are packed, the number of each token's.

    Raises `ValueError` for a mask of other parts.
    """
    if mask_function is bidirectional_mask_function:
        return False, None, None
    window = packed = None
    others: list[Callable[..., Any]] = []
    for part in _parts(mask_function):
        if part.__qualname__.startswith("sliding_window_overlay."):
            window = _closure(part)["sliding_window"]
        elif part.__qualname__.startswith("packed_sequence_mask_function."):
            packed = _closure(part)["packed_sequence_mask"]
        else:
            others.append(part)
    if others != [causal_mask_function]:
        raise ValueError(
            "attention_mask: the model's mask has parts that no pattern knows of (chunks, tokens that see later ones); "
            "it can be served without them only"
        )
    return True, window, packed


def _parts(mask_function: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """The functions whose intersection a mask function is."""
    if mask_function.__qualname__.startswith("and_masks."):
        for part in _closure(mask_function)["mask_functions"]:
            yield from _parts(part)
    elif mask_function.__qualname__.startswith("remap_positions_for_packed_sequence."):
        # Positions count within each sequence.
        yield from _parts(_closure(mask_function)["mask_function"])
    else:
        yield mask_function


def _closure(function: Callable[..., Any]) -> dict[str, Any]:
    return dict(getclosurevars(function).nonlocals)


def _segments(numbers: torch.Tensor, first: int, kept_from: int) -> tuple[Segment, ...]:
    """The sequences of a batch: ``numbers`` (B, tokens) says which one of its row a token is of; 0 is padding."""
    found: list[Segment] = []
    for b, row in enumerate(numbers):
        for number in row.unique().tolist():
            own = row == number
            place = own.cumsum(0) - 1
            queries, keys = own[first:].nonzero()[:, 0], own[kept_from:].nonzero()[:, 0]
            if number and len(queries):
                found.append(Segment(b, queries, keys, place[kept_from:][keys], int(own[:first].sum())))
    return tuple(found)


def _attend(
    pattern: Pattern,
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    gate: torch.Tensor | None,
    scale: float,
    tokens: Tokens,
) -> torch.Tensor:
    if tokens.sequences is None and not tokens.kept_from:
        return pattern(q, k, v, gate, scale=scale, lengths=tokens.lengths)
    if tokens.sequences is None:
        at = torch.arange(tokens.kept_from, tokens.total, device=k.device)
        return fused(pattern, *attend_at(pattern, q, k, v, tokens.first, at, scale), gate, q.dtype)
    outs = [q.new_zeros((1, *q.shape[1:3], v.shape[-1])) for _ in range(len(q))]
    for own in tokens.sequences:
        queries, keys, row = own.queries.to(q.device), own.keys.to(q.device), slice(own.row, own.row + 1)
        mine = q[row].index_select(2, queries)
        k_own, v_own = (x[row].index_select(2, keys) for x in (k, v))
        logits = None if gate is None else gate[row].index_select(2, queries)
        if tokens.kept_from:
            parts = attend_at(pattern, mine, k_own, v_own, own.first, own.positions.to(q.device), scale)
            out = fused(pattern, *parts, logits, q.dtype)
        else:
            out = pattern(mine, k_own, v_own, logits, scale=scale)
        outs[own.row] = outs[own.row].index_copy(2, queries, out)
    return torch.cat(outs)


@lru_cache(maxsize=256)
def _longest_lag(pattern: Pattern, heads: int, kv_heads: int) -> float:
    """The largest lag that a query may see across, infinity where there is none."""
    try:
        needed = retention(pattern._instance, MAX_LENGTH, heads, kv_heads)  # pyright: ignore[reportPrivateUsage]
    except NoCacheError:
        return float("inf")
    return max((hold.reach for kind in needed.kinds for hold in kind), default=0)


@lru_cache(maxsize=256)
def _serves_a_decoder(pattern: Pattern, heads: int, kv_heads: int, cached: bool) -> None:
    """Raises `ValueError` where a causal model cannot have the pattern; ``cached`` says that keys come from a cache."""
    instance = pattern._instance  # pyright: ignore[reportPrivateUsage]
    if may_see_the_future(instance, heads):
        raise ValueError(
            f"pattern: {pattern.name} may see the future, and the model is causal: declare it `causal pattern`"
        )
    if cached:
        try:
            retention(instance, MAX_LENGTH, heads, kv_heads)
        except NoCacheError as problem:
            raise ValueError(f"pattern: {problem}; generate with use_cache=False") from problem


@lru_cache(maxsize=256)
def _windowed(pattern: Pattern, keys: int) -> Pattern:
    """The pattern within a window of so many keys, the query's own among them."""
    instance = pattern._instance  # pyright: ignore[reportPrivateUsage]
    window = Lag(hi=Int(keys - 1))
    ranges = tuple(
        replace(part, branches=tuple(intersection(b, window) for b in part.branches)) for part in instance.ranges
    )
    return Pattern(replace(instance, ranges=ranges), pattern._program, pattern._source)  # pyright: ignore[reportPrivateUsage]
