"""The tiles that kernels compute are the tiles with a live pair, counted in kernels that run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import Phase, given, seed, settings

import patternc
from patternc.runtime.testing import tensors
from tests.fuzz.checks import case_of, forgetting, pattern_of
from tests.fuzz.programs import Sample, samples


@contextmanager
def counting(module: ModuleType) -> Iterator[Counter[tuple[str, bool]]]:
    """Counts the score tiles of the forward kernels: by part, and whether a pair of the tile is live."""
    found: Counter[tuple[str, bool]] = Counter()
    running: list[str] = []
    step, parts, usual = module.softmax_step, module.PARTS, module.USUAL_PARTS

    def counted_step(s: Any, *rest: Any) -> Any:
        found[running[-1], bool(np.isfinite(s.handle.data).any())] += 1
        return step(s, *rest)

    class Launch:
        def __init__(self, part: Any) -> None:
            self.part = part

        def __getitem__(self, grid: Any) -> Any:
            def launch(*arguments: Any, **named: Any) -> None:
                running.append(self.part.name)
                self.part.forward[grid](*arguments, **named)

            return launch

    module.softmax_step = counted_step
    module.PARTS = tuple(p._replace(forward=Launch(p)) for p in parts)
    module.USUAL_PARTS = tuple(p for p in module.PARTS if not p.below_zero)
    try:
        yield found
    finally:
        module.softmax_step, module.PARTS, module.USUAL_PARTS = step, parts, usual


def forward_tiles(pattern: patternc.Pattern, heads: int, sample: Sample, block: int) -> Counter[tuple[str, bool]]:
    case = case_of(sample, pattern)
    leaves, _ = tensors(case, heads, pattern.branches, "cpu")
    module = pattern.module(heads)
    module.tiling = lambda *_, **__: module.Tiling(block, block, 4, 1)
    options = {name: torch.tensor(x) for name in ("cu_seqlens", "lengths") if (x := getattr(case, name)) is not None}
    with torch.no_grad(), counting(module) as found:
        module.attention(*leaves, **options)
    return found


@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=pytest.mark.slow) for part in (1, 2, 3))])
def test_no_tile_is_computed_in_vain(part: int) -> None:
    """20 programs in the ordinary run, 80 in all."""

    @seed(part)
    @settings(max_examples=20, phases=[Phase.generate])
    @given(samples(tokens=40))
    def holds(sample: Sample) -> None:
        pattern = pattern_of(sample.drawn)
        with forgetting():
            found = forward_tiles(pattern, sample.drawn.heads, sample, block=4)
        assert not [part for part, live in found if not live], found

    holds()


def test_counting_sees_every_tile() -> None:
    """The counter itself: a window's tiles, known by hand."""
    pattern = patternc.loads("causal pattern a { attend window(8) }")
    inputs = [torch.randn(1, 1, 64, 8) for _ in range(3)]
    module = pattern.module(1)
    module.tiling = lambda *_, **__: module.Tiling(16, 8, 4, 1)
    with counting(module) as found:
        module.attention(*inputs)
    # 16 rows see 16 + 8 keys, the first of them 16.
    assert found == {("band", True): 2 + 3 * 3}
