"""The kernels for Hopper that begin the gradients of unions and gates, on the CPU: dQ of the part that runs first, dK
and dV of the one that runs last.  The gradient of the output is drawn at random, and that of the log-sum-exp.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import torch

import patternc
from tests.kernels import warps
from tests.kernels.test_hopper_protocol import LOG2E, SCALE, SHAPES, fitting, inputs, row_strides, text_of
from tests.kernels.warps import Descriptor, Machine, OverwrittenError, Pointer, StuckError

BAND = "where(0 <= q - k and q - k <= 100)"
CASES = {
    "union": (f"pattern a {{ attend {BAND} | stride(7) }}", f"stride(7) - {BAND}", BAND),
    "gate": (f"pattern a {{ attend gate({BAND}, stride(7)) }}", "stride(7)", BAND),
    "gate of three": (f"pattern a {{ attend gate(stride(4, 20), {BAND}, columns(5)) }}", "stride(4, 20)", BAND),
    "gate of a union": (f"pattern a {{ attend gate(stride(3), {BAND} | stride(7)) }}", "stride(3)", BAND),
    "documents": (f"pattern a {{ attend gate({BAND}, same_document & window(9)) }}", BAND, None),
}
"""Patterns, and the pairs of the parts that begin with dQ, and with dK and dV; None where the portable kernel does."""


class Truth(NamedTuple):
    """What a branch has, densely and in float64: its output, log-sum-exp and gate weight, and what follows for rows."""

    out: torch.Tensor
    lse: torch.Tensor
    weight: torch.Tensor
    norm: torch.Tensor
    delta: torch.Tensor
    dweight: torch.Tensor


def branch(module: Any, index: int, shape: tuple[int, ...]) -> Truth:
    q, k, v, do, _ = (x.double() for x in inputs(shape))
    n_q, n_k = shape[3:]
    group = q.shape[1] // k.shape[1]
    k, v = (x.repeat_interleave(group, 1) for x in (k, v))
    rows, columns = torch.arange(n_k - n_q, n_k)[:, None], torch.arange(n_k)[None, :]
    start = (torch.zeros(n_k, dtype=torch.int64),) * 2 if module.DOCUMENTS else ()
    live = module.live(index, 0, rows, columns, n_k, *start)
    s = (q @ k.mT * SCALE).masked_fill(~live, float("-inf"))
    lse = torch.logsumexp(s, -1)
    dead = lse.isinf()
    out = torch.exp(s - lse.masked_fill(dead, 0.0)[..., None]) @ v
    weight, dlse = gate(shape, module.BRANCHES)
    w = weight[..., index].double()
    delta = (do * out).sum(-1)
    return Truth(
        out, lse * LOG2E, w,
        (lse * LOG2E - torch.log2(w)).masked_fill(dead, float("inf")),
        (delta - dlse[..., index].double() / w).masked_fill(dead, 0.0),
        delta,
    )  # fmt: skip


def gate(shape: tuple[int, ...], branches: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights (B, H, N, branches), 1 where there is one, and gradients of the log-sum-exp."""
    generator = torch.Generator().manual_seed(branches + sum(shape))
    batch, heads, _, n_q, _ = shape
    size = (batch, heads, n_q, branches)
    return torch.randn(size, generator=generator).softmax(-1), torch.randn(size, generator=generator)


