"""Gradients of the first keys, which most queries see: summed in slices of the queries, and then over the slices."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import patternc
from patternc.runtime.testing import Case, counted, poisoned
from tests.fuzz.checks import NAMES, outcome
from tests.rules import assert_close

HEADS = 2
SLICED = {
    "beside a window": "causal pattern a { attend sink(3) | window(6) }",
    "of both sides": "pattern a { attend sink(3) | window(4, 9) }",
    "alone in a gate": "causal pattern a { attend gate(window(6), sink(2)) }",
    "added to a stride's": "causal pattern a { attend sink(2) | window(4) | stride(7) }",
    "more than a tile": "causal pattern a { attend sink(70) | window(3) }",
    "not from 0 on": "causal pattern a { attend where(k >= 2 and k < 9) | window(5) }",
    "of one head": "causal pattern a { attend heads { 0..1 : sink(5) | window(3); else : window(8) } }",
    "other ones a head": "causal pattern a { attend sink(3 + 40 * h) | window(3) }",
    "who see all, too": "pattern a { attend global(3) | window(4, 4) }",
}
NOT_SLICED = {
    "a window": "causal pattern a { attend window(6) }",
    "dense": "causal pattern a { attend causal }",
    "sinks of dense attention": "pattern a { attend sink(3) | causal }",
    "sinks of documents": "causal pattern a { attend per_document(sink(3)) | per_document(window(2)) }",
    "keys far from the first": "causal pattern a { attend where(k >= 100000 and k < 100010) | window(5) }",
    "a stride": "causal pattern a { attend stride(3) }",
    "columns": "causal pattern a { attend columns(5) }",
}
CASES = {
    "a length of its own": dict(nq=77, nk=77, head_dim=8),
    "heads share keys": dict(nq=65, nk=65, kv_heads=1, head_dim=16, dtype="bfloat16"),
    "a chunk of queries": dict(nq=40, nk=90, head_dim=8),
    "more queries than keys": dict(nq=90, nk=21, head_dim=8),
    "padding": dict(nq=66, nk=66, kv_heads=1, head_dim=8, batch=2, lengths=(0, 50)),
}


def _call(text: str, **given: object) -> tuple[patternc.Pattern, Case]:
    kv_heads = given.pop("kv_heads", HEADS)
    assert isinstance(kv_heads, int)
    return patternc.loads(text), Case(values=(), kv_heads=kv_heads, group=HEADS // kv_heads, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("given", CASES.values(), ids=CASES)
@pytest.mark.parametrize("text", SLICED.values(), ids=SLICED)
def test_sums_of_slices(text: str, given: dict[str, object]) -> None:
    pattern, case = _call(text, **given)
    module = pattern.module(HEADS)
    dtype = getattr(torch, case.dtype)
    with poisoned(), counted(module) as launches:
        got = outcome(module.attention, case, HEADS, pattern.branches, dtype)
    assert launches["sum_slices"] == 1
    eager = outcome(module.reference, case, HEADS, pattern.branches, dtype)
    exact = outcome(module.reference, case, HEADS, pattern.branches, torch.float64)
    for what, mine, theirs, truth in zip(NAMES, got, eager, exact, strict=False):
        assert_close(what, mine, theirs, truth, scores=case.magnitude)


@pytest.mark.parametrize("text", NOT_SLICED.values(), ids=NOT_SLICED)
def test_nothing_else_is_sliced(text: str) -> None:
    module = patternc.loads(text).module(HEADS)
    assert not hasattr(module, "sum_slices")
    assert not any(getattr(part, "sinks", 0) for part in module.PARTS)


def test_short_sequences_have_one_slice() -> None:
    pattern, case = _call(SLICED["beside a window"], nq=31, nk=31, head_dim=8)
    with counted(pattern.module(HEADS)) as launches:
        outcome(pattern.module(HEADS).attention, case, HEADS, 1, torch.float32)
    assert launches == {"band_forward": 1, "band_backward_q": 1, "band_backward_kv": 1}


@pytest.mark.parametrize(
    ("heads", "n", "served", "slices"),
    [
        (16, 2**14, 1, 1),  # 16 heads keep 256 programs busy as long as the first keys take
        (15, 2**16, 1, 3),
        (4, 2**20, 1, 8),
        (4, 2**20, 4, 8),  # who shares keys has more of either
        (1, 2**30, 1, 32),
        (1, 2**14, 1, 8),  # of 2048 queries each
        (64, 2**20, 1, 1),
    ],
)
def test_number_of_slices(heads: int, n: int, served: int, slices: int, monkeypatch: pytest.MonkeyPatch) -> None:
    module = patternc.loads("causal pattern a { attend sink(4) | window(1024) }").module(1)
    monkeypatch.setattr(module, "SLICE_QUERIES", 2048)
    (part,) = module.PARTS
    q, k = (torch.empty(1, h, 1, 8).expand(-1, -1, n, -1) for h in (heads * served, heads))
    assert module._slices(module._Call(q, k, k, 1.0, None), part, heads, served) == slices


def test_memory_of_slices_has_a_bound() -> None:
    """However long the sequence is, and however many rows and heads there are."""
    module = patternc.loads("causal pattern a { attend sink(4) | window(59) }").module(1)
    (part,) = module.PARTS
    assert part.span == 64

    def slices(batch: int, heads: int, n: int) -> int:
        x = torch.empty(batch, heads, 1, 128).expand(-1, -1, n, -1)
        each = module._slices(module._Call(x, x, x, 1.0, None), part, heads, 1)
        return batch * heads * each if each > 1 else 0

    assert max(slices(b, h, n) for b in (1, 3, 64) for h in (1, 8, 128) for n in (2**14, 2**22, 2**30)) <= 2 * 1024


@pytest.mark.gpu
@pytest.mark.parametrize("kv_heads", [1, 2])
@pytest.mark.parametrize("text", SLICED.values(), ids=SLICED)
def test_sums_of_slices_on_a_gpu(text: str, kv_heads: int) -> None:
    """More than two slices of thousands of queries, twice the same bits."""
    pattern, n = patternc.loads(text), 7000
    module = pattern.module(HEADS)
    generator = torch.Generator("cuda").manual_seed(n)

    def draw(heads: int, columns: int, dtype: torch.dtype = torch.bfloat16) -> torch.Tensor:
        return torch.randn(1, heads, n, columns, generator=generator, device="cuda").to(dtype)

    given = [draw(HEADS, 64), draw(kv_heads, 64), draw(kv_heads, 64)]
    given += [draw(HEADS, pattern.branches, torch.float32)] * (pattern.branches > 1)
    slope = draw(HEADS, 64)

    def run(function: Any, dtype: torch.dtype | None = None) -> list[torch.Tensor]:
        leaves = [x.to(dtype or x.dtype).detach().requires_grad_() for x in given]
        return list(torch.autograd.grad(function(*leaves), leaves, slope.to(dtype or slope.dtype)))

    with poisoned(), counted(module) as launches:
        mine = run(module.attention)
    assert launches["sum_slices"] == 1
    assert all(map(torch.equal, mine, run(module.attention)))
    eager, exact = run(module.reference), run(module.reference, torch.float64)
    for what, x, other, truth in zip(NAMES[2:], mine, eager, exact, strict=False):
        assert_close(what, x, other, truth)
