"""Random programs as kernels in Triton's interpreter, against the dense reference."""

from __future__ import annotations

import pytest
from hypothesis import Phase, given, seed, settings

from tests.fuzz.checks import check_call
from tests.fuzz.programs import Sample, samples


@pytest.mark.parametrize("part", [*range(4), *(pytest.param(part, marks=pytest.mark.slow) for part in (4, 5))])
def test_kernels(part: int) -> None:
    """200 programs in the ordinary run, 300 in all."""

    @seed(part)
    @settings(max_examples=50, phases=[Phase.generate])
    @given(samples(tokens=20))
    def holds(sample: Sample) -> None:
        check_call(sample, kernels=True)

    holds()
