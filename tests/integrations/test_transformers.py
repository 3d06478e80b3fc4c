"""Real model classes of Transformers, built small from their configurations: a pattern against its eager mask."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

import patternc
from patternc.pattern import Pattern
from patternc.runtime import slot_attention

transformers = pytest.importorskip("transformers")
from patternc.integrations.transformers import LiveCache, _windowed, register  # noqa: E402

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
    """The pattern, computed by plain PyTorch as on a machine without a GPU; the fixture takes that back."""
    _modules.setattr(pattern.module(4 if pattern.depends_on_head else None), "INTERPRETED", False)
    return pattern


_modules = pytest.MonkeyPatch()


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Without kernels, but where a test asks for them; names are forgotten afterwards."""
    monkeypatch.setattr(slot_attention, "INTERPRETED", False)
    yield
    _modules.undo()
    for interface in (transformers.AttentionInterface, transformers.AttentionMaskInterface):
        interface._global_mapping.pop("pi", None)


def load(text: str, **values: int) -> Pattern:
    return plain(patternc.loads(text, **values))


def build(family: str, implementation: str, **changes: Any) -> Any:
    torch.manual_seed(0)
    suffix = "Text" if family == "Gemma3" else ""
    config = getattr(transformers, f"{family}{suffix}Config")(**(SIZES | FAMILIES[family] | changes))
    return getattr(transformers, f"{family}ForCausalLM")._from_config(config, attn_implementation=implementation)


def tokens(batch: int, n: int) -> torch.Tensor:
    return torch.randint(1, 53, (batch, n), generator=torch.Generator().manual_seed(n))


def bias(pattern: Pattern, n: int) -> torch.Tensor:
    """The pattern as the mask that eager attention adds."""
    return torch.where(pattern.mask(n, heads=4)[0], 0.0, torch.finfo(torch.float32).min)[None]


def generate(model: Any, ids: torch.Tensor, **options: Any) -> list[list[int]]:
    return model.generate(ids, max_new_tokens=9, do_sample=False, **options)[:, ids.shape[1] :].tolist()


@pytest.mark.parametrize("family", FAMILIES)
def test_logits_and_training_steps_equal_the_eager_mask(family: str) -> None:
    pattern = load(SKIPS)
    register("pi", pattern)
    mine, eager = build(family, "pi"), build(family, "eager")
    ids = tokens(2, 17)
    for model, options in ((mine, {}), (eager, {"attention_mask": bias(pattern, 17)})):
        model.train()
        optimiser = torch.optim.SGD(model.parameters(), lr=0.5)
        for _ in range(2):
            optimiser.zero_grad()
            model.seen = model(ids, labels=ids, **options)
            model.seen.loss.backward()
            optimiser.step()
    torch.testing.assert_close(mine.seen.logits, eager.seen.logits, rtol=1e-3, atol=2e-5)
    for (name, a), (_, b) in zip(mine.named_parameters(), eager.named_parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=2e-5, msg=lambda m, name=name: f"{name}: {m}")


@pytest.mark.parametrize("family", FAMILIES)
def test_generation_with_a_cache_equals_generation_without(family: str) -> None:
    register("pi", load(SKIPS))
    model = build(family, "pi").eval()
    ids = tokens(2, 11)
    without = generate(model, ids, use_cache=False)
    assert generate(model, ids) == without
    assert generate(model, ids, cache=LiveCache(model, 20)) == without


def test_generation_from_a_static_cache_and_with_beams() -> None:
    register("pi", load(LOCAL))
    model = build("Llama", "pi").eval()
    ids = tokens(2, 11)
    assert generate(model, ids, cache_implementation="static") == generate(model, ids, use_cache=False)
    beams = generate(model, ids, use_cache=False, num_beams=3)
    assert generate(model, ids, num_beams=3) == beams
    assert generate(model, ids, num_beams=3, cache=LiveCache(model, 20)) == beams


