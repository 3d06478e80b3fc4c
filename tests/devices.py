"""The devices that a test runs on: the CPU everywhere, and a GPU where `-m gpu` asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]

_device = "cpu"


@contextmanager
def runs_on(device: str) -> Iterator[None]:
    """Where `here` moves what it is given.  Everything is made on the CPU first, where each device draws the same."""
    global _device
    before, _device = _device, device
    try:
        yield
    finally:
        _device = before


def here(x: Any) -> Any:
    """A tensor or a module on the device of the test."""
    return x.to(_device)
