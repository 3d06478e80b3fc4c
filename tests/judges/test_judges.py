"""Masks of other projects at their shapes, under their own rules for the error."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
import torch

import patternc
from patternc.pattern import Pattern
from tests.judges.judges import JUDGES, mask
from tests.rules import assert_close

SHAPES = [(1, 1), (64, 128), (113, 203), (239, 1), (799, 3), (108, 256)]
LARGE = [(1023, 1024), (4224, 4224)]
SMALL = [(1, 1), (37, 45), (45, 1)]
"""For the interpreter."""


@cache
def pattern(name: str) -> Pattern:
    return patternc.loads(JUDGES[name].text)


def dense(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, seen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention under a mask (heads, nq, nk), in the precision of the tensors; rows without keys give 0 and -inf."""
    group = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
    some = seen.any(-1, keepdim=True)
    scores = (q @ k.transpose(-1, -2)) * q.shape[-1] ** -0.5
    scores = scores.masked_fill(~seen, float("-inf")).masked_fill(~some, 0.0)
    lse = torch.logsumexp(scores, -1).masked_fill(~some[..., 0], float("-inf"))
    return torch.softmax(scores, -1).masked_fill(~some, 0.0) @ v, lse


def judged(
    name: str,
    nq: int,
    nk: int,
    *,
    kernels: bool,
    batch: int = 1,
    heads: int = 4,
    kv_heads: int = 4,
    dim: int = 64,
    device: str = "cpu",
) -> None:
    """The pattern has the judge's mask, and errors within the judge's rule, in half precision."""
    ends = (0, nk // 3, nk // 3 + 1, nk) if nk > 3 else (0, nk)
    p = pattern(name)
    options = {"cu_seqlens": torch.tensor(ends, device=device)} if p.needs_documents else {}
    seen = mask(JUDGES[name], heads, nq, nk, ends)
    assert torch.equal(p.mask(nk, heads, nq=nq, device=device, **options)[0].cpu(), seen)
    seen = seen.to(device)
    generator = torch.Generator().manual_seed(nq * 10007 + nk)

    def draw(h: int, n: int) -> torch.Tensor:
        return torch.randn((batch, h, n, dim), generator=generator).half().to(device)

    inputs = [draw(heads, nq), draw(kv_heads, nk), draw(kv_heads, nk)]
    gradient = draw(heads, nq)
    module = p.module(heads)

    def outcome(dtype: torch.dtype, *, own: bool) -> list[torch.Tensor]:
        leaves = [x.to(dtype).requires_grad_() for x in inputs]
        before, module.INTERPRETED = module.INTERPRETED, kernels and device == "cpu"
        try:
            out, lse = module.attention(*leaves, return_lse=True, **options) if own else dense(*leaves, seen)
            return [out, lse, *torch.autograd.grad(out, leaves, gradient.to(dtype))]
        finally:
            module.INTERPRETED = before

    got, eager, exact = outcome(torch.half, own=True), outcome(torch.half, own=False), outcome(torch.double, own=False)
    names = ("output", "log-sum-exp", "gradient of q", "gradient of k", "gradient of v")
    for what, mine, theirs, truth in zip(names, got, eager, exact, strict=True):
        assert_close(f"{what}, {nq} x {nk}", mine, theirs, truth, mean=1.1, largest=2.0, terms=max(nq, nk))


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize("name", JUDGES)
def test_cpu(name: str, shape: tuple[int, int]) -> None:
    judged(name, *shape, kernels=False, dim=32)


@pytest.mark.slow
@pytest.mark.parametrize("shape", LARGE, ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize("name", JUDGES)
def test_cpu_large(name: str, shape: tuple[int, int]) -> None:
    judged(name, *shape, kernels=False, heads=3, kv_heads=3, dim=16)


@pytest.mark.parametrize("shape", SMALL, ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize("name", JUDGES)
def test_kernels(name: str, shape: tuple[int, int]) -> None:
    judged(name, *shape, kernels=True, heads=3, kv_heads=3, dim=16)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(113, 203), (239, 1), (108, 256)], ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize("name", JUDGES)
def test_kernels_at_the_judges_shapes(name: str, shape: tuple[int, int]) -> None:
    judged(name, *shape, kernels=True, heads=4, kv_heads=2, dim=64)


@pytest.mark.gpu
@pytest.mark.parametrize("shape", [*SHAPES, *LARGE], ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize("name", JUDGES)
def test_gpu(name: str, shape: tuple[int, int]) -> None:
    judged(name, *shape, kernels=True, heads=6, kv_heads=3, device="cuda")


@pytest.mark.gpu
@pytest.mark.parametrize("kv_heads", [8, 4, 2])
@pytest.mark.parametrize("name", JUDGES)
def test_gpu_full_size(name: str, kv_heads: int) -> None:
    judged(name, 2048, 2048, kernels=True, batch=4, heads=8, kv_heads=kv_heads, device="cuda")


@pytest.mark.parametrize("kv_heads", [2, 1])
@pytest.mark.parametrize("name", ["sliding window", "a third of the heads each", "documents"])
def test_grouped_heads(name: str, kv_heads: int) -> None:
    judged(name, 70, 131, kernels=False, batch=2, heads=4, kv_heads=kv_heads)
    judged(name, 33, 40, kernels=True, heads=4, kv_heads=kv_heads, dim=16)


@pytest.mark.parametrize("name", ["causal", "sliding window", "dilated sliding window", "prefix"])
@pytest.mark.parametrize(
    "size", [(1, 2, 300), pytest.param((4, 8, 2048), marks=pytest.mark.slow)], ids=["reduced", "B4 H8 S2048 D64"]
)
def test_full_size(name: str, size: tuple[int, int, int]) -> None:
    batch, heads, n = size
    judged(name, n, n, kernels=False, batch=batch, heads=heads, kv_heads=heads)


@pytest.mark.parametrize("kernels", [True, False], ids=["kernels", "cpu"])
@pytest.mark.parametrize("shape", [(45, 45), (20, 45)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_a_window_and_its_complement_are_causal_attention(shape: tuple[int, int], kernels: bool) -> None:
    """Merged by their log-sum-exps, with the gradients of everything."""
    nq, nk = shape
    near = patternc.loads("causal pattern near(w = 9) { attend window(w) }")
    far = patternc.loads("causal pattern far(w = 9) { attend full - window(w) }")
    whole = patternc.loads("causal pattern whole { attend full }")
    generator = torch.Generator().manual_seed(5)
    inputs = [torch.randn((2, h, n, 16), generator=generator) for h, n in ((4, nq), (2, nk), (2, nk))]
    slopes = torch.randn((2, 4, nq), generator=generator)
    gradient = torch.randn((2, 4, nq, 16), generator=generator)

    def call(p: Pattern, *leaves: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        module = p.module(4)
        before, module.INTERPRETED = module.INTERPRETED, kernels
        try:
            return module.attention(*leaves, return_lse=True)
        finally:
            module.INTERPRETED = before

    def merged(*leaves: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        (a, lse_a), (b, lse_b) = call(near, *leaves), call(far, *leaves)
        lse = torch.logaddexp(lse_a, lse_b)
        return a * (lse_a - lse).exp()[..., None] + b * (lse_b - lse).exp()[..., None], lse

    def outcome(function: Callable[..., tuple[torch.Tensor, torch.Tensor]]) -> list[torch.Tensor]:
        leaves = [x.clone().requires_grad_() for x in inputs]
        out, lse = function(*leaves)
        return [out, lse, *torch.autograd.grad([out, lse], leaves, [gradient, slopes])]

    for mine, truth in zip(outcome(merged), outcome(lambda *x: call(whole, *x)), strict=True):
        torch.testing.assert_close(mine, truth, rtol=1e-4, atol=1e-5)