def test_kernels_in_the_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    pattern = load(LOCAL)
    register("pi", pattern)
    model = build("Llama", "pi").eval()
    ids = tokens(2, 7)
    expected, without = model(ids).logits, model.generate(ids, max_new_tokens=3, do_sample=False)
    monkeypatch.setattr(slot_attention, "INTERPRETED", True)
    _modules.undo()
    torch.testing.assert_close(model(ids).logits, expected, rtol=1e-4, atol=1e-5)
    assert torch.equal(model.generate(ids, max_new_tokens=3, do_sample=False, cache=LiveCache(model, 10)), without)


def test_a_live_cache_holds_what_the_pattern_needs() -> None:
    register("pi", load(LOCAL))
    model = build("Qwen3", "pi").eval()
    cache = LiveCache(model, 40)
    generate(model, tokens(2, 11), cache=cache)
    assert [c.slots for c in cache.caches] == [(5, 5)] * 2
    assert cache.nbytes * 8 == cache.dense_nbytes
    cache.reset()
    assert cache.get_seq_length() == 0


@pytest.mark.parametrize("text", [LOCAL, SKIPS])
def test_padding_on_either_side_changes_nothing_for_the_real_tokens(text: str) -> None:
    register("pi", load(text))
    model = build("Llama", "pi").eval()
    short, long = tokens(1, 7), tokens(1, 12)
    pad = torch.zeros(1, 5, dtype=torch.long)
    real = torch.tensor([[1] * 7 + [0] * 5, [1] * 12])
    right = model(torch.cat([torch.cat([short, pad], 1), long]), attention_mask=real).logits
    left = model(
        torch.cat([torch.cat([pad, short], 1), long]),
        attention_mask=real.flip(1)[[0, 1]],
        position_ids=torch.stack([torch.cat([pad[0], torch.arange(7)]), torch.arange(12)]),
    ).logits
    for mine, row in ((right[:1, :7], short), (right[1:], long), (left[:1, 5:], short), (left[1:], long)):
        torch.testing.assert_close(mine, model(row).logits, rtol=1e-4, atol=1e-5)


