"""The tile sizes of the emitted kernels, from the rule that the emitted file itself holds."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any, NamedTuple

from patternc import resources
from patternc.lowering.devices import Device


def forward_tile(head_dim: int, dtype: str, rows: int, shared: bool, heavy: bool, *, device: Device) -> tuple[int, int]:
    """Queries and keys of a tile of a forward kernel whose residue classes have ``rows`` rows.

    With ``shared``, of a tile in which several classes lie side by side; ``heavy`` as the rule means it.
    """
    rule = _rule()
    chip = rule["Chip"](device.shared * 1024, device.hopper, device.hip)
    if shared:
        tile = rule["packing"]("forward", head_dim, dtype, chip)
    else:
        tile = rule["tiling"]("forward", head_dim, dtype, rows=rows, chip=chip, heavy=heavy)
    return tile.BLOCK_Q, tile.BLOCK_K


@cache
def _rule() -> dict[str, Any]:
    """`tiling` of the template and what it calls, plain Python: run here, so that there is one rule and not two."""
    source = (resources.folder("templates") / "module" / "tiling.py.j2").read_text(encoding="utf-8")
    names: dict[str, Any] = {
        "NamedTuple": NamedTuple,
        "torch": SimpleNamespace(float32="float32"),
        "INTERPRETED": False,
        "DOCUMENTS": False,
        "BRANCHES": 1,
        "MAX_TOKENS": 1 << 30,
    }
    exec("from __future__ import annotations\n" + source, names)
    return names
