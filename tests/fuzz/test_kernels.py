"""Random programs as kernels in Triton's interpreter, against the dense reference."""

from __future__ import annotations

from hypothesis import Phase, given, settings

from tests.fuzz.checks import check_call
from tests.fuzz.programs import Sample, samples


@settings(max_examples=300, phases=[Phase.generate])
@given(samples(tokens=20))
def test_kernels(sample: Sample) -> None:
    check_call(sample, kernels=True)
