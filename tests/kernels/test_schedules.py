"""Forward and backward of every schedule against the dense reference: lengths, head dimensions, dtypes, layouts."""

from __future__ import annotations

import pytest
import torch

from tests.kernels.schedules import DOCUMENTS, HEADS, PATTERNS, check, pattern

KINDS = {"band": "band", "residue": "residue", "residue_hops": "residue", "columns": "columns", "blocks": "blocks"}

CASES = {
    "one token": dict(nq=1, nk=1, head_dim=8),
    "odd length, grouped heads, float16": dict(nq=17, nk=17, kv_heads=1, head_dim=24, dtype="float16"),
    "one beyond a tile, (B, N, H, D), bfloat16": dict(nq=33, nk=33, head_dim=16, dtype="bfloat16", transposed=True),
    "two tiles and one": dict(nq=65, nk=65, kv_heads=1, head_dim=8),
    "one query against a cache": dict(nq=1, nk=40, head_dim=16),
    "a chunk of queries, large scores": dict(nq=9, nk=40, kv_heads=1, head_dim=8, magnitude=30.0),
    "more queries than keys": dict(nq=40, nk=17, head_dim=8),
    "padding": dict(nq=33, nk=33, kv_heads=1, head_dim=8, batch=2, lengths=(0, 19), transposed=True),
}
JOINED = ("union", "gate", "heads", "documents")
"""Patterns of several parts, which the interpreter takes long for."""


@pytest.mark.parametrize("name", KINDS)
def test_schedule_is_what_it_is_called(name: str) -> None:
    assert [p.name for p in pattern(name).module(HEADS).PARTS] == [KINDS[name]]


@pytest.mark.parametrize("given", CASES.values(), ids=CASES)
@pytest.mark.parametrize("name", [name for name in PATTERNS if name not in JOINED])
def test_case(name: str, given: dict[str, object]) -> None:
    check(name, **given)


@pytest.mark.parametrize("given", [CASES[c] for c in list(CASES)[1::2]], ids=list(CASES)[1::2])
@pytest.mark.parametrize("name", JOINED)
def test_joined_case(name: str, given: dict[str, object]) -> None:
    check(name, **given)


@pytest.mark.parametrize("head_dim", [1, 5, 32, 40, 80, 128, 192, 256])
@pytest.mark.parametrize("name", ["band", "residue", "columns", "blocks"])
def test_head_dimension(name: str, head_dim: int) -> None:
    check(name, nq=33, nk=33, head_dim=head_dim, dtype="float16")


@pytest.mark.parametrize("n", [2, 5, 31, 32, 64])
@pytest.mark.parametrize("name", ["band", "residue", "columns", "blocks"])
def test_boundary(name: str, n: int) -> None:
    check(name, nq=n, nk=n, head_dim=8)


@pytest.mark.parametrize("name", PATTERNS)
def test_two_runs_are_bit_equal(name: str) -> None:
    module = pattern(name).module(HEADS)
    generator = torch.Generator().manual_seed(1)
    n = 40

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float32).half().requires_grad_()

    inputs = [draw(2, HEADS, n, 16), draw(2, 2, n, 16), draw(2, 2, n, 16)]
    if module.BRANCHES > 1:
        inputs.append(draw(2, HEADS, n, module.BRANCHES))
    ends = {"cu_seqlens": torch.tensor(DOCUMENTS[n])} if module.DOCUMENTS else {}

    def run() -> list[torch.Tensor]:
        out, lse = module.attention(*inputs, return_lse=True, **ends)
        total = out.float().square().sum() + lse.masked_fill(torch.isinf(lse), 0.0).square().sum()
        return [out, lse, *torch.autograd.grad(total, inputs)]

    for first, second in zip(run(), run(), strict=True):
        assert torch.equal(first, second)