def gradients(pairs: str, truth: Truth, shape: tuple[int, ...]) -> tuple[torch.Tensor, ...]:
    """What some pairs of a branch give to the gradients of queries, keys and values."""
    q, k, v, do, _ = (x.double() for x in inputs(shape))
    batch, heads, kv_heads, n_q, n_k = shape
    module = patternc.loads(f"pattern alone {{ attend {pairs} }}").module(1)
    live = module.live(0, 0, torch.arange(n_k - n_q, n_k)[:, None], torch.arange(n_k)[None, :], n_k)
    k_of, v_of = (x.repeat_interleave(heads // kv_heads, 1) for x in (k, v))
    p = torch.exp2((q @ k_of.mT * SCALE * LOG2E).masked_fill(~live, float("-inf")) - truth.norm[..., None])
    ds = p * (do @ v_of.mT - truth.delta[..., None]) * SCALE
    by_head = (batch, kv_heads, heads // kv_heads, n_k, q.shape[-1])
    return ds @ k_of, (ds.mT @ q).view(by_head).sum(2), (p.mT @ do).view(by_head).sum(2)


def run_q(source: str, module: Any, part: Any, truth: Truth, shape: tuple[int, ...]) -> dict[str, torch.Tensor]:
    """dQ and what is left for others, by a part's kernel."""
    batch, heads, kv_heads, n_q, n_k = shape
    q, k, v, do, _ = inputs(shape)
    (period,) = part.periods
    weight, dlse = gate(shape, module.BRANCHES)
    out, lse, dq = truth.out.float(), truth.lse.float(), torch.full_like(q, float("nan"))
    norm, delta = (torch.full_like(lse, float("nan")) for _ in range(2))
    dweight = torch.full_like(weight, float("nan"))
    gated = [Pointer(weight), Pointer(dweight)] if module.BRANCHES > 1 else []
    kept, streamed, ring, _ = module.hopper_tile("hopper_q", part, 128)
    Machine(source).run(
        f"{part.name}_hopper_q", Descriptor(q, kept, period), Descriptor(k, streamed, period),
        Descriptor(v, streamed, period), Descriptor(do, kept, period), Descriptor(dq, kept, period),
        Pointer(out), Pointer(lse), Pointer(dlse), Pointer(norm), Pointer(delta), *gated,
        *[Pointer(q)] * (3 if module.DOCUMENTS else 1), *out.stride()[:3], heads, heads // kv_heads, batch, n_q, n_k,
        SCALE, RING=ring, LSE_GRADIENT=True, **row_strides(period, q=q, k=k, v=v, do=do, dq=dq),
    )  # fmt: skip
    found = {"dq": dq, "norm": norm, "delta": delta}
    return {**found, "dweight": dweight[..., part.branch]} if gated else found


def run_kv(source: str, module: Any, part: Any, truth: Truth, shape: tuple[int, ...]) -> dict[str, torch.Tensor]:
    """dK and dV by a part's kernel."""
    batch, heads, kv_heads, n_q, n_k = shape
    q, k, v, do, _ = inputs(shape)
    dk, dv = (torch.full_like(k, float("nan")) for _ in range(2))
    kept, streamed, ring, _ = module.hopper_tile("hopper_kv", part, 128)
    Machine(source).run(
        f"{part.name}_hopper_kv", Descriptor(q, streamed), Descriptor(k, kept), Descriptor(v, kept),
        Descriptor(do, streamed), Descriptor(dk, kept), Descriptor(dv, kept), Pointer(truth.norm.float()),
        Pointer(truth.delta.float()), Pointer(q), kv_heads, heads // kv_heads, batch, n_q, n_k, SCALE, RING=ring,
    )  # fmt: skip
    return {"dk": dk, "dv": dv}


def compare(found: dict[str, torch.Tensor], truth: dict[str, torch.Tensor]) -> None:
    for name, mine in found.items():
        torch.testing.assert_close(mine.double(), truth[name], atol=3e-5, rtol=3e-5, msg=lambda m, n=name: f"{n}: {m}")


def expected_q(module: Any, pairs: str, shape: tuple[int, ...]) -> tuple[Any, Truth, dict[str, torch.Tensor]]:
    (part,) = [p for p in module.PARTS if p.not_hopper["hopper_q"] is None]
    truth = branch(module, part.branch, shape)
    dq, _, _ = gradients(pairs, truth, shape)
    return part, truth, {"dq": dq, "norm": truth.norm, "delta": truth.delta, "dweight": truth.dweight}


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: "x".join(map(str, s)))
@pytest.mark.parametrize(("text", "first", "last"), CASES.values(), ids=CASES)
def test_they_begin_the_gradients(text: str, first: str, last: str | None, shape: tuple[int, ...]) -> None:
    module, source = patternc.loads(text).module(1), text_of(text)
    (part,) = [p for p in module.PARTS if p.not_hopper["hopper_q"] is None]
    shape = fitting(shape, part.periods[0])
    _, truth, exact = expected_q(module, first, shape)
    compare(run_q(source, module, part, truth, shape), exact)
    if last is None:
        assert all(p.not_hopper["hopper_kv"] for p in module.PARTS)
        return
    (part,) = [p for p in module.PARTS if p.not_hopper["hopper_kv"] is None]
    truth = branch(module, part.branch, shape)
    _, dk, dv = gradients(last, truth, shape)
    compare(run_kv(source, module, part, truth, shape), {"dk": dk, "dv": dv})


MUTANTS = {
    "the weight of another branch": ("weight_at = at * 3 + 0", "weight_at = at * 3 + 1"),
    "a norm without its weight": ("lse - tl.log2(weight)", "lse"),
    "a gradient of the log-sum-exp without it": ("other=0.0) / weight", "other=0.0)"),
    "no gradient of the weight": ("gl.store(dweight_ptr + weight_at, delta, mask=row < n_q)", "pass"),
}
"""What is wrong with the gate of three, and the change that makes it so."""


@pytest.mark.parametrize(("right", "wrong"), MUTANTS.values(), ids=MUTANTS)
def test_a_wrong_gate_is_seen(right: str, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warps, "PATIENCE", 0.5)
    (text, first, _), shape = CASES["gate of three"], (1, 2, 1, 200, 200)
    module, source = patternc.loads(text).module(1), text_of(text)
    assert right in source
    part, truth, exact = expected_q(module, first, shape)
    try:
        found = run_q(source.replace(right, wrong), module, part, truth, shape)
    except (StuckError, OverwrittenError, AssertionError):
        return
    with pytest.raises(AssertionError):
        compare(found, exact)


def test_others_add_to_them() -> None:
    parts = patternc.loads(CASES["union"][0]).module(1).PARTS
    adds = "it adds to the gradients of other parts"
    assert [p.not_hopper["hopper_q"] for p in parts] == [None, adds]
    assert [p.not_hopper["hopper_kv"] for p in parts] == [adds, None]


def test_a_call_can_change_who_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short residue classes have all gradients at once, and begin; heads of their own get gradients of their own."""
    module = patternc.loads("causal pattern a { attend window(40) | stride(64) }").module(2)
    monkeypatch.setattr(module, "INTERPRETED", False)
    residue, band = module.PARTS

    def order(n: int, kv_heads: int) -> Any:
        q, k = (torch.empty(1, h, n, 128, dtype=torch.bfloat16) for h in (2, kv_heads))
        return module._order(module._Call(q, k, k, 1.0, None))

    long, short = order(64 * 64, 2), order(64 * 16, 2)
    assert (long.q_first, long.kv_first, long.at_once) == (residue, band, [])
    assert (short.q_first, short.kv_first, short.at_once) == (residue, residue, [residue])
    assert (order(64 * 64, 1).served, order(64 * 64, 2).served) == (2, 1)
