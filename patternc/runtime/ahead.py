"""Compiles emitted kernels ahead of time, for a target that need not be at hand, and says what they take."""

from __future__ import annotations

import functools
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch
import triton
from triton import knobs
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from patternc.lowering.hopper import HEAD_DIMS

TARGETS = {
    "sm_80": GPUTarget("cuda", 80, 32),
    "sm_89": GPUTarget("cuda", 89, 32),
    "sm_90": GPUTarget("cuda", 90, 32),
    "sm_100": GPUTarget("cuda", 100, 32),
    "gfx942": GPUTarget("hip", "gfx942", 64),
}
SHARED = {"sm_80": 163 * 1024, "sm_89": 99 * 1024, "sm_90": 227 * 1024, "sm_100": 227 * 1024, "gfx942": 64 * 1024}
"""Bytes of shared memory that a program of a target can have."""
DESCRIPTORS = ("sm_90", "sm_100")
"""Targets whose kernels load by tensor descriptors too."""
FORMS = {"cuda": ("ptx", "cubin"), "hip": ("hsaco",)}
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
KINDS = ("forward", "backward_q", "backward_kv", "backward")
HOPPER_KERNELS = {
    "hopper": ("q", "out", "k", "v"),
    "hopper_q": ("q", "do", "dq", "k", "v"),
    "hopper_kv": ("k", "v", "dk", "dv", "q", "do"),
}
"""The kernels for Hopper, with the tensors that they know by descriptors; the last two of each come tile by tile.  The
first also knows the outputs of other branches by them, and the gate's."""

_SHORT = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}
_FLOAT32 = ("lse_ptr", "dlse_ptr", "norm_ptr", "delta_ptr", "weight_ptr", "dweight_ptr", "partial_ptr")
_INT32 = ("lengths_ptr", "start_ptr", "end_ptr")
_STREAMED = {"forward": "kv", "backward_q": "kv", "backward_kv": ("q", "do")}
_ALIGNED = [["tt.divisibility", 16]]


@dataclass(frozen=True)
class Use:
    """What a call asks of a kernel, as far as other code is compiled for it.  Strides are multiples of 16."""

    head_dim: int = 128
    dtype: torch.dtype = torch.bfloat16
    descriptors: bool = False
    group: int = 1
    """Query heads that share a head of keys."""
    lengths: bool = False
    wide: bool = False
    accumulate: bool = False
    """Whether it adds to gradients of another part."""
    lse_gradient: bool = False
    classes: int = 1
    """Residue classes in a tile."""


@dataclass(frozen=True)
class Compiled:
    """A kernel compiled for a target: machine code and intermediate forms, and what a program of it takes.

    ``shared`` and ``spilled`` are bytes, of a program and of a thread; ``registers`` are a thread's.
    """

    name: str
    forms: dict[str, str | bytes]
    shared: int
    registers: int
    spilled: int


def kernels(module: ModuleType) -> Iterator[tuple[str, str, Any, Any]]:
    """The kernels of an emitted file: name, kind, the part of the plan (None for what all share) and the function."""
    for part in module.PARTS:
        for kind in KINDS:
            if getattr(part, kind) is not None:
                yield f"{part.name}_{kind}", kind, part, getattr(part, kind)
    for kind in ("combine", "sum_slices"):
        if hasattr(module, kind):
            yield kind, kind, None, getattr(module, kind)


def chip_of(module: ModuleType, target: str) -> Any:
    """What an emitted file's choice of tiles asks of a target."""
    return module.Chip(SHARED[target], target in DESCRIPTORS, TARGETS[target].backend == "hip")


def describable(part: Any, use: Use) -> bool:
    """Whether the tiles of a part can be loaded by descriptors, and ever are."""
    if part is None or part.columns or part.guarded or len(part.periods) > 1:
        return False
    if use.lengths or use.dtype == torch.float32:
        return False
    return part.periods == (1,) or use.head_dim == _padded(use.head_dim)