def test_sequences_that_are_packed_in_a_row_see_nothing_of_each_other() -> None:
    register("pi", load(SKIPS))
    for family, options in (("Llama", {}), ("Gemma3", {})):
        model = build(family, "pi", **options).eval()
        ids, at = tokens(2, 14), torch.tensor([[*range(9), *range(5)], [*range(3), *range(11)]])
        logits = model(ids, position_ids=at, use_cache=False).logits
        for row, cut in ((0, 9), (1, 3)):
            parts = [model(ids[row : row + 1, a:b]).logits for a, b in ((0, cut), (cut, 14))]
            torch.testing.assert_close(logits[row : row + 1], torch.cat(parts, 1), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_a_compiled_model_gives_the_same() -> None:
    register("pi", load(LOCAL))
    model = build("Llama", "pi", num_hidden_layers=1).eval()
    ids = tokens(2, 9)
    compiled = torch.compile(model, backend="eager")
    torch.testing.assert_close(compiled(ids, use_cache=False).logits, model(ids).logits, rtol=1e-4, atol=1e-5)
    padded = (torch.arange(9) < torch.tensor([[5], [9]])).long()
    mine = compiled(ids, attention_mask=padded, use_cache=False).logits
    torch.testing.assert_close(mine[:1, :5], model(ids[:1, :5]).logits, rtol=1e-4, atol=1e-5)


def test_training_on_padded_rows_equals_training_on_each_row() -> None:
    register("pi", load(SKIPS))
    model = build("Qwen2", "pi")
    rows = [tokens(1, 6), tokens(1, 9)]
    for side in ("right", "left"):
        pad = torch.zeros(1, 3, dtype=torch.long)
        order = (rows[0], pad) if side == "right" else (pad, rows[0])
        ids = torch.cat([torch.cat(order, 1), rows[1]])
        real = (ids > 0).long()
        places = (real.cumsum(1) - 1).clamp_min(0)
        labels = ids.masked_fill(real == 0, -100)
        gradients = []
        for batch in ([(ids, real, places, labels)], [(r, None, None, r) for r in rows]):
            model.zero_grad()
            for x, mask, at, y in batch:
                logits = model(x, attention_mask=mask, position_ids=at).logits[:, :-1]
                torch.nn.functional.cross_entropy(
                    logits.flatten(0, 1), y[:, 1:].flatten(), reduction="sum", ignore_index=-100
                ).backward()
            gradients.append([p.grad.clone() for p in model.parameters()])
        torch.testing.assert_close(*gradients, rtol=1e-3, atol=2e-4) if side == "right" else [
            torch.testing.assert_close(a, b, rtol=1e-3, atol=2e-4) for a, b in zip(*gradients, strict=True)
        ]


@pytest.mark.parametrize("text", [LOCAL, SKIPS])
def test_generation_from_a_left_padded_batch_equals_each_row_alone(text: str) -> None:
    register("pi", load(text))
    model = build("Llama", "pi").eval()
    short, long = tokens(1, 5), tokens(1, 10)
    ids = torch.cat([torch.cat([torch.zeros(1, 5, dtype=torch.long), short], 1), long])
    real = torch.tensor([[0] * 5 + [1] * 5, [1] * 10])
    alone = [generate(model, row)[0] for row in (short, long)]
    assert generate(model, ids, attention_mask=real) == alone
    assert generate(model, ids, attention_mask=real, use_cache=False) == alone
    with pytest.raises(ValueError, match="attention_mask: a LiveCache holds rows of one length"):
        generate(model, ids, attention_mask=real, cache=LiveCache(model, 20))


def test_a_stack_maps_onto_the_models_layers() -> None:
    layers = [load(LOCAL, l=2), load(SKIPS)]
    register("pi", layers)
    mine, eager = build("Llama", "pi"), build("Llama", "eager")
    ids = tokens(2, 15)
    for layer, pattern in zip(eager.model.layers, layers, strict=True):
        mask = bias(pattern, 15)
        layer.self_attn.register_forward_pre_hook(
            lambda _, args, options, mask=mask: (args, options | {"attention_mask": mask}), with_kwargs=True
        )
    torch.testing.assert_close(mine(ids).logits, eager(ids).logits, rtol=1e-4, atol=1e-5)
    assert generate(mine, ids, cache=LiveCache(mine, 24)) == generate(mine, ids, use_cache=False)
    with pytest.raises(ValueError, match="pattern: pi has patterns for 2 layers, and the model has 3"):
        build("Llama", "pi", num_hidden_layers=3)(ids)


WINDOW = {"sliding_window": 6}


def test_a_models_own_window_is_refused_kept_or_replaced() -> None:
    pattern, ids = load(SKIPS), tokens(2, 16)
    register("pi", pattern)
    with pytest.raises(ValueError, match="sliding_window: the model sees 6 tokens in this layer, pattern skips more"):
        build("Mistral", "pi", **WINDOW)(ids)
    plain(_windowed(pattern, 6))
    both = load(
        SKIPS.replace("attend heads { 0..2 : ", "attend heads { 0..2 : window(5) & (")
        .replace("  2..4 : ", ")  2..4 : window(5) & (")
        .replace(" } }", ") } }")
    )
    for choice, meant in (("keep", both), ("replace", pattern)):
        register("pi", pattern, sliding_window=choice)  # type: ignore[arg-type]
        mine, eager = build("Mistral", "pi", **WINDOW), build("Mistral", "eager", **WINDOW)
        expected = eager(ids, attention_mask=bias(meant, 16)).logits
        torch.testing.assert_close(mine(ids).logits, expected, rtol=1e-4, atol=1e-5)
    # The model's own cache has dropped what the pattern still sees.
    with pytest.raises(ValueError, match="cache: the model's cache has dropped the first 11 tokens"):
        generate(mine.eval(), ids)
    assert generate(mine, ids, cache=transformers.DynamicCache()) == generate(mine, ids, use_cache=False)


@pytest.mark.parametrize("choice", ["refuse", "keep"])
def test_a_window_that_holds_the_pattern_needs_no_choice_and_keeps_its_short_cache(choice: str) -> None:
    pattern = load("causal pattern short { attend chunk(5) | window(5) & columns(3) }")
    if choice == "keep":
        pattern = load(SKIPS)
        plain(_windowed(pattern, 6))
    register("pi", pattern, sliding_window=choice)  # type: ignore[arg-type]
    model = build("Mistral", "pi", **WINDOW).eval()
    if choice == "refuse":
        with pytest.raises(ValueError, match="pattern short more"):
            build("Mistral", "pi", sliding_window=5)(tokens(1, 4))
    ids = tokens(2, 11)
    without = generate(model, ids, use_cache=False)
    assert generate(model, ids) == without
    padded = torch.cat([torch.cat([torch.zeros(1, 8, dtype=torch.long), ids[:1, :3]], 1), ids[1:]])
    real = (padded > 0).long()
    assert generate(model, padded, attention_mask=real) == [generate(model, ids[:1, :3])[0], without[1]]


def test_local_and_global_layers_of_gemma_take_a_stack_of_their_windows() -> None:
    text = "causal pattern local(keys = 6) { attend window(keys - 1) }\ncausal pattern whole { attend full }"
    layers = [plain(patternc.loads(text, pattern=name)) for name in ("local", "whole")]
    register("pi", layers)
    types = {"layer_types": ["sliding_attention", "full_attention"], **WINDOW}
    mine, eager = build("Gemma3", "pi", **types).eval(), build("Gemma3", "eager", **types).eval()
    ids = tokens(2, 14)
    torch.testing.assert_close(mine(ids).logits, eager(ids).logits, rtol=1e-4, atol=1e-5)
    assert generate(mine, ids) == generate(eager, ids)
    assert generate(mine, ids, cache=LiveCache(mine, 23)) == generate(eager, ids)


def test_a_gate_is_refused_or_weighted_equally() -> None:
    gated = load("causal pattern pi { attend gate(window(2), stride(3)) }")
    with pytest.raises(ValueError, match="pattern: pi is gated, and a foreign model has no logits for its 2 branches"):
        register("pi", gated)
    register("pi", gated, gate="equal")
    model = build("Llama", "pi").eval()
    ids = tokens(2, 12)
    without = generate(model, ids, use_cache=False)
    assert generate(model, ids) == without
    assert generate(model, ids, cache=LiveCache(model, 21)) == without
    q, k, v = torch.randn(1, 4, 12, 8), torch.randn(1, 2, 12, 8), torch.randn(1, 2, 12, 8)
    attend = transformers.AttentionInterface._global_mapping["pi"]
    mask = transformers.AttentionMaskInterface._global_mapping["pi"](q_length=12, kv_length=12)
    out, weights = attend(model.model.layers[0].self_attn, q, k, v, mask, scaling=0.2)
    assert weights is None
    expected = gated.reference(q, k, v, torch.zeros(1, 4, 12, 2), scale=0.2)
    torch.testing.assert_close(out.transpose(1, 2), expected)


def test_what_the_kernels_cannot_do_for_a_model_is_refused_by_name() -> None:
    register("pi", load(LOCAL))
    ids = tokens(1, 8)
    with pytest.raises(ValueError, match=r"dropout: pi has no dropout of attention weights, got 0.1"):
        build("Llama", "pi", attention_dropout=0.1).train()(ids)
    build("Llama", "pi", attention_dropout=0.1).eval()(ids)
    with pytest.raises(ValueError, match=r"softcap: pi has no softcap, got 50.0"):
        build("Gemma2", "pi", attn_logit_softcapping=50.0)(ids)
    model = build("Llama", "pi")
    with pytest.raises(
        ValueError, match=r"attention_mask: pi is a mask of its own .* was given a tensor \(1, 1, 8, 8\)"
    ):
        model(ids, attention_mask=torch.zeros(1, 1, 8, 8))
    masks = transformers.masking_utils
    chunks = masks.chunked_causal_mask_function(4, torch.zeros(1, dtype=torch.long))
    with pytest.raises(ValueError, match="attention_mask: the model's mask has parts that no pattern knows of"):
        transformers.AttentionMaskInterface._global_mapping["pi"](q_length=8, kv_length=8, mask_function=chunks)
    attention = transformers.AttentionInterface._global_mapping["pi"]
    q, mask = (
        torch.randn(1, 4, 2, 8),
        transformers.AttentionMaskInterface._global_mapping["pi"](q_length=2, kv_length=2),
    )
    layer = model.model.layers[0].self_attn
    with pytest.raises(ValueError, match="s_aux: pi does not know this argument"):
        attention(layer, q, q, q, mask, s_aux=torch.zeros(4))
    with pytest.raises(ValueError, match="output_attentions: pi computes no matrix of attention weights"):
        attention(layer, q, q, q, mask, output_attentions=True)
    with pytest.raises(ValueError, match="key: expected the 2 tokens that the mask was made for, got 1"):
        attention(layer, q, q[:, :, :1], q[:, :, :1], mask)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("pattern p { attend window(2, 1) }", "pattern: p may see the future, and the model is causal"),
        (
            "causal pattern p { attend where(2 * k >= n) | window(1) }",
            "depends on the length n .* generate with use_cache=False",
        ),
    ],
)
def test_patterns_that_do_not_fit_a_decoder(text: str, says: str) -> None:
    register("pi", load(text))
    model = build("Llama", "pi").eval()
    with pytest.raises(ValueError, match=says):
        generate(model, tokens(1, 8))


