"""`patternc compile`: writes one readable PyTorch and Triton file a pattern."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from patternc import driver
from patternc.cli.common import (
    DefineOption,
    DtypeOption,
    FileArgument,
    HeadDimOption,
    PatternOption,
    check_dtype,
    fail,
    load_patterns,
)
from patternc.cli.console import note, progress, told
from patternc.files import write_atomically
from patternc.ir.instantiate import Instance
from patternc.passes import run

STAGES = ("ast", "ir", "plan", "flex")
MASK = "mask"
MACHINE_CODE = ("ptx", "cubin", "hsaco")
TARGETS = ("sm_80", "sm_89", "sm_90", "sm_100", "gfx942")
LENGTH = 1024
"""Tokens of `--emit mask` unless said otherwise."""


def compile_command(
    file: FileArgument,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="Where to write NAME.py.")
    ] = None,
    define: DefineOption = None,
    pattern: PatternOption = None,
    heads: Annotated[
        int | None, typer.Option("--heads", metavar="H", min=1, help="Query heads, where heads differ.")
    ] = None,
    head_dim: HeadDimOption = 128,
    dtype: DtypeOption = "bfloat16",
    target: Annotated[
        str | None,
        typer.Option(
            "--target",
            metavar="NAME",
            autocompletion=lambda: list(TARGETS),
            help=f"Compile ahead of time: {', '.join(TARGETS)}.",
        ),
    ] = None,
    emit: Annotated[
        str | None,
        typer.Option(
            "--emit",
            metavar="FORMS",
            autocompletion=lambda: [*STAGES, MASK, *MACHINE_CODE],
            help=f"Stages to print ({','.join(STAGES)}), forms of --target to write ({','.join(MACHINE_CODE)}), or "
            "mask: the dense mask as DIR/NAME.mask.npy, bool (branches, heads, n, n).",
        ),
    ] = None,
    n: Annotated[
        int | None, typer.Option("--n", metavar="N", min=1, help=f"For --emit mask: tokens; {LENGTH}.")
    ] = None,
    documents: Annotated[
        str | None,
        typer.Option("--cu-seqlens", metavar="0,...,N", help="For --emit mask: where documents begin and end."),
    ] = None,
) -> None:
    """Write DIR/NAME.py for each pattern: one readable file that imports torch and triton, and nothing of patternc.

    The file takes heads of any width and type; --head-dim and --dtype are those that --target compiles for.
    """
    wanted = [e.strip() for e in emit.split(",")] if emit is not None else []
    for name in wanted:
        if name not in (*STAGES, MASK, *MACHINE_CODE):
            fail(f"--emit{name and ' ' + name}: expected some of {', '.join((*STAGES, MASK, *MACHINE_CODE))}")
    if target is not None and target not in TARGETS:
        fail(f"--target {target}: expected one of {', '.join(TARGETS)}")
    check_dtype(dtype)
    forms = [name for name in wanted if name in MACHINE_CODE]
    if forms and target is None:
        fail(f"--emit {forms[0]} needs --target, one of {', '.join(TARGETS)}")
    if MASK not in wanted and (n is not None or documents is not None):
        fail(f"{'--n' if n is not None else '--cu-seqlens'} is for --emit mask")
    ends = _ends(documents, n)
    if output is None and MASK in wanted:
        fail("--emit mask writes a file: give -o DIR")
    if output is None and (not wanted or forms or target is not None):
        fail("nothing to do: give -o DIR to write the files to, or --emit to print stages")
    if target is not None:
        _check_forms(target, forms)
    source, _, instances = load_patterns(file, pattern, define)
    if "ast" in wanted:
        sys.stdout.write(driver.tree_text(source))
    for one in instances if MASK in wanted else ():
        _check_documents(one, ends)
    for one in instances:
        count = _heads(one, heads)
        for stage in wanted:
            if stage in ("ir", "plan", "flex"):
                sys.stdout.write(driver.stage_text(one, stage, count))
        if output is not None:
            _write(one, count, output, target, forms, head_dim, dtype)
            if MASK in wanted:
                _write_mask(one, count, output, n or (ends[-1] if ends else LENGTH), ends)


def _heads(instance: Instance, given: int | None) -> int | None:
    """The head count to compile for; only a pattern whose heads differ needs one."""
    if given is not None:
        instance.heads(given)
    if not instance.depends_on_head:
        return None
    if given is None and instance.fixed_heads is None:
        count = instance.default_heads()
        note(f"{instance.name}: its heads differ; compiled for {count} of them (--heads sets it)")
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
    with _writing(path):
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)
    told(path)
    if target is None:
        return
    from patternc.runtime import loader
    from patternc.runtime.ahead import DTYPES as TORCH_DTYPES
    from patternc.runtime.ahead import FORMS, compile_ahead
    from patternc.runtime.ahead import TARGETS as GPUS

    possible = FORMS[GPUS[target].backend]
    module = loader.load(instance.name, text)
    with progress(f"compiling {instance.name} for {target}"):
        kernels = run("assemble", lambda: list(compile_ahead(module, target, head_dim, TORCH_DTYPES[dtype])))
    for kernel in kernels:
        for form in forms or possible:
            code = kernel.forms[form]
            place = folder / f"{instance.name}.{kernel.name}.{target}.{form}"
            with _writing(place):
                place.write_bytes(code if isinstance(code, bytes) else code.encode())
            told(f"{place}  ({kernel.shared} bytes of shared memory, {kernel.registers} registers)")
        if kernel.spilled:
            note(f"{kernel.name}: spills {kernel.spilled} bytes of each thread's registers")


def _write_mask(instance: Instance, heads: int | None, folder: Path, n: int, ends: list[int] | None) -> None:
    """The dense mask as a .npy file: bool (branches, heads, n, n), one head where all are alike."""
    import numpy as np

    from patternc.view.mask import mask_array

    with progress(f"the mask of {instance.name}"):
        mask = run("mask", mask_array, instance, n, heads, ends)
    path = folder / f"{instance.name}.mask.npy"
    with _writing(path):
        np.save(path, mask)
    told(f"{path}  (bool {' x '.join(map(str, mask.shape))}: branches, heads, queries, keys)")


def _check_forms(target: str, forms: list[str]) -> None:
    """Refuses forms that the target's compiler does not give."""
    # Triton reads the variables when it is imported.
    os.environ.pop("TRITON_INTERPRET", None)
    os.environ.setdefault("TRITON_DEFAULT_FP_FUSION", "1")  # Triton 3.9 warns where it is not said
    from patternc.runtime.ahead import FORMS, TARGETS

    possible = FORMS[TARGETS[target].backend]
    for form in forms:
        if form not in possible:
            fail(f"--emit {form}: {target} has {', '.join(possible)}")


def _check_documents(instance: Instance, ends: list[int] | None) -> None:
    if ends is not None and not instance.needs_documents:
        fail(f"--cu-seqlens: {instance.name} does not speak of documents")
    if ends is None and instance.needs_documents:
        fail(f"--emit mask: {instance.name} speaks of documents; say where they begin and end: --cu-seqlens 0,...,N")


def _ends(text: str | None, n: int | None) -> list[int] | None:
    """The numbers of `--cu-seqlens`."""
    if text is None:
        return None
    parts = [p.strip() for p in text.split(",")]
    ends = [int(p) for p in parts if p.isascii() and p.isdecimal() and len(p) < 12]
    if len(ends) != len(parts) or len(ends) < 2 or ends[0] != 0 or ends[-1] == 0 or ends != sorted(ends):
        fail(f"--cu-seqlens {text}: expected numbers that grow from 0 to the length, as in 0,300,1024")
    if n is not None and ends[-1] != n:
        fail(f"--cu-seqlens {text}: the last document ends at {ends[-1]}, and --n is {n}")
    return ends


@contextmanager
def _writing(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        fail(f"cannot write {path}: {error.strerror or error}")