def compile_ahead(module: ModuleType, target: str, head_dim: int, dtype: torch.dtype) -> Iterator[Compiled]:
    """Every kernel of an emitted file, compiled for ``target`` (a key of `TARGETS`) with no GPU needed.

    The common case: no `lengths`, no gradient of the log-sum-exp.  Kernels that load by descriptors end in ``_tma``.
    Those for Hopper are there where this Triton is the version that they are written for.
    """
    for name, kind, part, function in kernels(module):
        for descriptors in (False, True):
            use = Use(head_dim, dtype, descriptors)
            if descriptors and (target not in DESCRIPTORS or not describable(part, use)):
                continue
            tile = module.tiling(
                kind,
                head_dim,
                dtype,
                descriptors,
                chip=chip_of(module, target),
                heavy=part is not None and module._heavy(part, descriptors),
            )
            yield compile_settled(module, f"{name}_tma" if descriptors else name, kind, function, tile, use, target)
    if target != "sm_90" or dtype == torch.float32:
        return
    for part in module.PARTS:
        for kernel in HOPPER_KERNELS:
            if head_dim not in HEAD_DIMS[kernel] or getattr(part, kernel, None) is None:
                continue
            sizes = module.hopper_tile(kernel, part, head_dim)
            if sizes is None:
                continue
            made = compile_hopper(part, kernel, sizes, Use(head_dim, dtype))
            if not made.spilled:  # else the portable one is launched
                yield made


def compile_settled(
    module: ModuleType, name: str, kind: str, function: Any, tile: Any, use: Use, target: str
) -> Compiled:
    """One kernel with ``tile``, or with leaner sizes where the emitted file would take those, as it spills."""
    compiled = functools.cache(lambda one: compile_kernel(name, kind, function, one, use, target))
    return compiled(module.settled(tile, lambda one: compiled(one).spilled, use.classes > 1 or kind == "backward"))


def compile_kernel(name: str, kind: str, function: Any, tile: Any, use: Use, target: str) -> Compiled:
    """One kernel with the tile sizes of ``tile``.  Raises what Triton raises for sizes that it cannot compile."""
    constants = {
        **{"D": use.head_dim, "BLOCK_D": _padded(use.head_dim), "BLOCK_Q": tile.BLOCK_Q, "BLOCK_K": tile.BLOCK_K},
        **{"LENGTHS": use.lengths, "WIDE": use.wide, "TMA": use.descriptors, "LSE_GRADIENT": use.lse_gradient},
        "CLASSES": use.classes,
        "KEEP": True,
        "ACCUMULATE_KV": use.accumulate,
        **{"ACCUMULATE": use.accumulate, "PRECISION": "ieee" if use.dtype == torch.float32 else "tf32"},
        **({"group": 1, "served": 1} if use.group == 1 else {}),  # Triton compiles for a number of 1 apart
    }
    blocks = {"q": tile.BLOCK_Q, "do": tile.BLOCK_Q, "k": tile.BLOCK_K, "v": tile.BLOCK_K}
    streamed = {f"{x}_ptr": blocks[x] for x in _STREAMED.get(kind, ()) if use.descriptors}
    types = {**dict.fromkeys(_FLOAT32, "*fp32"), **dict.fromkeys(_INT32, "*i32")}
    signature: dict[str, str] = {}
    values: dict[tuple[int, ...], Any] = {}
    attributes: dict[tuple[int, ...], Any] = {}
    for i, argument in enumerate(function.arg_names):
        if argument in constants:
            signature[argument] = "constexpr"
            values[(i,)] = constants[argument]
        elif argument in streamed:
            shape = f"1, 1, {streamed[argument]}, {_padded(use.head_dim)}"
            signature[argument] = f"tensordesc<{_SHORT[use.dtype]}[{shape}]>"
        elif argument.endswith("_ptr"):
            signature[argument] = types.get(argument, f"*{_SHORT[use.dtype]}")
            attributes[(i,)] = _ALIGNED
        elif argument == "scale":
            signature[argument] = "fp32"
        else:
            signature[argument] = "i32"
            if "_s" in argument:
                attributes[(i,)] = _ALIGNED
    source = ASTSource(fn=function, signature=signature, constexprs=values, attrs=attributes)
    return _compiled(name, source, target, {"num_warps": tile.num_warps, "num_stages": tile.num_stages})


