"""The kernels for Hopper on the CPU: what they compute, that nobody waits in vain, and that this would be seen."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch

import patternc
from tests.kernels import warps
from tests.kernels.schedules import PATTERNS
from tests.kernels.warps import Descriptor, Machine, Pointer, StuckError

TEXTS = {
    **{name: PATTERNS[name] for name in ("band", "band_both_sides", "dense")},
    "causal": "pattern all_before { attend causal }",
    "window": "causal pattern wide { attend window(100) }",
    "far": "pattern far { attend where(q - k >= 40) }",
    "offset": "pattern offset { attend where(k <= q - 3 and q - k <= 70) }",
    "range": "causal pattern ranged { attend window(90) & where(k >= 5) }",
    "stride": "causal pattern strided { attend stride(3) }",
    "hops": "causal pattern hopping { attend stride(2, 40, 6) }",
    "phase": "pattern phased { attend where((q - k) % 4 == 3 and q - k <= 150) }",
}
SHAPES = [
    (1, 1, 1, 1, 1),
    (1, 2, 1, 65, 65),
    (2, 4, 2, 200, 200),
    (1, 3, 1, 113, 203),
    (1, 2, 2, 300, 77),
    (1, 2, 1, 1, 300),
]
"""Batch, heads, heads of keys, queries, keys."""
USES = ((1, 128), (None, 128), (None, 64))
"""Spans and head dimensions that have sizes of their own: tiles of few keys, of many, three groups of warps, which not
all parts have.
"""
D, SCALE, LOG2E = 16, 0.3, 1.4426950408889634


def fitting(shape: tuple[int, ...], period: int) -> tuple[int, ...]:
    """The shape with lengths that a period divides."""
    *heads, n_q, n_k = shape
    return (*heads, -(-n_q // period) * period, -(-n_k // period) * period)


@cache
def text_of(text: str) -> str:
    return patternc.loads(text).emit(1)


def run(source: str, module: Any, shape: tuple[int, ...], use: int, programs: int) -> list[torch.Tensor]:
    """Output, log-sum-exp to base 2 and gradients, by the kernels of an emitted file, with the sizes of a use."""
    batch, heads, kv_heads, n_q, n_k = shape
    q, k, v, do, dlse = inputs(shape)
    nothing = Pointer(q)
    out, dq, dk, dv = (torch.full_like(x, float("nan")) for x in (q, q, k, v))
    lse, norm, delta = (torch.full((batch, heads, n_q), float("nan")) for _ in range(3))
    sizes = heads // kv_heads, batch, n_q, n_k, SCALE
    (part,) = module.PARTS
    (period,) = part.periods
    tile = forward_tile(module, part, use)
    machine = Machine(source, programs)

    def tiles(rows: int, *tensors: torch.Tensor) -> list[Descriptor]:
        return [Descriptor(x, rows, period) for x in tensors]

    machine.run(
        f"{part.name}_hopper", *tiles(tile.kept, q), *tiles(tile.streamed, k, v), *tiles(tile.kept, out),
        Pointer(lse), nothing, heads, *sizes, GROUPS=tile.groups, RING=tile.ring, KEEP=True,
        **row_strides(period, q=q, k=k, v=v, out=out),
    )  # fmt: skip
    tile = module.hopper_tile("hopper_q", part, 128)
    machine.run(
        f"{part.name}_hopper_q", *tiles(tile.kept, q), *tiles(tile.streamed, k, v), *tiles(tile.kept, do, dq),
        Pointer(out), Pointer(lse), Pointer(dlse), Pointer(norm), Pointer(delta), nothing, *out.stride()[:3],
        heads, *sizes, RING=tile.ring, LSE_GRADIENT=True, **row_strides(period, q=q, k=k, v=v, do=do, dq=dq),
    )  # fmt: skip
    tile = module.hopper_tile("hopper_kv", part, USES[use][1])
    machine.run(
        f"{part.name}_hopper_kv", *tiles(tile.streamed, q), *tiles(tile.kept, k, v), *tiles(tile.streamed, do),
        *tiles(tile.kept, dk, dv),
        Pointer(norm), Pointer(delta), nothing, kv_heads, *sizes,
        RING=tile.ring, **row_strides(period, q=q, k=k, v=v, do=do, dk=dk, dv=dv),
    )  # fmt: skip
    return [out, lse, dq, dk, dv]


def row_strides(period: int, **tensors: torch.Tensor) -> dict[str, int]:
    """What a kernel asks of tensors whose residue classes are columns."""
    return {f"{name}_sn": x.stride(2) for name, x in tensors.items() if period > 1}


def forward_tile(module: Any, part: Any, use: int) -> Any:
    """The sizes of the forward kernel in one of `USES`."""
    span, head_dim = USES[use] if part.three_groups else USES[use % 2]
    return module.hopper_tile("hopper", part._replace(span=span, periods=(1,)), head_dim)


def inputs(shape: tuple[int, ...]) -> list[torch.Tensor]:
    batch, heads, kv_heads, n_q, n_k = shape
    generator = torch.Generator().manual_seed(sum(shape))
    shapes = [(heads, n_q, D), (kv_heads, n_k, D), (kv_heads, n_k, D), (heads, n_q, D), (heads, n_q)]
    return [torch.randn((batch, *one), generator=generator) for one in shapes]


def exact(module: Any, shape: tuple[int, ...]) -> list[torch.Tensor]:
    """The same, dense and in float64."""
    *tensors, do, dlse = (x.double() for x in inputs(shape))
    leaves = [x.requires_grad_() for x in tensors]
    out, lse = module.reference(*leaves, scale=SCALE, return_lse=True)
    alive = lse.masked_fill(lse.isinf(), 0.0)
    return [out.detach(), lse.detach() * LOG2E, *torch.autograd.grad((out, alive), leaves, (do, dlse))]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: "x".join(map(str, s)))
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_they_compute_what_the_pattern_says(text: str, shape: tuple[int, ...]) -> None:
    module = patternc.loads(text).module(1)
    shape = fitting(shape, module.PARTS[0].periods[0])
    use = sum(shape) % 3
    found = run(text_of(text), module, shape, use, (1, 3)[use % 2])
    for name, mine, other in zip(("out", "lse", "dq", "dk", "dv"), found, exact(module, shape), strict=True):
        torch.testing.assert_close(mine.double(), other, atol=2e-5, rtol=2e-5, msg=lambda m, n=name: f"{n}: {m}")


MUTANTS = {
    "keys that nobody lets go of": ("mbarrier.arrive(k_empty.index(k_slot))", "pass"),
    "values that a group keeps": ("mbarrier.arrive(v_empty.index(v_slot))", "pass"),
    "queries that are kept": ("mbarrier.arrive(q_empty.index(q_slot ^ 1), pred=turn > 0)", "pass"),
    "a tile that is skipped and not let go of": ("leave_slot(k_full, k_empty, slot, phase)", "pass"),
    "a slot that is filled while it is in use": ("mbarrier.wait(empty.index(slot), phase)", "pass"),
    "a phase that does not change": ("tl.where(ends, phase ^ 1, phase)", "phase"),
    "a product that is not waited for": ("warpgroup_mma_wait(2, deps=(s,))", "warpgroup_mma_wait(3, deps=(s,))"),
    "an output that the next queries overwrite": ("tma.store_wait(0)", "pass"),
    "keys let go of before their product": ("ds_next = warpgroup_mma_wait(0,", "ds_next = warpgroup_mma_wait(1,"),
    "a key too many": ("(lag <= 100)", "(lag <= 101)"),
    "rows of another head": ("h // group", "h"),
}  # fmt: skip
"""What is wrong with them, and the change that makes it so."""
OF_CLASSES = {
    "keys of another class": ("% 3 * k_sn", "% 1 * k_sn"),
    "outputs of another class": ("first_row % 3 * out_sn", "(first_row + 1) % 3 * out_sn"),
    "a key too few": ("hi - lo + 3, 0) // 3", "hi - lo, 0) // 3"),
    "queries of another class": ("floor_mod(first_k - lo, 3)", "floor_mod(first_k + 1 - lo, 3)"),
    "one class for all": ("head // 3, head % 3", "head // 3, head % 1"),
}
"""The same of residue classes modulo 3."""


OF_THREE = {
    "values that a group keeps": (
        "mbarrier.arrive(v_empty.index(slot))\n                    mb",
        "pass\n                    mb",
    ),
    "values for two of them": (
        "empty = (barriers(2 * GROUPS, 1), barriers(RING, GROUPS)",
        "empty = (barriers(2 * GROUPS, 1), barriers(RING, 2)",
    ),
    "an output that is not waited for": (
        "warpgroup_mma_wait(0, deps=(acc, p, s))",
        "warpgroup_mma_wait(2, deps=(acc, p, s))",
    ),
    "rows of the group before": ("first_row += MINE * ROWS", "first_row += MINE // 2 * ROWS"),
}
"""The same of three groups of warps."""


@pytest.mark.parametrize(("right", "wrong"), (MUTANTS | OF_CLASSES).values(), ids=MUTANTS | OF_CLASSES)
def test_a_wrong_protocol_is_seen(right: str, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check_seen("stride" if (right, wrong) in OF_CLASSES.values() else "window", right, wrong, 0, monkeypatch)


@pytest.mark.parametrize(("right", "wrong"), OF_THREE.values(), ids=OF_THREE)
def test_a_wrong_protocol_of_three_groups_is_seen(right: str, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check_seen("causal", right, wrong, 2, monkeypatch)


def check_seen(name: str, right: str, wrong: str, use: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warps, "PATIENCE", 0.5)
    text, shape = TEXTS[name], (1, 4, 2, 405, 405)
    module, source = patternc.loads(text).module(1), text_of(text)
    assert right in source
    truth = exact(module, shape)
    try:
        found = run(source.replace(right, wrong), module, shape, use, 1)
    except (StuckError, AssertionError, IndexError):
        return
    assert any((a.double() - b).nan_to_num(nan=1.0).abs().max() > 1e-3 for a, b in zip(found, truth, strict=True))
