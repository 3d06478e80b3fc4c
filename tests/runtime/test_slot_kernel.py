"""The kernel over slots compiles ahead of time for every target, as it is launched for one token and for a chunk."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import triton
from triton.compiler import ASTSource
from patternc.runtime.ahead import TARGETS
from patternc.runtime.slot_kernel import attend_slots

NAMES = attend_slots.arg_names
POINTERS = {"seen_ptr": "*u8", "start_ptr": "*i64", "count_ptr": "*i64", "segment_ptr": "*i64"}
POINTERS |= {"out_ptr": "*fp32", "lse_ptr": "*fp32"}
for target in TARGETS.values():
    # Code that Inductor compiled passes numbers in float64.
    for dtype, scale, tile, ones in (
        ("bf16", "fp32", 64, ("n_q", "heads", "kv_heads", "branches", "splits")), ("fp32", "fp64", 32, ())
    ):
        constants = {"D": 128, "BLOCK_R": 16, "BLOCK_S": tile, "BLOCK_D": 128, "PRECISION": "ieee"}
        # An argument that is 1 is a constant to Triton.
        constants |= dict.fromkeys(ones, 1)
        signature = {name: "i32" for name in NAMES} | POINTERS
        signature["scale"] = scale
        signature |= dict.fromkeys(("q_ptr", "k_ptr", "v_ptr"), "*" + dtype) | dict.fromkeys(constants, "constexpr")
        places = {(NAMES.index(name),): value for name, value in constants.items()}
        compiled = triton.compile(ASTSource(attend_slots, signature, constexprs=places), target=target)
        # The least that one of these targets has.
        assert compiled.metadata.shared <= 65536, (target, dtype, compiled.metadata.shared)
        print("compiled", target.arch, dtype)
"""


@pytest.mark.slow
def test_the_kernel_compiles_for_every_target() -> None:
    environment = {**os.environ, "TRITON_INTERPRET": "0", "PYTHONPATH": str(Path(__file__).parents[2])}
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment, timeout=250, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("compiled") == 10
