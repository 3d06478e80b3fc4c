"""Calls that cannot be served are refused: the argument, what was expected and what came."""

from __future__ import annotations

import pytest
import torch

import patternc

GATED = "causal pattern gated(l = 3, p = 4) { attend gate(window(l), stride(p)) }"

HEADS_THAT_DIFFER = "heads { 0..1 : gate(window(3), stride(4)); else : window(5) }"


def tensors(
    heads: int = 4, kv: int = 2, n: int = 8, dim: int = 16, dtype: torch.dtype = torch.float32
) -> list[torch.Tensor]:
    q, k = torch.randn(1, heads, n, dim, dtype=dtype), torch.randn(1, kv, n, dim, dtype=dtype)
    return [q, k, k.clone(), torch.randn(1, heads, n, 2)]


@pytest.mark.parametrize(
    ("change", "kind", "says"),
    [
        (lambda a: a[:3], ValueError, "gate: gated has 2 branches and needs logits (1, 4, 8, 2); got None"),
        (lambda a: [*a[:3], a[3][..., :1]], ValueError, "gate: expected logits (1, 4, 8, 2), got (1, 4, 8, 1)"),
        (lambda a: [a[0].double(), *a[1:]], TypeError, "q: expected float32, bfloat16 or float16, got torch.float64"),
        (
            lambda a: [a[0], a[1].half(), *a[2:]],
            TypeError,
            "k: expected the dtype of q, torch.float32, got",
        ),
        (
            lambda a: [a[0][:, :3], *a[1:3], a[3][:, :3]],
            ValueError,
            "q: expected a number of heads that 2 key heads",
        ),
        (lambda a: [a[0], a[1][..., :8], *a[2:]], ValueError, "k: expected (batch 1, kv heads, tokens, head_dim 16)"),
        (lambda a: [a[0], a[1], a[2][:, :, :5], a[3]], ValueError, "v: expected the shape of k, (1, 2, 8, 16)"),
        (lambda a: [a[0][0], *a[1:]], ValueError, "q: expected 4 axes"),
        (lambda a: [a[0].transpose(2, 3), *a[1:]], ValueError, "q: expected 1 as the last stride"),
        (lambda a: [None, *a[1:]], TypeError, "q: expected a tensor, got NoneType"),
        (lambda a: [a[0].to_sparse(), *a[1:]], TypeError, "q: expected a dense tensor, got layout torch.sparse_coo"),
    ],
)
def test_calls_that_cannot_be_served_say_which_argument_and_why(change: object, kind: type, says: str) -> None:
    with pytest.raises(kind) as caught:
        patternc.loads(GATED)(*change(tensors()))  # type: ignore[operator]
    assert says in str(caught.value)


@pytest.mark.parametrize("option", [{"dropout": 0.1}, {"softcap": 30.0}, {"attn_mask": torch.ones(1)}])
def test_options_that_no_kernel_has_are_refused(option: dict[str, object]) -> None:
    name = next(iter(option))
    with pytest.raises((TypeError, ValueError), match=name):
        patternc.loads(GATED)(*tensors(), **option)  # type: ignore[arg-type]


def test_documents_are_needed_exactly_where_the_pattern_speaks_of_them() -> None:
    documents = patternc.loads("pattern docs(l = 2) { attend per_document(window(l)) }")
    q, k, v, gate = tensors()
    with pytest.raises(ValueError, match="cu_seqlens: docs speaks of documents"):
        documents(q, k, v)
    with pytest.raises(ValueError, match="cu_seqlens: expected numbers that grow from 0 to 8"):
        documents(q, k, v, cu_seqlens=torch.tensor([0, 5, 3, 8]))
    with pytest.raises(ValueError, match="cu_seqlens: gated has no documents"):
        patternc.loads(GATED)(q, k, v, gate, cu_seqlens=torch.tensor([0, 8]))


def test_a_module_matches_its_pattern_and_refuses_numbers_that_do_not_fit() -> None:
    pattern = patternc.loads(GATED)
    layer = patternc.nn.PatternAttention(dim=32, heads=4, kv_heads=2, pattern=pattern, head_dim=16, bias=True)
    x = torch.randn(2, 9, 32, requires_grad=True)
    layer(x).sum().backward()
    assert x.grad is not None
    assert layer.q_proj.bias is not None
    assert layer.k_proj.out_features == 32
    with pytest.raises(ValueError, match="kv_heads: expected a divisor of the 4 heads, got 3"):
        patternc.nn.PatternAttention(dim=32, heads=4, kv_heads=3, pattern=pattern)
    with pytest.raises(ValueError, match="heads: expected a divisor of dim 30"):
        patternc.nn.PatternAttention(dim=30, heads=4, pattern=pattern)


