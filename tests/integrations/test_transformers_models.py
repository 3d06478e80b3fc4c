"""What a model asks for itself (a window, a softcap, dropout, a mask): honoured, or refused by name."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import patternc

transformers = pytest.importorskip("transformers")
from patternc.integrations.transformers import LiveCache, _windowed, register  # noqa: E402
from tests.devices import here  # noqa: E402
from tests.integrations.models import LOCAL, SIZES, SKIPS, bias, build, generate, load, plain, tokens  # noqa: E402

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
    assert generate(model, ids, cache_implementation="static") == without
    padded = torch.cat([torch.cat([here(torch.zeros(1, 8, dtype=torch.long)), ids[:1, :3]], 1), ids[1:]])
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
    q, k, v = (here(torch.randn(1, heads, 12, 8)) for heads in (4, 2, 2))
    attend = transformers.AttentionInterface._global_mapping["pi"]
    mask = transformers.AttentionMaskInterface._global_mapping["pi"](q_length=12, kv_length=12)
    out, weights = attend(model.model.layers[0].self_attn, q, k, v, mask, scaling=0.2)
    assert weights is None
    expected = gated.reference(q, k, v, here(torch.zeros(1, 4, 12, 2)), scale=0.2)
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
        model(ids, attention_mask=here(torch.zeros(1, 1, 8, 8)))
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
        models.append(here(transformers.BertModel._from_config(config, attn_implementation=implementation)).eval())
    mine, eager = models
    ids = tokens(2, 13)
    expected = eager(ids, attention_mask=bias(pattern, 13)).last_hidden_state
    torch.testing.assert_close(mine(ids).last_hidden_state, expected, rtol=1e-4, atol=1e-5)
    real = here(torch.ones(2, 13, dtype=torch.long))
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
    model = here(transformers.BartModel._from_config(config, attn_implementation="pi")).eval()
    with pytest.raises(ValueError, match="pi: a pattern speaks of one sequence, and the model attends across two"):
        model(tokens(1, 6), decoder_input_ids=tokens(1, 6))


def test_a_live_cache_needs_a_registered_attention() -> None:
    register("pi", load(LOCAL))
    model = build("Llama", "pi").eval()
    cache = LiveCache(model, 20)
    model.set_attn_implementation("sdpa")
    with pytest.raises(ValueError, match="cache: a LiveCache serves models whose attn_implementation is a registered"):
        generate(model, tokens(1, 5), cache=cache)
