"""Random programs: what is printed says the same when it is read, and masks hold what the language says."""

from __future__ import annotations

import pytest
from hypothesis import Phase, given, seed, settings

from tests.fuzz.checks import check_mask, check_relations, check_text
from tests.fuzz.programs import Sample, samples


@pytest.mark.parametrize("part", [*range(3), pytest.param(3, marks=pytest.mark.slow)])
def test_text_and_mask(part: int) -> None:
    """1,500 programs in the ordinary run, 2,000 in all, every fourth with the mask of its emitted file."""

    @seed(part)
    @settings(max_examples=500, phases=[Phase.generate])
    @given(samples(tokens=16))
    def holds(sample: Sample) -> None:
        check_text(sample)
        (check_relations if sample.seed % 4 else check_mask)(sample)

    holds()
