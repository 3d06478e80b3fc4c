"""What the tests of integrations share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from patternc.runtime import slot_attention
from tests.devices import DEVICES, runs_on


@pytest.fixture(autouse=True, params=DEVICES)
def _plain(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Without kernels, but where a test asks for them; names that were registered are forgotten afterwards."""
    transformers = pytest.importorskip("transformers")
    from tests.integrations.models import unplain

    monkeypatch.setattr(slot_attention, "INTERPRETED", False)
    with runs_on(request.param):
        yield
    unplain()
    for interface in (transformers.AttentionInterface, transformers.AttentionMaskInterface):
        interface._global_mapping.pop("pi", None)
