"""What the numbers in the tensors may be: empty rows, large scores, what is not finite, padding."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

import patternc
from tests.kernels.schedules import DOCUMENTS, HEADS, PATTERNS, case, check, pattern

PATHS = pytest.mark.parametrize("kernels", [True, False], ids=["kernels", "cpu"])
NAN, INF = math.nan, math.inf


def run(p: patternc.Pattern, inputs: list[torch.Tensor], kernels: bool, **options: Any) -> list[torch.Tensor]:
    """Output, log-sum-exp and the gradients of the inputs."""
    module = p.module(inputs[0].shape[1])
    leaves = [x.detach().requires_grad_() for x in inputs]
    gradient = options.pop("gradient", torch.ones_like(inputs[0]))
    before, module.INTERPRETED = module.INTERPRETED, kernels
    try:
        out, lse = module.attention(*leaves, return_lse=True, **options)
        slopes = torch.ones_like(lse)
        return [out.detach(), lse.detach(), *torch.autograd.grad([out, lse], leaves, [gradient, slopes])]
    finally:
        module.INTERPRETED = before


def draw(n: int, nk: int | None = None, heads: int = HEADS, branches: int = 1, dim: int = 8) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(n)
    shapes = [(1, heads, n, dim), (1, heads, nk or n, dim), (1, heads, nk or n, dim)]
    inputs = [torch.randn(s, generator=generator) for s in shapes]
    return inputs + ([torch.randn((1, heads, n, branches), generator=generator)] if branches > 1 else [])


@PATHS
@pytest.mark.parametrize("relation", ["none", "stride(3, all, 4)", "window(5) & columns(7, 6)", "where(q % 3 == 1)"])
def test_rows_without_keys(relation: str, kernels: bool) -> None:
    """Output 0, log-sum-exp -inf, gradients 0, never NaN, whatever gradient comes for the log-sum-exp."""
    p = patternc.loads(f"pattern sparse {{ attend {relation} }}")
    inputs = draw(40)
    out, lse, dq, dk, dv = run(p, inputs, kernels)
    mask = p.mask(40, HEADS)[0]
    empty, unseen = ~mask.any(-1)[None], ~mask.any(-2)[None]
    assert empty.any()
    assert (out[empty] == 0).all()
    assert torch.equal(torch.isinf(lse), empty)
    assert (lse[empty] < 0).all()
    assert (dq[empty] == 0).all()
    assert (dk[unseen] == 0).all()
    assert (dv[unseen] == 0).all()
    assert all(torch.isfinite(x).all() for x in (out, dq, dk, dv))


@PATHS
def test_empty_branch_contributes_nothing_at_its_weight(kernels: bool) -> None:
    p = patternc.loads("causal pattern gated { attend gate(window(3), stride(4, all, 4)) }")
    q, k, v, gate = draw(20, branches=2)
    out, lse, _, _, _, dgate = run(p, [q, k, v, gate], kernels)
    alone, _ = patternc.loads("causal pattern one { attend window(3) }")(q, k, v, return_lse=True)
    assert torch.isinf(lse[:, :, :4, 1]).all()
    weight = torch.softmax(gate, -1)[..., 0, None]
    torch.testing.assert_close(out[:, :, :4], (weight * alone)[:, :, :4])
    assert torch.isfinite(dgate).all()


@pytest.mark.parametrize("logit", [20.0, 500.0, INF])
def test_a_closed_branch_passes_on_the_gradient_of_its_log_sum_exp(logit: float) -> None:
    """The kernels fold a weight into the exponent; one of 0 must not take the log-sum-exp's gradient with it."""
    p = patternc.loads("causal pattern gated { attend gate(window(3), stride(4)) }")
    q, k, v, gate = draw(20, branches=2)
    gate[:, :, ::2, 1] = -logit
    kernels, cpu = (run(p, [q, k, v, gate], kernels) for kernels in (True, False))
    for mine, theirs in zip(kernels, cpu, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)
    closed = run(patternc.loads("causal pattern alone { attend stride(4) }"), [q, k, v], False, gradient=0 * q)
    assert closed[2].abs().sum() > 0  # the second branch's log-sum-exp alone has a gradient


