"""The kernels for Hopper that are forward only, on the CPU: of unions, whose softmax they go on with, of gates, and of
sinks beside a window.  What is there before them is drawn at random.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch

import patternc
from tests.kernels import warps
from tests.kernels.test_hopper_protocol import LOG2E, SCALE, SHAPES, fitting, forward_tile, inputs, row_strides, text_of
from tests.kernels.warps import Descriptor, Machine, OverwrittenError, Pointer, StuckError

BAND = "where(0 <= q - k and q - k <= 100)"
FAR = "where((0 <= q - k and q - k <= 40) or (70 <= q - k and q - k <= 130 and k <= 90))"
LATE = "where(30 <= q - k and q - k <= 90 and k >= 5)"
CASES = {
    "union": (f"pattern a {{ attend {BAND} | stride(7) }}", BAND),
    "empty rows": (f"pattern a {{ attend {LATE} | stride(7, 4, 105) }}", LATE),
    "gate": (f"pattern a {{ attend gate({BAND}, stride(7)) }}", BAND),
    "gate of three": (f"pattern a {{ attend gate(stride(7), {LATE}, columns(5)) }}", LATE),
    "gate of a union": (f"pattern a {{ attend gate(stride(3), {BAND} | stride(7)) }}", BAND),
    "far union": ("pattern a { attend stride(7) | where(q - k >= 30) }", "where(q - k >= 30)"),
    "far gate": ("pattern a { attend gate(stride(7), where(q - k >= 30)) }", "where(q - k >= 30)"),
    "documents": (f"pattern a {{ attend gate({BAND}, same_document & stride(3)) }}", BAND),
    "sinks": ("causal pattern a { attend sink(5) | window(70) }", "causal & (sink(5) | window(70))"),
    "two windows": (f"pattern a {{ attend {FAR} }}", FAR),
    "gate with sinks": (f"pattern a {{ attend gate({FAR}, stride(7)) }}", FAR),
    "gate of strides": ("causal pattern a { attend gate(stride(4), stride(6)) }", "stride(6) & causal"),
}
"""Patterns, and what the part that runs last sees."""


class Before:
    """What the kernels before the last have left: outputs of all branches, log-sum-exp of the last's, the gate."""

    def __init__(self, q: torch.Tensor, branches: int) -> None:
        generator = torch.Generator().manual_seed(q.numel())
        self.outs = [torch.randn(q.shape, generator=generator) for _ in range(branches)]
        self.lse = 3 * torch.randn(q.shape[:3], generator=generator)
        self.logits = torch.randn((*q.shape[:3], branches), generator=generator)
        self.weight = self.logits.softmax(-1)
        # Some rows have seen nothing.
        dead = torch.rand(q.shape[:3], generator=generator) < 0.3
        self.lse[dead] = float("-inf")
        for out in self.outs:
            out[dead] = 0.0


def run(
    source: str, module: Any, shape: tuple[int, ...], use: int, programs: int, *, keep: bool
) -> dict[str, torch.Tensor]:
    """What the last kernel of an emitted file leaves, with the sizes of a use."""
    batch, heads, kv_heads, n_q, n_k = shape
    q, k, v, *_ = inputs(shape)
    part, before = module.PARTS[-1], Before(q, module.BRANCHES)
    (period,) = part.periods
    out, lse = torch.full_like(q, float("nan")), torch.full_like(before.lse, float("nan"))
    if not part.first:
        out, lse = before.outs[part.branch], before.lse
    fused = torch.full_like(q, float("nan")) if keep else out
    gate: list[Any] = []
    if part.fuses:
        others = [Descriptor(x, 64, period) for b, x in enumerate(before.outs) if b != part.branch]
        gate = [*others, Pointer(before.weight if keep else before.logits), Descriptor(fused, 64, period)]
    positions = [Pointer(q)] * (3 if module.DOCUMENTS else 1)
    tile = forward_tile(module, part, use)
    Machine(source, programs).run(
        f"{part.name}_hopper", Descriptor(q, 64, period), Descriptor(k, tile.streamed, period),
        Descriptor(v, tile.streamed, period),
        Descriptor(out, 64, period), Pointer(lse), *gate, *positions, heads, heads // kv_heads, batch, n_q, n_k, SCALE,
        GROUPS=tile.groups, RING=tile.ring, KEEP=keep, **row_strides(period, q=q, k=k, v=v, out=out),
    )  # fmt: skip
    found = {"fused": fused} if part.fuses else {"out": out}
    return {**found, "out": out, "lse": lse} if keep else found


