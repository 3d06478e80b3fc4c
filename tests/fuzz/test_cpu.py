"""Random programs on the CPU's PyTorch path, against the dense reference."""

from __future__ import annotations

from hypothesis import Phase, given, settings

from tests.fuzz.checks import check_call
from tests.fuzz.programs import Sample, samples


@settings(max_examples=600, phases=[Phase.generate])
@given(samples(tokens=40))
def test_cpu_path(sample: Sample) -> None:
    check_call(sample, kernels=False)