@pytest.mark.parametrize("name", ["band", "residue", "columns", "blocks", "union", "gate"])
def test_scores_of_magnitude_10000(name: str) -> None:
    """Nothing overflows: probabilities are 0 or 1 then, and the reference is as far off as the kernels."""
    p = pattern(name)
    inputs = [x.half() for x in draw(33, branches=p.branches, dim=16)]
    inputs[0] *= 1e4 / float((inputs[0].double() @ inputs[1].double().transpose(-1, -2)).abs().max()) * 4.0
    scores = inputs[0].double() @ inputs[1].double().transpose(-1, -2) * 0.25
    assert float(scores.abs().max()) > 9e3
    got = run(p, inputs, kernels=True)
    assert all(torch.isfinite(x).all() for i, x in enumerate(got) if i != 1)
    expected = p.reference(*(x.double() for x in inputs))
    torch.testing.assert_close(got[0].double(), expected, rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("magnitude", [1e-4, 100.0])
@pytest.mark.parametrize("name", ["band", "residue", "union"])
def test_small_and_large_scores(name: str, magnitude: float) -> None:
    check(name, nq=33, nk=33, head_dim=16, magnitude=magnitude)


@PATHS
@pytest.mark.parametrize("bad", [NAN, INF, -INF])
@pytest.mark.parametrize("name", PATTERNS)
def test_a_masked_key_never_reaches_a_result(name: str, bad: float, kernels: bool) -> None:
    """Keys hold what they like: the rows that do not see them are as if they held zeros."""
    n = 40
    p = pattern(name)
    q, k, v, *gate = draw(n, branches=p.branches)
    options = {"cu_seqlens": torch.tensor(DOCUMENTS[n])} if p.needs_documents else {}
    mask = p.mask(n, HEADS, **options)
    at = 13
    clean = mask.any(0)[None, ..., at].logical_not()
    if not clean.any():
        pytest.skip("every query sees the key")
    harmless, harmful = k.clone(), k.clone()
    harmless[:, :, at], harmful[:, :, at] = 0.0, bad
    expected, got = (p(q, x, v, *gate, return_lse=True, **options) for x in (harmless, harmful))
    if not kernels:
        expected, got = (run(p, [q, x, v, *gate], False, **options)[:2] for x in (harmless, harmful))
    for a, b in zip(expected, got, strict=True):
        assert torch.equal(a[clean], b[clean])


@pytest.mark.parametrize("name", ["band", "residue", "columns", "blocks"])
def test_a_value_that_is_not_finite_stays_in_its_tile(name: str) -> None:
    """It reaches at most the queries whose tile holds it: as in dense attention, 0 times NaN is NaN."""
    n, at = 100, 70
    p = pattern(name)
    q, k, v = draw(n, heads=1)
    assert torch.isfinite(p(q, k, v)).all()
    v[:, :, at] = NAN
    reached = p(q, k, v).isnan().any(-1)[0, 0]
    sees = p.mask(n, 1)[0, 0, :, at]
    assert reached[sees].all()
    # Tiles are 32 rows: of consecutive queries, or of one class of the stride by 5.
    period = 5 if name == "residue" else 1
    tile = [(row % period, row // period // 32) for row in range(n)]
    near = {tile[row] for row in sees.nonzero().flatten().tolist()}
    assert all(tile[row] in near for row in reached.nonzero().flatten().tolist())


@PATHS
@pytest.mark.parametrize("name", PATTERNS)
def test_padding_is_never_read(name: str, kernels: bool) -> None:
    """Whatever stands behind a row's length, results are those of the row cut there; padding gets 0 and -inf."""
    n, lengths = 40, (0, 17, 40)
    p = pattern(name)
    inputs = [torch.cat([x] * 3) for x in draw(n, branches=p.branches)]
    options = {"cu_seqlens": torch.tensor(DOCUMENTS[n])} if p.needs_documents else {}
    for x in inputs:
        for b, length in enumerate(lengths):
            x[b, :, length:] = NAN
    gradient = inputs[0].clone()
    got = run(p, inputs, kernels, lengths=torch.tensor(lengths), gradient=gradient, **options)
    for b, length in enumerate(lengths):
        padded = [x[b, :, length:] for x in got]
        assert (padded[0] == 0).all()
        assert (padded[1] == -INF).all()
        assert all((x == 0).all() for x in padded[2:])
        if length == 0:
            continue
        if p.needs_documents:
            ends = [e for e in DOCUMENTS[n] if e < length]
            if length < n:
                continue  # the document that the length cuts keeps its own
            options = {"cu_seqlens": torch.tensor([*ends, length])}
        cut = run(
            p, [x[b : b + 1, :, :length] for x in inputs], kernels, gradient=gradient[b : b + 1, :, :length], **options
        )
        for mine, other in zip(got, cut, strict=True):
            torch.testing.assert_close(mine[b, :, :length], other[0], rtol=1e-5, atol=1e-5)


@PATHS
@pytest.mark.parametrize("name", ["union", "gate"])
def test_no_tokens_and_no_rows(name: str, kernels: bool) -> None:
    p = pattern(name)
    for batch, nq, nk in ((0, 4, 4), (2, 0, 4), (2, 4, 0)):
        inputs = [torch.randn(batch, HEADS, n, 8) for n in (nq, nk, nk)]
        inputs += [torch.randn(batch, HEADS, nq, p.branches)] if p.gated else []
        out, lse, *gradients = run(p, inputs, kernels)
        assert out.shape == inputs[0].shape
        assert (out == 0).all()
        assert (lse == -INF).all()
        assert all((g == 0).all() and g.shape == x.shape for g, x in zip(gradients, inputs, strict=True))


def test_padding_and_more_queries_than_keys() -> None:
    assert case("union", nq=20, nk=9, lengths=(5,)).lengths == (5,)
    check("union", nq=20, nk=9, head_dim=8, lengths=(5,))