def compile_hopper(part: Any, kernel: str, tile: Any, use: Use) -> Compiled:
    """One of the kernels of a part for Hopper, with the sizes that `hopper_tile` gives."""
    from triton.experimental.gluon import language
    from triton.experimental.gluon._runtime import GluonASTSource

    function, (kept, streamed, ring, groups) = getattr(part, kernel), tile
    shared_layout: Any = language.NVMMASharedLayout
    (*keeps, first, second) = HOPPER_KERNELS[kernel]
    rows = {**{f"{x}_ptr": kept for x in keeps}, f"{first}_ptr": streamed, f"{second}_ptr": streamed}
    rows |= {x: kept for x in function.arg_names if re.fullmatch(r"(out_\d+|fused)_ptr", x)}
    constants = {"RING": ring, "GROUPS": groups, "KEEP": True, "LSE_GRADIENT": use.lse_gradient}
    constants |= {"group": 1, "batch": 1} if use.group == 1 else {}  # Triton compiles for a number of 1 apart
    signature: dict[str, str] = {}
    attributes: dict[tuple[int, ...], Any] = {}
    for i, argument in enumerate(function.arg_names):
        if argument in constants:
            signature[argument] = "constexpr"
        elif argument in rows:
            block = [1, 1, rows[argument], use.head_dim]
            dtype = language.bfloat16 if use.dtype == torch.bfloat16 else language.float16
            layout = shared_layout.get_default_for(block, dtype)
            signature[argument] = f"tensordesc<{_SHORT[use.dtype]}{block},{layout!r}>"
        elif argument.endswith("_ptr"):
            types = {**dict.fromkeys(_FLOAT32, "*fp32"), **dict.fromkeys(_INT32, "*i32")}
            signature[argument] = types.get(argument, f"*{_SHORT[use.dtype]}")
            attributes[(i,)] = _ALIGNED
        else:
            signature[argument] = "fp32" if argument == "scale" else "i32"
            if "_s" in argument:
                attributes[(i,)] = _ALIGNED
    values = {(i,): constants[x] for i, x in enumerate(function.arg_names) if x in constants}
    source = GluonASTSource(fn=function, signature=signature, constexprs=values, attrs=attributes)
    options = {"num_warps": 4, **({"maxnreg": 128} if kernel == "hopper_kv" else {})}
    return _compiled(function.__name__, source, "sm_90", options)


def _compiled(name: str, source: ASTSource, target: str, options: dict[str, int]) -> Compiled:
    built = triton.compile(source, target=TARGETS[target], options=options)
    registers, spilled = _amd(built.asm["amdgcn"]) if "amdgcn" in built.asm else _nvidia(built.asm["cubin"])
    return Compiled(name, dict(built.asm), built.metadata.shared, registers, spilled)


def _padded(head_dim: int) -> int:
    return max(16, triton.next_power_of_2(head_dim))


def _nvidia(cubin: bytes) -> tuple[int, int]:
    """Registers and spilled bytes of a thread, as the assembler wrote them down: local memory is for spills only."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        command = [knobs.nvidia.cuobjdump.path, "--dump-resource-usage", file.name]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"REG:(\d+) STACK:(\d+) .*LOCAL:(\d+)", text)
    if found is None:
        raise RuntimeError(f"cuobjdump says nothing of registers: {text.strip()}")
    return int(found[1]), int(found[2]) + int(found[3])


def _amd(assembly: str) -> tuple[int, int]:
    """Vector registers, and bytes of private memory, which is for spills only."""
    found = {
        key: int(value)
        for key, value in re.findall(r"\.(vgpr_count|agpr_count|private_segment_fixed_size):\s+(\d+)", assembly)
    }
    return found["vgpr_count"], found["private_segment_fixed_size"]
