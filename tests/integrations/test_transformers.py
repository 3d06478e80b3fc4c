"""Real models under a pattern against their eager mask: logits, training, generation, padding and packing."""

from __future__ import annotations

import pytest
import torch

from patternc.runtime import slot_attention

transformers = pytest.importorskip("transformers")
from patternc.integrations.transformers import LiveCache, register  # noqa: E402
from tests.devices import here  # noqa: E402
from tests.integrations.models import FAMILIES, LOCAL, SKIPS, bias, build, generate, load, tokens, unplain  # noqa: E402


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


def test_gradient_checkpoints_change_nothing() -> None:
    register("pi", load(SKIPS))
    gradients: list[list[torch.Tensor]] = []
    for checkpoints in (False, True):
        model = build("Llama", "pi").train()
        if checkpoints:
            model.activation_checkpointing_enable()
        model(tokens(2, 12), labels=tokens(2, 12), use_cache=False).loss.backward()
        gradients.append([p.grad for p in model.parameters()])
    torch.testing.assert_close(*gradients)


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
    unplain()
    torch.testing.assert_close(model(ids).logits, expected, rtol=1e-4, atol=1e-5)
    assert torch.equal(model.generate(ids, max_new_tokens=3, do_sample=False, cache=LiveCache(model, 10)), without)


@torch.no_grad()
def test_a_live_cache_holds_what_the_pattern_needs() -> None:
    register("pi", load(LOCAL))
    model = build("Qwen3", "pi").eval()
    cache = LiveCache(model, 40)
    generate(model, tokens(2, 11), cache=cache)
    assert [c.slots for c in cache.caches] == [(5, 5)] * 2
    assert cache.nbytes * 8 == cache.dense_nbytes
    # A second turn goes on where the first one ended.
    ids = tokens(2, 25)
    turns = LiveCache(model, 40)
    model(ids[:, :11], cache=turns)
    model(ids[:, 11:24], cache=turns)
    torch.testing.assert_close(
        model(ids[:, 24:], cache=turns).logits[:, 0], model(ids).logits[:, -1], rtol=1e-4, atol=1e-5
    )
    with pytest.raises(ValueError, match="cache: a LiveCache cannot go back"):
        turns.crop(-1)
    cache.reset()
    assert cache.get_seq_length() == 0


@pytest.mark.parametrize("text", [LOCAL, SKIPS])
def test_padding_on_either_side_changes_nothing_for_the_real_tokens(text: str) -> None:
    register("pi", load(text))
    model = build("Llama", "pi").eval()
    short, long = tokens(1, 7), tokens(1, 12)
    pad = here(torch.zeros(1, 5, dtype=torch.long))
    real = here(torch.tensor([[1] * 7 + [0] * 5, [1] * 12]))
    right = model(torch.cat([torch.cat([short, pad], 1), long]), attention_mask=real).logits
    left = model(
        torch.cat([torch.cat([pad, short], 1), long]),
        attention_mask=real.flip(1)[[0, 1]],
        position_ids=torch.stack([torch.cat([pad[0], here(torch.arange(7))]), here(torch.arange(12))]),
    ).logits
    for mine, row in ((right[:1, :7], short), (right[1:], long), (left[:1, 5:], short), (left[1:], long)):
        torch.testing.assert_close(mine, model(row).logits, rtol=1e-4, atol=1e-5)


def test_sequences_that_are_packed_in_a_row_see_nothing_of_each_other() -> None:
    register("pi", load(SKIPS))
    for family, options in (("Llama", {}), ("Gemma3", {})):
        model = build(family, "pi", **options).eval()
        ids, at = tokens(2, 14), here(torch.tensor([[*range(9), *range(5)], [*range(3), *range(11)]]))
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
    padded = here((torch.arange(9) < torch.tensor([[5], [9]])).long())
    mine = compiled(ids, attention_mask=padded, use_cache=False).logits
    torch.testing.assert_close(mine[:1, :5], model(ids[:1, :5]).logits, rtol=1e-4, atol=1e-5)


def test_training_on_padded_rows_equals_training_on_each_row() -> None:
    register("pi", load(SKIPS))
    model = build("Qwen2", "pi")
    rows = [tokens(1, 6), tokens(1, 9)]
    for side in ("right", "left"):
        pad = here(torch.zeros(1, 3, dtype=torch.long))
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
    ids = torch.cat([torch.cat([here(torch.zeros(1, 5, dtype=torch.long)), short], 1), long])
    real = here(torch.tensor([[0] * 5 + [1] * 5, [1] * 10]))
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
