"""Random programs: what is printed says the same when it is read, and masks hold what the language says."""

from __future__ import annotations

from hypothesis import Phase, given, settings

from tests.fuzz.checks import check_mask, check_text
from tests.fuzz.programs import Sample, samples


@settings(max_examples=2000, phases=[Phase.generate])
@given(samples(tokens=16))
def test_text_and_mask(sample: Sample) -> None:
    check_text(sample)
    check_mask(sample)
