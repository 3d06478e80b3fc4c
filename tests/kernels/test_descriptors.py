"""Tiles through tensor descriptors, in the interpreter: dense rows and residue classes, forward and backward."""

from __future__ import annotations

import pytest

from tests.kernels.schedules import HEADS, check, pattern

CASES = {
    "several tiles": dict(nq=120, nk=120, head_dim=16),
    "a chunk of queries, grouped heads": dict(nq=30, nk=60, kv_heads=1, head_dim=32),
}
"""Lengths that the periods of the patterns divide."""


@pytest.mark.parametrize("given", CASES.values(), ids=CASES)
@pytest.mark.parametrize("name", ["band", "residue", "sink", "gate"])
def test_descriptors(name: str, given: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    module = pattern(name).module(HEADS)
    used: list[int] = []
    original = module._descriptor_layout

    def seen(x: object, period: int, block: int) -> object:
        used.append(period)
        return original(x, period, block)

    monkeypatch.setattr(module, "_descriptor_layout", seen)
    monkeypatch.setattr(module, "DESCRIPTORS", True)
    check(name, dtype="float16", **given)
    assert used, "no tile came through a descriptor"
