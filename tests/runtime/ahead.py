"""Every configuration that a launch can choose, compiled for targets that are not at hand.

    python -m tests.runtime.ahead < cases.json > findings.json

runs without Triton's interpreter, which the tests' own process has switched on.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
TARGETS = ("sm_80", "sm_89", "sm_90", "sm_100", "gfx942")
KINDS = ("forward", "backward_q", "backward_kv")
ROWS = (16, 32, 512, 2**30)
"""Rows of a residue class: the shortest, short ones, and those that are many tiles long."""
HEAD_DIMS = (64, 128, 256)
DTYPES = ("bfloat16", "float16", "float32")


@dataclass(frozen=True)
class Config:
    """A kernel of a pattern of `tests.kernels.schedules`, and what a call asks of it."""

    pattern: str
    part: int
    kind: str
    target: str
    head_dim: int = 128
    dtype: str = "bfloat16"
    rows: int = 2**30
    descriptors: bool = False
    extras: bool = False
    """Lengths of rows, grouped heads, gradients that are added up, and one of the log-sum-exp."""
    classes: int = 1
    """Residue classes side by side in a tile."""


@dataclass(frozen=True)
class Found:
    """What a program takes, and what the file's own bound and the target allow."""

    shared: int
    bound: int
    limit: int
    registers: int
    spilled: int


def configurations(target: str, pattern: str) -> Iterator[Config]:
    """All of them for one pattern.  Only half precision has tiles for short classes, and float16 is like bfloat16."""
    from tests.kernels.schedules import HEADS
    from tests.kernels.schedules import pattern as loaded

    for i, part in enumerate(loaded(pattern).module(HEADS).PARTS):
        for kind in KINDS:
            for head_dim in HEAD_DIMS:
                for dtype in ("bfloat16", "float32"):
                    for rows in ROWS if dtype == "bfloat16" else ROWS[-1:]:
                        for extras in (False, True):
                            yield Config(pattern, i, kind, target, head_dim, dtype, rows, extras=extras)
                if target in ("sm_90", "sm_100") and not (part.columns or part.guarded) and len(part.periods) == 1:
                    for rows in ROWS:
                        yield Config(pattern, i, kind, target, head_dim, rows=rows, descriptors=True)
        if part.backward is not None:
            yield from packed(pattern, i, target)


def packed(pattern: str, part: int, target: str) -> Iterator[Config]:
    """Those with residue classes side by side: at once where that is done, else one gradient after the other."""
    for head_dim in HEAD_DIMS:
        for extras in (False, True):
            for classes in (1, 2):
                at_once = target in ("sm_90", "sm_100") and head_dim <= 128
                for kind in ("forward", "backward") if at_once else KINDS:
                    if classes > 1 or kind == "backward":
                        yield Config(pattern, part, kind, target, head_dim, extras=extras, classes=classes)


def found(configs: list[Config]) -> list[Found]:
    """What the compiler says of them, in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TRITON_DEFAULT_FP_FUSION": "1"}
    environment.pop("TRITON_INTERPRET", None)
    done = subprocess.run(
        [sys.executable, "-m", "tests.runtime.ahead"], input=json.dumps([asdict(c) for c in configs]),
        capture_output=True, text=True, env=environment, cwd=ROOT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return [Found(**one) for one in json.loads(done.stdout)]


def compiled(config: Config) -> Found:
    from patternc.runtime import ahead

    module = _module(config.pattern)
    part = module.PARTS[config.part]
    dtype = ahead.DTYPES[config.dtype]
    if config.kind in ahead.HOPPER_KERNELS:
        use = ahead.Use(config.head_dim, dtype, group=2 if config.extras else 1, lse_gradient=config.extras)
        result = ahead.compile_hopper(part, config.kind, module.hopper_tile(config.kind, part, config.head_dim), use)
        limit = ahead.SHARED[config.target]
        return Found(result.shared, limit, limit, result.registers, result.spilled)
    chip = ahead.chip_of(module, config.target)
    if config.kind == "backward" or config.classes > 1:
        tile = module.packing(config.kind, config.head_dim, dtype, chip, 2 if config.extras else 1)
    else:
        heavy = module._heavy(part, config.descriptors)
        tile = module.tiling(config.kind, config.head_dim, dtype, config.descriptors, config.rows, chip, heavy)
    use = ahead.Use(
        config.head_dim, dtype, config.descriptors, group=2 if config.extras else 1, lengths=config.extras,
        accumulate=config.extras, lse_gradient=config.extras, classes=config.classes,
    )  # fmt: skip
    assert not use.descriptors or ahead.describable(part, use)
    result = ahead.compile_settled(module, "", config.kind, getattr(part, config.kind), tile, use, config.target)
    bound = module.shared_bytes(config.kind, tile, config.head_dim, dtype, chip)
    return Found(result.shared, bound, chip.shared, result.registers, result.spilled)


@cache
def _module(pattern: str) -> ModuleType:
    import patternc
    from tests.kernels.schedules import HEADS, PATTERNS

    return patternc.loads(PATTERNS[pattern]).module(HEADS)


if __name__ == "__main__":
    cases = [Config(**one) for one in json.load(sys.stdin)]
    json.dump([asdict(compiled(case)) for case in cases], sys.stdout)
