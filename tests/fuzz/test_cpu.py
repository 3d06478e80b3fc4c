"""Random programs on the CPU's PyTorch path, against the dense reference."""

from __future__ import annotations

import pytest
from hypothesis import Phase, given, seed, settings

from tests.fuzz.checks import check_call
from tests.fuzz.programs import Sample, samples


@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=pytest.mark.slow) for part in (1, 2, 3))])
def test_cpu_path(part: int) -> None:
    """200 programs in the ordinary run, 1,000 in all."""

    @seed(part)
    @settings(max_examples=200, phases=[Phase.generate])
    @given(samples(tokens=40))
    def holds(sample: Sample) -> None:
        check_call(sample, kernels=False)

    holds()