def test_hostile_names_reach_the_emitted_file_only_as_names() -> None:
    comment = '# """; import os; os.system("x")'
    text = f"causal pattern __import__(exec = 3, os = 4) {{ {comment}\n attend window(exec) | stride(os) }}"
    emitted = patternc.loads(text).emit()
    assert "os.system" not in emitted
    assert 'NAME = "__import__"' in emitted
    compile(emitted, "emitted", "exec")


def test_a_layout_that_was_served_speaks_for_itself_alone() -> None:
    """Calls are not looked at again where the layouts of all tensors are those of one that was served."""
    attention = patternc.loads(GATED)
    with torch.no_grad():
        for _ in range(2):
            attention(*tensors())
            for wrong in (tensors(n=9)[:3] + tensors()[3:], tensors()[:1] + tensors(kv=4)[1:2] + tensors()[2:]):
                with pytest.raises(ValueError, match=r"gate: expected logits|v: expected the shape of k"):
                    attention(*wrong)


@pytest.mark.parametrize("heads", ["gate(window(3), stride(4))", HEADS_THAT_DIFFER])
@pytest.mark.parametrize("scale", [1.0, 60.0])
def test_a_gate_without_gradients_weighs_as_with_them(heads: str, scale: float) -> None:
    """Where nothing is kept the kernels take the softmax of the logits themselves."""
    module = patternc.loads(f"causal pattern gated {{ attend {heads} }}").module(4)
    q, k, v, gate = tensors(n=37)
    gate = gate * scale
    gate[:, :, ::3, 1] = float("-inf")
    for logits in (gate, gate.to(torch.bfloat16), gate.double(), gate.movedim(-1, 0).contiguous().movedim(0, -1)):
        expected = module.reference(q, k, v, logits)
        with torch.no_grad():
            alone = module.attention(q, k, v, logits)
        kept, _ = module.attention(q, k, v, logits, return_lse=True)
        torch.testing.assert_close(alone, expected, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(alone, kept, atol=1e-6, rtol=1e-6)


def test_missing_branches_take_no_weight_where_no_head_has_them() -> None:
    text = "causal pattern p { attend heads { 0..2 : full  else : gate(window(1), sink(1), none) } }"
    pattern = patternc.loads(text)
    q, k, v = torch.randn(1, 2, 7, 16), torch.randn(1, 2, 7, 16), torch.randn(1, 2, 7, 16)
    expected = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    for function in (pattern, pattern.reference):
        torch.testing.assert_close(function(q, k, v, torch.randn(1, 2, 7, 3)), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "text",
    [
        GATED,
        "pattern dilated(w = 2, d = 3) { attend stride(d) & window(w * d, w * d) | columns(5, 2) }",
        "pattern edges { attend where(max(0, min(q - 2, n - 5)) <= k and k <= min(q + 3, n - 1)) }",
        "causal pattern by_head { attend heads { 0..1 : window(3)  1..4 : chunk(4) | sink(1) } }",
    ],
)
def test_another_default_device_changes_nothing(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is made beside the tensors of a call lies where they are."""
    pattern = patternc.loads(text)
    monkeypatch.setattr(pattern.module(4), "INTERPRETED", False)
    q, k, v, gate = (x.requires_grad_() for x in tensors(n=24))
    given = (q, k, v, gate) if pattern.gated else (q, k, v)
    layer = patternc.nn.PatternAttention(32, 4, 2, pattern=pattern).eval()
    x, seen = torch.randn(1, 6, 32), []
    for device in ("cpu", "meta"):
        with torch.device(device):
            out = pattern(*given)
            exact = pattern.reference(*given)
            gradients = torch.autograd.grad(out.square().sum(), given)
            made = [out, exact, *gradients, pattern.mask(24, 4, device="cpu"), layer(x)]
            if text.startswith("causal"):
                with torch.no_grad():
                    cache = layer.make_cache(1, 8)
                    made += [layer(x[:, :5], cache=cache), layer(x[:, 5:], cache=cache)]
        seen.append(made)
    assert all(torch.equal(a, b) for a, b in zip(*seen, strict=True))
