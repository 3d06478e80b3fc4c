"""`patternc compile`: writes one readable PyTorch and Triton file a pattern."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from patternc import driver
from patternc.cli.common import DefineOption, FileArgument, PatternOption, fail, load_patterns
from patternc.files import write_atomically
from patternc.ir.instantiate import Instance

STAGES = ("ast", "ir", "plan", "flex")
MACHINE_CODE = ("ptx", "cubin", "hsaco")
TARGETS = ("sm_80", "sm_89", "sm_90", "sm_100", "gfx942")
DTYPES = ("bfloat16", "float16", "float32")


def compile_command(
    file: FileArgument,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="Where to write NAME.py.")
    ] = None,
    define: DefineOption = None,
    pattern: PatternOption = None,
    heads: Annotated[int | None, typer.Option("--heads", min=1, help="Query heads, where heads differ.")] = None,
    head_dim: Annotated[int, typer.Option("--head-dim", min=1, max=256, help="For --target.")] = 128,
    dtype: Annotated[str, typer.Option("--dtype", help=f"For --target: {', '.join(DTYPES)}.")] = "bfloat16",
    target: Annotated[
        str | None, typer.Option("--target", help=f"Compile ahead of time: {', '.join(TARGETS)}.")
    ] = None,
    emit: Annotated[
        str | None, typer.Option("--emit", help=f"Stages to print ({','.join(STAGES)}) or forms of --target to write.")
    ] = None,
) -> None:
    """Write DIR/NAME.py for each pattern: one readable file that imports torch and triton, and nothing of patternc."""
    wanted = [e.strip() for e in emit.split(",")] if emit is not None else []
    for name in wanted:
        if name not in (*STAGES, *MACHINE_CODE):
            fail(f"--emit {name}: expected some of {', '.join((*STAGES, *MACHINE_CODE))}")
    if target is not None and target not in TARGETS:
        fail(f"--target {target}: expected one of {', '.join(TARGETS)}")
    if dtype not in DTYPES:
        fail(f"--dtype {dtype}: expected one of {', '.join(DTYPES)}")
    forms = [name for name in wanted if name in MACHINE_CODE]
    if forms and target is None:
        fail(f"--emit {forms[0]} needs --target, one of {', '.join(TARGETS)}")
    if output is None and (not wanted or forms or target is not None):
        fail("nothing to do: give -o DIR to write the files to, or --emit to print stages")
    source, _, instances = load_patterns(file, pattern, define)
    if "ast" in wanted:
        sys.stdout.write(driver.tree_text(source))
    for one in instances:
        count = _heads(one, heads)
        for stage in wanted:
            if stage in ("ir", "plan", "flex"):
                sys.stdout.write(driver.stage_text(one, stage, count))
        if output is not None:
            _write(one, count, output, target, forms, head_dim, dtype)


def _heads(instance: Instance, given: int | None) -> int | None:
    """The head count to compile for; only a pattern whose heads differ needs one."""
    if given is not None:
        instance.heads(given)
    if not instance.depends_on_head:
        return None
    if given is None and instance.fixed_heads is None:
        count = instance.default_heads()
        print(f"{instance.name}: its heads differ; compiled for {count} of them (--heads sets it)", file=sys.stderr)
        return count
    return given or instance.fixed_heads


def _write(
    instance: Instance,
    heads: int | None,
    folder: Path,
    target: str | None,
    forms: list[str],
    head_dim: int,
    dtype: str,
) -> None:
    path = folder / f"{instance.name}.py"
    text = driver.emit(instance, heads)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)
    except OSError as error:
        fail(f"cannot write {path}: {error.strerror or error}")
    print(path)
    if target is None:
        return
    os.environ.pop("TRITON_INTERPRET", None)
    os.environ.setdefault("TRITON_DEFAULT_FP_FUSION", "1")  # Triton 3.9 warns where it is not said
    from patternc.runtime import loader
    from patternc.runtime.ahead import DTYPES as TORCH_DTYPES
    from patternc.runtime.ahead import FORMS, compile_ahead
    from patternc.runtime.ahead import TARGETS as GPUS

    possible = FORMS[GPUS[target].backend]
    for form in forms:
        if form not in possible:
            fail(f"--emit {form}: {target} has {', '.join(possible)}")
    for kernel in compile_ahead(loader.load(instance.name, text), target, head_dim, TORCH_DTYPES[dtype]):
        for form in forms or possible:
            code = kernel.forms[form]
            place = folder / f"{instance.name}.{kernel.name}.{target}.{form}"
            place.write_bytes(code if isinstance(code, bytes) else code.encode())
            print(f"{place}  ({kernel.shared} bytes of shared memory, {kernel.registers} registers)")
        if kernel.spilled:
            print(f"{kernel.name}: spills {kernel.spilled} bytes of each thread's registers", file=sys.stderr)
