"""Heads that differ in more than numbers: one launch a schedule, never one a head."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

import patternc
from patternc.runtime.testing import Case, counted, poisoned
from tests.fuzz.checks import NAMES, outcome

HEADS = 4
PATTERNS = {
    "windows, with and without sinks": """causal pattern j { attend heads {
        0..1: window(3); 1..2: window(5) | sink(2); 2..3: chunk(4); 3..4: full } }""",
    "one schedule first for some, folded for others": """causal pattern j { attend heads {
        0..1: stride(3); 1..2: window(2) | stride(4, 3); 2..3: window(6);
        3..4: window(2) | stride(5) | stride(5, all, 2) } }""",
    "classes and columns": """pattern j { attend heads {
        0..1: columns(3, 1); 1..2: columns(5, 0, 2) | stride(4); 2..3: stride(2, 3, 1) | columns(4, 3);
        3..4: sink(3) | columns(7) } }""",
    "masked blocks": """pattern j { attend heads {
        0..1: where((q + k) % 3 == 0); 1..2: ring(2); 2..3: window(1) | where(q * 2 < k); 3..4: none } }""",
    "gates beside single softmaxes": """causal pattern j { attend heads {
        0..1: gate(window(3), stride(4)); 1..2: window(2) | sink(1);
        2..3: gate(stride(3, 2), window(5), sink(2)); 3..4: stride(2) } }""",
}


@pytest.mark.parametrize("name", PATTERNS)
def test_one_launch_a_schedule(name: str) -> None:
    module = patternc.loads(PATTERNS[name]).module(HEADS)
    launches = Counter((part.branch, part.name.split("_")[0]) for part in module.PARTS)
    # Only a head that has two strides of its own, or two kinds of columns, needs the second launch.
    assert set(launches.values()) == {1}, launches


@pytest.mark.parametrize("kernels", [True, False], ids=["kernels", "cpu"])
@pytest.mark.parametrize("name", PATTERNS)
def test_they_agree_with_the_reference(name: str, kernels: bool) -> None:
    pattern = patternc.loads(PATTERNS[name])
    module = pattern.module(HEADS)
    for n, nq in ((21, 21), (19, 5), (9, 12)):
        case = Case(values=(), batch=1, kv_heads=2, group=2, nq=nq, nk=n, head_dim=8, seed=n)
        before = module.INTERPRETED, module.tiling
        module.INTERPRETED, module.tiling = kernels, lambda *_, **__: module.Tiling(8, 8, 4, 1)
        try:
            with counted(module) as found, poisoned():
                got = outcome(module.attention, case, HEADS, pattern.branches, torch.float32)
        finally:
            module.INTERPRETED, module.tiling = before
        assert bool(sum(found.values())) == kernels
        expected = outcome(module.reference, case, HEADS, pattern.branches, torch.float64)
        for what, mine, truth in zip(NAMES, got, expected, strict=False):
            torch.testing.assert_close(mine.double(), truth, rtol=1e-4, atol=2e-5, msg=lambda m, w=what: f"{w}: {m}")


def test_heads_of_very_many_shapes_share_launches_all_the_same() -> None:
    """Sixteen segments a launch: 24 heads, hardly two of one shape, make few launches and not 24."""
    spread = [
        " | ".join(f"window({9 * i + h}) - window({9 * i + 5 - i})" for i in range(1, 2 + h % 6)) for h in range(24)
    ]
    ranges = "; ".join(f"{h}..{h + 1}: {text} | sink({h % 2})" for h, text in enumerate(spread))
    module = patternc.loads(f"causal pattern j {{ attend heads {{ {ranges} }} }}").module(24)
    assert len(module.PARTS) <= 2, [p.name for p in module.PARTS]