def test_a_model_without_a_causal_mask_takes_any_pattern() -> None:
    pattern = load("pattern p { attend window(2, 2) | global(1) }")
    register("pi", pattern)
    sizes = {key: SIZES[key] for key in ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers")}
    models = []
    for implementation in ("pi", "eager"):
        torch.manual_seed(0)
        config = transformers.BertConfig(**sizes, num_attention_heads=4)
        models.append(transformers.BertModel._from_config(config, attn_implementation=implementation).eval())
    mine, eager = models
    ids = tokens(2, 13)
    expected = eager(ids, attention_mask=bias(pattern, 13)).last_hidden_state
    torch.testing.assert_close(mine(ids).last_hidden_state, expected, rtol=1e-4, atol=1e-5)
    real = torch.ones(2, 13, dtype=torch.long)
    real[0, 9:] = 0
    alone = mine(ids[:1, :9]).last_hidden_state
    torch.testing.assert_close(mine(ids, attention_mask=real).last_hidden_state[:1, :9], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "pattern", "options", "kind", "says"),
    [
        (
            "sdpa",
            LOCAL,
            {},
            ValueError,
            "name: expected an identifier that Transformers does not use itself, got 'sdpa'",
        ),
        ("eager", LOCAL, {}, ValueError, "got 'eager'"),
        ("a/b", LOCAL, {}, ValueError, "got 'a/b'"),
        ("pi", None, {}, TypeError, "pattern: expected a Pattern or a list of them, got NoneType"),
        ("pi", [], {}, ValueError, "got an empty list"),
        ("pi", "pattern p { attend same_document }", {}, ValueError, "pattern: p speaks of documents"),
        ("pi", LOCAL, {"gate": "half"}, ValueError, "gate: expected one of refuse, equal, got 'half'"),
        ("pi", LOCAL, {"sliding_window": "drop"}, ValueError, "sliding_window: expected one of refuse, keep, replace"),
    ],
)
def test_a_registration_that_cannot_stand_says_why(name: str, pattern: Any, options: Any, kind: Any, says: str) -> None:
    given = load(pattern) if isinstance(pattern, str) else [pattern] if pattern is None else pattern
    with pytest.raises(kind, match=says):
        register(name, given, **options)


def test_attention_across_two_sequences_is_refused() -> None:
    register("pi", load(LOCAL))
    config = transformers.BartConfig(vocab_size=53, d_model=32, encoder_layers=1, decoder_layers=1)
    config.encoder_attention_heads = config.decoder_attention_heads = 4
    config.encoder_ffn_dim = config.decoder_ffn_dim = 40
    model = transformers.BartModel._from_config(config, attn_implementation="pi").eval()
    with pytest.raises(ValueError, match="pi: a pattern speaks of one sequence, and the model attends across two"):
        model(tokens(1, 6), decoder_input_ids=tokens(1, 6))


def test_a_live_cache_needs_a_registered_attention() -> None:
    register("pi", load(LOCAL))
    model = build("Llama", "pi").eval()
    cache = LiveCache(model, 20)
    model.set_attn_implementation("sdpa")
    with pytest.raises(ValueError, match="cache: a LiveCache serves models whose attn_implementation is a registered"):
        generate(model, tokens(1, 5), cache=cache)
