"""Tensors in every layout, and gradients that are expanded: results are those of plain tensors."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

import patternc
from tests.kernels.schedules import HEADS, pattern

N, D = 40, 16

LAYOUTS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "(B, N, H, D)": lambda x: x.transpose(1, 2).contiguous().transpose(1, 2),
    "(N, B, H, D)": lambda x: x.permute(2, 0, 1, 3).contiguous().permute(1, 2, 0, 3),
    "a slice of a wider tensor": lambda x: torch.cat([x, x + 1, x - 1], -1)[..., x.shape[-1] : -x.shape[-1]] - 1,
    "every other token of a longer one": lambda x: torch.stack([x, x + 1], 3).flatten(2, 3)[:, :, ::2],
    "the last heads of more": lambda x: torch.cat([x + 1, x], 1)[:, x.shape[1] :],
}


def outcome(name: str, inputs: list[torch.Tensor], loss: Callable[[torch.Tensor], torch.Tensor]) -> list[torch.Tensor]:
    leaves = [x.detach().requires_grad_() for x in inputs]
    out = pattern(name)(*leaves)
    return [out.detach(), *torch.autograd.grad(loss(out), leaves)]


def draw() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn((2, HEADS, N, D), generator=generator) for _ in range(3)]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["band", "residue", "columns", "blocks"])
def test_layout(name: str, layout: str) -> None:
    plain = draw()
    strided = [LAYOUTS[layout](x) for x in plain]
    for x, y in zip(plain, strided, strict=True):
        torch.testing.assert_close(x, y)
    for mine, other in zip(
        outcome(name, strided, lambda x: x.square().sum()),
        outcome(name, plain, lambda x: x.square().sum()),
        strict=True,
    ):
        torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["band", "residue"])
def test_one_key_head_expanded_to_all(name: str) -> None:
    q, k, v = draw()
    shared = [x[:, :1].expand(-1, HEADS, -1, -1) for x in (k, v)]
    mine = outcome(name, [q, *shared], lambda x: x.square().sum())
    other = outcome(name, [q, k[:, :1], v[:, :1]], lambda x: x.square().sum())
    torch.testing.assert_close(mine[:2], other[:2])
    for a, b in zip(mine[2:], other[2:], strict=True):
        torch.testing.assert_close(a.sum(1, keepdim=True), b, rtol=1e-5, atol=1e-5)


LOSSES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "a sum, whose gradient is one number": lambda x: x.sum(),
    "a mean of rows, expanded over tokens": lambda x: (x.mean(2) * torch.arange(D)).sum(),
    "one column": lambda x: x[..., 3].sum(),
    "transposed": lambda x: (x.transpose(1, 2).flatten(2) @ torch.ones(HEADS * D, 3)).sum(),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_gradient_of(loss: str) -> None:
    inputs = draw()
    mine = outcome("band", inputs, LOSSES[loss])
    leaves = [x.double().requires_grad_() for x in inputs]
    expected = torch.autograd.grad(LOSSES_DOUBLE(loss)(pattern("band").reference(*leaves)), leaves)
    for a, b in zip(mine[1:], expected, strict=True):
        torch.testing.assert_close(a.double(), b, rtol=1e-5, atol=1e-5)


def LOSSES_DOUBLE(loss: str) -> Callable[[torch.Tensor], torch.Tensor]:  # noqa: N802
    return lambda x: LOSSES[loss](x.float()).double()


ROWS, APART = 33, 2**25


def far_apart(x: torch.Tensor) -> torch.Tensor:
    """``x`` with its rows so far apart that the last one lies more than 2^31 elements behind the first.

    Of the memory between them nothing is touched, and so nothing used.
    """
    store = torch.empty(2**31 + 2**22, dtype=x.dtype)
    return store.as_strided(x.shape, (2**20, 2**30 + 2**20, APART, 1)).copy_(x)


@pytest.mark.parametrize("name", ["band", "residue", "columns", "blocks", "sink"])
def test_more_than_2_to_the_31_elements(name: str) -> None:
    generator = torch.Generator().manual_seed(3)
    plain = [torch.randn((1, HEADS, ROWS, D), generator=generator).half() for _ in range(4)]
    far = [far_apart(x) for x in plain]
    assert (ROWS - 1) * far[0].stride(2) + far[0].stride(1) > 2**31

    def run(*inputs: torch.Tensor) -> list[torch.Tensor]:
        leaves = [x.detach().requires_grad_() for x in inputs[:3]]
        out = pattern(name)(*leaves)
        return [out.detach(), *torch.autograd.grad(out, leaves, inputs[3])]

    for mine, other in zip(run(*far), run(*plain), strict=True):
        assert torch.equal(mine, other)


@pytest.mark.gpu
@pytest.mark.parametrize("text", ["window(8)", "stride(1024, 8)", "sink(2) | window(3)"])
def test_more_than_2_to_the_31_elements_on_a_gpu(text: str) -> None:
    """Tensors of 2^31 elements and some: the last tokens' results are those of a short call over them."""
    n, near = 2**25 + 17, 20000
    layer = patternc.loads(f"causal pattern long {{ attend {text} }}")
    inputs = [torch.randn((1, 1, n, 64), device="cuda", dtype=torch.bfloat16, requires_grad=True) for _ in range(3)]
    gradient = torch.randn((1, 1, n, 64), device="cuda", dtype=torch.bfloat16)
    out = layer(*inputs)
    mine = [out.detach(), *torch.autograd.grad(out, inputs, gradient)]
    # Strides keep their phase where the short call begins a multiple of the period before the end, and sinks are
    # what the long one's first tokens are.
    start = (n - near) // 1024 * 1024
    short = [torch.cat([x.detach()[:, :, :2], x.detach()[:, :, start + 2 :]], 2).requires_grad_() for x in inputs]
    again = layer(*short)
    other = [again.detach(), *torch.autograd.grad(again, short, gradient[:, :, start:])]
    for a, b in zip(mine, other, strict=True):
        torch.testing.assert_close(a[:, :, -4096:].float(), b[:, :, -4096:].float(), rtol=2e-2, atol=2e-2)
