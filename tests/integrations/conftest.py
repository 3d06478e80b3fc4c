"""What the tests of integrations share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from patternc.runtime import slot_attention


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Without kernels, but where a test asks for them; names that were registered are forgotten afterwards."""
    transformers = pytest.importorskip("transformers")
    from tests.integrations.models import unplain

    monkeypatch.setattr(slot_attention, "INTERPRETED", False)
    yield
    unplain()
    for interface in (transformers.AttentionInterface, transformers.AttentionMaskInterface):
        interface._global_mapping.pop("pi", None)
