"""A test of the tests: with any bound of an emitted kernel moved by one, one of a few small cases fails."""

from __future__ import annotations

from types import ModuleType

import pytest
import torch

import patternc
from patternc.runtime import loader
from tests.fuzz.checks import forgetting
from tests.kernels.mutants import Mutant, mutants

# Windows reach 14 = 2 * 8 - 2 back, so that tiles of 8 x 8 which miss being full by one pair come up.
PATTERNS = {
    "window": ("causal pattern m { attend window(14) }", 1),
    "stride": ("causal pattern m { attend stride(3, 14, 2) }", 3),
    "sink": ("causal pattern m { attend sink(15) | window(14) }", 1),
    "columns": ("causal pattern m { attend columns(5, 4, 2) }", 1),
    "chunk": ("pattern m { attend chunk(6, 1) }", 1),
}
CASES = [(33, 33), (19, 33), (27, 27), (20, 33), (12, 33), (31, 33), (60, 79), (54, 54), (24, 24)]
"""Queries and keys."""


def draw(nq: int, nk: int) -> tuple[list[torch.Tensor], torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    inputs = [torch.randn((1, 1, n, 8), generator=generator, requires_grad=True) for n in (nq, nk, nk)]
    return inputs, torch.randn((1, 1, nq, 8), generator=generator)


def fails(module: ModuleType, nq: int, nk: int) -> bool:
    """Whether the kernels differ from the reference in the output or a gradient."""
    inputs, gradient = draw(nq, nk)
    out, lse = module.attention(*inputs, return_lse=True)
    expected, expected_lse = module.reference(*inputs, return_lse=True)
    if not same(out, expected) or not same(lse, expected_lse):
        return True
    mine, truth = (torch.autograd.grad(x, inputs, gradient) for x in (out, expected))
    return not all(same(a, b) for a, b in zip(mine, truth, strict=True))


def same(mine: torch.Tensor, truth: torch.Tensor) -> bool:
    return torch.allclose(mine, truth, rtol=1e-3, atol=1e-3)


def caught(mutant: Mutant) -> bool:
    with forgetting():
        module = loaded(mutant.text)
        return any(fails(module, *case) for case in CASES)


def loaded(text: str) -> ModuleType:
    module = loader.load("mutant", text)
    module.tiling = lambda *_, **__: module.Tiling(8, 8, 4, 1)
    return module


@pytest.mark.parametrize("part", [0, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", PATTERNS)
def test_every_moved_bound_is_caught(name: str, part: int) -> None:
    """Every other one in the ordinary run."""
    source, period = PATTERNS[name]
    text = patternc.loads(source).emit()
    assert not any(fails(loaded(text), *case) for case in CASES)
    found = list(mutants(text, period))
    assert len(found) >= 20
    survivors = [str(m) for m in found[part::2] if not caught(m)]
    assert not survivors, "\n".join(survivors)
