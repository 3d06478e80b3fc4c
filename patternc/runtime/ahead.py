"""Compiles emitted kernels ahead of time, for a target that need not be at hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

TARGETS = {
    "sm_80": GPUTarget("cuda", 80, 32),
    "sm_90": GPUTarget("cuda", 90, 32),
    "sm_100": GPUTarget("cuda", 100, 32),
    "gfx942": GPUTarget("hip", "gfx942", 64),
}
FORMS = {"cuda": ("ptx", "cubin"), "hip": ("hsaco",)}
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

_POINTERS = {torch.float32: "*fp32", torch.bfloat16: "*bf16", torch.float16: "*fp16"}
_FLOAT32 = ("lse_ptr", "dlse_ptr", "norm_ptr", "delta_ptr", "weight_ptr", "dweight_ptr")
_INT32 = ("lengths_ptr", "start_ptr", "end_ptr")
_ALIGNED = [["tt.divisibility", 16]]


@dataclass(frozen=True)
class Compiled:
    """A kernel compiled for a target: its machine code and intermediate forms, and its shared memory in bytes."""

    name: str
    forms: dict[str, str | bytes]
    shared: int


def kernels(module: ModuleType) -> Iterator[tuple[str, str, Any]]:
    """The kernels of an emitted file: name, which tiling it takes, and the function."""
    for part in module.PARTS:
        for kind in ("forward", "backward_q", "backward_kv"):
            yield f"{part.name}_{kind}", kind, getattr(part, kind)
    if hasattr(module, "combine"):
        yield "combine", "combine", module.combine


def compile_ahead(module: ModuleType, target: str, head_dim: int, dtype: torch.dtype) -> Iterator[Compiled]:
    """Every kernel of an emitted file, compiled for ``target`` (a key of `TARGETS`) with no GPU needed.

    The common case: strides that 16 divides, no `lengths`, no gradient of the log-sum-exp.
    """
    for name, kind, function in kernels(module):
        tile = module.tiling(kind, head_dim, dtype)
        constants = {
            **{"D": head_dim, "BLOCK_D": max(16, triton.next_power_of_2(head_dim))},
            **{"BLOCK_Q": tile.BLOCK_Q, "BLOCK_K": tile.BLOCK_K, "LENGTHS": False, "WIDE": False, "TMA": False},
            **{"LSE_GRADIENT": False, "ACCUMULATE": False, "PRECISION": "ieee" if dtype == torch.float32 else "tf32"},
        }
        signature: dict[str, str] = {}
        values: dict[tuple[int, ...], Any] = {}
        attributes: dict[tuple[int, ...], Any] = {}
        for i, argument in enumerate(function.arg_names):
            if argument in constants:
                signature[argument] = "constexpr"
                values[(i,)] = constants[argument]
            elif argument.endswith("_ptr"):
                kinds = {**dict.fromkeys(_FLOAT32, "*fp32"), **dict.fromkeys(_INT32, "*i32")}
                signature[argument] = kinds.get(argument, _POINTERS[dtype])
                attributes[(i,)] = _ALIGNED
            elif argument == "scale":
                signature[argument] = "fp32"
            else:
                signature[argument] = "i32"
                if "_s" in argument:
                    attributes[(i,)] = _ALIGNED
        source = ASTSource(fn=function, signature=signature, constexprs=values, attrs=attributes)
        options = {"num_warps": tile.num_warps, "num_stages": tile.num_stages}
        built = triton.compile(source, target=TARGETS[target], options=options)
        yield Compiled(name, dict(built.asm), built.metadata.shared)