@cache
def seen(band: str) -> Any:
    """A pattern of the last kernel's own pairs alone."""
    return patternc.loads(f"pattern alone {{ attend {band} }}").module(1)


def exact(module: Any, band: str, shape: tuple[int, ...]) -> dict[str, torch.Tensor]:
    """The same, dense and in float64."""
    q, k, v, *_ = (x.double() for x in inputs(shape))
    part, before = module.PARTS[-1], Before(q, module.BRANCHES)
    out, lse = seen(band).reference(q, k, v, scale=SCALE, return_lse=True)
    lse = lse * LOG2E
    if not part.first:
        both = torch.logaddexp2(lse, before.lse.double())
        shares = [torch.exp2(x - both).nan_to_num(nan=0.0)[..., None] for x in (lse, before.lse.double())]
        out, lse = shares[0] * out + shares[1] * before.outs[part.branch], both
    branches = [out if b == part.branch else x.double() for b, x in enumerate(before.outs)]
    fused = sum(before.weight[..., b, None] * x for b, x in enumerate(branches))
    assert isinstance(fused, torch.Tensor)
    return {"out": out, "lse": lse, "fused": fused}


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: "x".join(map(str, s)))
@pytest.mark.parametrize(("text", "band"), CASES.values(), ids=CASES)
def test_they_add_what_their_part_sees(text: str, band: str, shape: tuple[int, ...]) -> None:
    module = patternc.loads(text).module(1)
    shape = fitting(shape, module.PARTS[-1].periods[0])
    truth = exact(module, band, shape)
    for use, programs, keep in ((0, 1, True), (1 + sum(shape) % 2, 3, False)):
        for name, mine in run(text_of(text), module, shape, use, programs, keep=keep).items():
            torch.testing.assert_close(
                mine.double(), truth[name], atol=2e-5, rtol=2e-5, msg=lambda m, n=name: f"{n}: {m}"
            )


MUTANTS = {
    "outputs that nobody lets go of": ("gate", "mbarrier.arrive(o_empty.index(MINE))", "pass"),
    "outputs let go of while they are read": ("gate of three", "fence_async_shared()  # what was", "# what was"),
    "outputs that are not waited for": ("gate", "mbarrier.wait(o_full.index(MINE), o_phase)", "pass"),
    "outputs of one item only": ("union", "o_phase ^= 1", "pass"),
    "outputs that are not loaded": ("union", "load_slot(out_ptr,", "(lambda *_: None)(out_ptr,"),
    "outputs of another share": ("union", "first_row + one * ROWS, 0], o_tiles", "first_row, 0], o_tiles"),
    "an output that the gate's overwrites": ("gate", "if KEEP:\n                tma.store_wait(0)", ""),
    "weights of the row before": ("gate of three", "weight_ptr + at * 3 + 1", "weight_ptr + at * 3 + 0"),
    "a softmax that begins again": ("union", "l * alpha + beta", "l * alpha"),
    "rows before that saw nothing": ("empty rows", 'tl.where(m_all == float("-inf"), 0.0, m_all)', "m_all"),
    "sinks that are left out": ("sinks", "until_0 + tiles_1", "until_0"),
    "a window's mask for sinks": ("sinks", "if t < until_0:", "if t <= until_0:"),
    "sinks from elsewhere": ("sinks", "lo_1 + (t - until_0)", "lo_1 + t"),
    "values let go of before their product": ("union", "l = warpgroup_mma_wait(0,", "l = warpgroup_mma_wait(1,"),
}  # fmt: skip
"""A case, what is wrong with it, and the change that makes it so."""


@pytest.mark.parametrize(("name", "right", "wrong"), MUTANTS.values(), ids=MUTANTS)
def test_a_wrong_kernel_is_seen(name: str, right: str, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warps, "PATIENCE", 0.5)
    (text, band), shape = CASES[name], (1, 4, 2, 400, 400)
    module, source = patternc.loads(text).module(1), text_of(text)
    assert right in source
    truth = exact(module, band, shape)
    try:
        found = run(source.replace(right, wrong), module, shape, 0, 1, keep=True)
    except (StuckError, OverwrittenError, AssertionError, IndexError):
        return
    found["lse"], truth["lse"] = (x["lse"].clamp(min=-1e3) for x in (found, truth))
    errors = [(x.double() - truth[what]).nan_to_num(nan=1.0).abs().max() for what, x in found.items()]
    assert max(errors) > 1e-3
