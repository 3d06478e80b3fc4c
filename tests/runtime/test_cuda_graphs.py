"""A call that has run once is captured in a CUDA graph, forward and backward, and replayed on other numbers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

import patternc
from patternc.pattern import Pattern

TEXTS = {
    "window": "causal pattern a { attend window(70) }",
    "union": "causal pattern b { attend window(33) | stride(16) | sink(5) }",
    "gated": "causal pattern c { attend gate(window(40), stride(8)) }",
    "heads": "causal pattern d { attend heads { 0..2 : window(50)  2..4 : chunk(64) | columns(32, 1) } }",
    "documents": "causal pattern e { attend per_document(window(40)) }",
}
N, HEADS, KV_HEADS, DIM = 1024, 4, 2, 64

pytestmark = pytest.mark.gpu


def draw(pattern: Pattern) -> list[torch.Tensor]:
    shapes = [(2, HEADS, N, DIM), (2, KV_HEADS, N, DIM), (2, KV_HEADS, N, DIM)]
    tensors = [torch.randn(shape, device="cuda", dtype=torch.bfloat16) for shape in shapes]
    return [*tensors, torch.randn(2, HEADS, N, pattern.branches, device="cuda")] if pattern.gated else tensors


def capture(function: Callable[[], list[torch.Tensor]]) -> tuple[torch.cuda.CUDAGraph, list[torch.Tensor]]:
    """The graph of a call, which runs on the side before, as PyTorch's notes on CUDA graphs have it."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            function()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        outputs = function()
    return graph, outputs


@pytest.mark.parametrize("descriptors", [False, True], ids=["pointers", "descriptors"])
@pytest.mark.parametrize("name", TEXTS)
def test_forward_and_backward_are_captured(name: str, descriptors: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    pattern = patternc.loads(TEXTS[name])
    monkeypatch.setattr(pattern.module(HEADS), "DESCRIPTORS", descriptors)
    options = {"cu_seqlens": torch.tensor([0, 300, 301, N], device="cuda")} if pattern.needs_documents else {}
    held = [x.requires_grad_() for x in draw(pattern)]
    do = torch.randn_like(held[0])

    def call(inputs: list[torch.Tensor]) -> list[torch.Tensor]:
        out = pattern(*inputs, **options)
        return [out, *torch.autograd.grad(out, inputs, do)]

    graph, outputs = capture(lambda: call(held))
    for _ in range(2):
        fresh = draw(pattern)
        for x, y in zip(held, fresh, strict=True):
            x.data.copy_(y)
        for x in outputs:
            x.data.fill_(float("nan"))
        graph.replay()
        expected = call([x.requires_grad_() for x in fresh])
        assert all(torch.equal(a, b) for a, b in zip(outputs, expected, strict=True))


@pytest.mark.parametrize("name", TEXTS)
def test_a_forward_without_gradients_is_captured(name: str) -> None:
    pattern = patternc.loads(TEXTS[name])
    options = {"cu_seqlens": torch.tensor([0, 300, 301, N], device="cuda")} if pattern.needs_documents else {}
    held = draw(pattern)
    graph, (out,) = capture(lambda: [pattern(*held, **options)])
    for x, y in zip(held, fresh := draw(pattern), strict=True):
        x.copy_(y)
    out.fill_(float("nan"))
    graph.replay()
    assert torch.equal(out, pattern(*fresh, **options))


def test_a_layer_is_graphed_by_torch() -> None:
    layer = patternc.nn.PatternAttention(128, HEADS, KV_HEADS, pattern=patternc.loads(TEXTS["gated"])).cuda()
    x = torch.randn(2, N, 128, device="cuda", requires_grad=True)
    (expected,) = torch.autograd.grad(layer(x).square().sum(), x)
    graphed = torch.cuda.make_graphed_callables(layer, (x.detach().clone().requires_grad_(),))
    (got,) = torch.autograd.grad(graphed(x).square().sum(), x)
    torch.testing.assert_close(got, expected)


def test_compiled_code_with_its_own_graphs() -> None:
    """`mode="reduce-overhead"` captures what Inductor compiled, operators of the pattern among it."""
    pattern = patternc.loads(TEXTS["union"])
    compiled = torch.compile(lambda *a: pattern(*a).relu(), fullgraph=True, mode="reduce-overhead")
    for _ in range(4):
        inputs = draw(pattern)
        torch.testing.assert_close(compiled(*inputs), pattern(*inputs).relu(), rtol=0, atol=0)
