"""`PatternAttention`: its hooks, its gates, its state, and that an emitted file's `Attention` is the same layer."""

from __future__ import annotations

import copy
import inspect
import pickle
from types import ModuleType
from typing import Any

import pytest
import torch

import patternc
from patternc.nn import PatternAttention, Rotary
from patternc.runtime import loader

GATED = "causal pattern gated(l = 3, p = 4) { attend gate(window(l), stride(p)) }"
PLAIN = "causal pattern plain(l = 3) { attend window(l) | sink(1) }"
OPTIONS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "everything": {"head_dim": 8, "bias": True, "qk_norm": torch.nn.RMSNorm, "rotary": Rotary()},
}


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Emitted files take their plain path, which is faster than the interpreter."""
    load = loader.load

    def plain(name: str, text: str) -> ModuleType:
        module = load(name, text)
        monkeypatch.setattr(module, "INTERPRETED", False)
        return module

    monkeypatch.setattr(loader, "load", plain)


def built(text: str = GATED, **options: Any) -> tuple[PatternAttention, torch.Tensor]:
    torch.manual_seed(0)
    layer = PatternAttention(dim=32, heads=4, kv_heads=2, pattern=patternc.loads(text), **options)
    return layer, torch.randn(2, 11, 32)


@pytest.mark.parametrize("gate", ["input", "query"])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_it_is_what_its_parts_say(gate: str, options: dict[str, Any]) -> None:
    """Written out once more, with dense attention."""
    layer, x = built(gate=gate, **options)
    weights = dict(layer.named_parameters())

    def split(name: str) -> torch.Tensor:
        y = torch.nn.functional.linear(x, weights[f"{name}.weight"], weights.get(f"{name}.bias"))
        return y.view(2, 11, -1, 8).transpose(1, 2)

    q, k, v = split("q_proj"), split("k_proj"), split("v_proj")
    if gate == "query":
        one, _, two = layer.gate_proj.logits
        logits = two(torch.nn.functional.silu(one(q)))
    else:
        logits = layer.gate_proj.logits(x).view(2, 11, 4, 2).transpose(1, 2)
    if options:
        q, k = (y * (y.square().mean(-1, keepdim=True) + torch.finfo(y.dtype).eps).rsqrt() for y in (q, k))
        # Pairs of columns are complex numbers, turned by e^(i * position * base^(-2j/D)).
        turn = torch.polar(torch.ones(11, 4), torch.arange(11)[:, None] * 10000.0 ** -(torch.arange(4) / 4))
        q, k = (torch.complex(*y.chunk(2, -1)) * turn for y in (q, k))
        q, k = (torch.cat((y.real, y.imag), -1) for y in (q, k))
    expected = layer.out_proj(layer.pattern.reference(q, k, v, logits).transpose(1, 2).reshape(2, 11, 32))
    torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize("gate", ["input", "query"])
def test_the_gate_is_of_each_token_and_head(gate: str) -> None:
    layer, x = built(gate=gate)
    before = layer.inputs(x)[3]
    assert before.shape == (2, 4, 11, 2)
    assert all(not torch.equal(before[:, 0], before[:, h]) for h in range(1, 4))
    x[0, 5] += 1
    changed = (layer.inputs(x)[3] != before).any(-1)
    assert changed[0, :, 5].all()
    assert changed.sum() == 4, "another token's gate changed"


def test_a_rotary_hook_is_any_callable_and_is_given_positions() -> None:
    seen: list[torch.Tensor] = []

    def hook(q: torch.Tensor, k: torch.Tensor, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        assert (q.shape, k.shape) == ((2, 4, 11, 8), (2, 2, 11, 8))
        seen.append(positions)
        return q.double(), 2 * k

    layer, x = built(rotary=hook)
    q, k, _, _ = layer.inputs(x)
    assert q.dtype == torch.float32, "a hook may compute in another dtype"
    torch.testing.assert_close(k, 2 * layer.project(x)[1])
    layer(x, positions=torch.arange(5, 16))
    assert [p.tolist() for p in seen] == [list(range(11)), list(range(5, 16))]


def test_rotary_turns_by_distance_alone() -> None:
    layer, x = built(rotary=Rotary(base=100.0))
    at = torch.arange(11)
    torch.testing.assert_close(layer(x, positions=at + 90), layer(x), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(layer(x, positions=torch.stack((at, at + 90))), layer(x), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(layer(x, positions=2 * at), layer(x))


@pytest.mark.parametrize(
    ("options", "kind", "says"),
    [
        ({"dropout": 0.1}, ValueError, "dropout: not supported, expected 0, got 0.1"),
        ({"qk_norm": True}, TypeError, "qk_norm: expected a callable or None, got True"),
        ({"rotary": 10000}, TypeError, "rotary: expected a callable or None, got 10000"),
        ({"gate": "mlp"}, ValueError, "gate: expected 'input' or 'query', got 'mlp'"),
        ({"kv_heads": 0}, ValueError, "kv_heads: expected a divisor of the 4 heads, got 0"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, Any], kind: type[Exception], says: str) -> None:
    with pytest.raises(kind) as caught:
        PatternAttention(**{"dim": 32, "heads": 4, "pattern": patternc.loads(GATED), **options})
    assert says in str(caught.value)


def test_inputs_and_hooks_that_change_the_shape_are_refused() -> None:
    layer, x = built(rotary=lambda q, k, positions: (q, k[:, :1]))
    with pytest.raises(ValueError, match=r"rotary, qk_norm: expected the shapes .* got .*\(2, 1, 11, 8\)"):
        layer(x)
    with pytest.raises(ValueError, match=r"x: expected \(batch, tokens, dim 32\), got \(2, 11, 31\)"):
        layer(x[..., 1:])
    with pytest.raises(ValueError, match="q: expected an even head_dim for Rotary, got 7"):
        built(head_dim=7, rotary=Rotary())[0](x)


def test_the_state_fits_every_pattern_of_one_shape() -> None:
    one, x = built()
    other, _ = built("pattern other(r = 2) { attend gate(chunk(4), ring(r)) }")
    assert {k: v.shape for k, v in one.state_dict().items()} == {k: v.shape for k, v in other.state_dict().items()}
    torch.nn.init.ones_(other.q_proj.weight)
    other.load_state_dict(one.state_dict())
    other.pattern = one.pattern
    assert torch.equal(one(x), other(x))
    plain, windowed = built(PLAIN)[0], built("pattern w { attend window(2, 2) }")[0]
    assert list(plain.state_dict()) == list(windowed.state_dict())
    assert set(plain.state_dict()) < set(one.state_dict())


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("text", [GATED, PLAIN])
def test_the_emitted_file_has_the_same_layer(text: str, options: dict[str, Any]) -> None:
    layer, x = built(text, **options)
    emitted = layer.pattern.module().Attention(dim=32, heads=4, kv_heads=2, **options)
    emitted.load_state_dict(layer.state_dict())
    assert torch.equal(layer(x), emitted(x))
    theirs, mine = (dict(inspect.signature(type(c).__init__).parameters) for c in (emitted, layer))
    del mine["pattern"]
    if not layer.pattern.gated:
        del mine["gate"]
    assert [(p.name, p.kind, p.default) for p in theirs.values()] == [
        (p.name, p.kind, p.default) for p in mine.values()
    ]


def test_it_is_copied_and_pickled() -> None:
    layer, x = built(**OPTIONS["everything"])
    expected = layer(x)
    assert torch.equal(copy.deepcopy(layer)(x), expected)
    assert torch.equal(pickle.loads(pickle.dumps(layer))(x), expected)
