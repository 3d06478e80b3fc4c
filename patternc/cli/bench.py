"""`patternc bench`: times a pattern on the GPU against FlexAttention, dense attention and the permute trick."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from patternc.cli.common import (
    DefineOption,
    DtypeOption,
    FileArgument,
    HeadDimOption,
    JsonOption,
    PatternOption,
    check_dtype,
    fail,
    load_patterns,
)
from patternc.cli.console import progress

if TYPE_CHECKING:
    from patternc.ir.instantiate import Instance
    from patternc.runtime.bench import Line, Options, Shape, Subject

HEADS = 16


def bench_command(
    file: FileArgument,
    define: DefineOption = None,
    pattern: PatternOption = None,
    n: Annotated[
        list[int] | None, typer.Option("--n", metavar="N", min=1, help="Tokens (may be repeated); 16384.")
    ] = None,
    heads: Annotated[
        int | None, typer.Option("--heads", metavar="H", min=1, help="Query heads, and as many key heads.")
    ] = None,
    head_dim: HeadDimOption = 128,
    dtype: DtypeOption = "bfloat16",
    forward: Annotated[bool, typer.Option("--forward", help="The forward pass only.")] = False,
    tuned: Annotated[bool, typer.Option("--tuned", help="FlexAttention tuned too, a minute each.")] = False,
    cold: Annotated[bool, typer.Option("--cold", help="Also the time to a first result from empty caches.")] = False,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="OUT", help="Write every figure to this file.")] = None,
    plot: Annotated[Path | None, typer.Option("--plot", metavar="OUT", help="Draw ours beside the best peer.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Time a file's patterns on the GPU, forward and backward, each variant first checked against float64.

    Medians of the device's time: cool (a pause before each burst) and hot, all variants interleaved in one process.
    """
    check_dtype(dtype)
    source, program, instances = load_patterns(file, pattern, define)
    counts = [_heads(one, heads) for one in instances]
    from patternc.runtime import bench

    if bench.gpu_name() is None:
        fail("bench needs a GPU, and torch sees none here; `patternc test` runs the kernels without one", 1)
    from patternc.pattern import Pattern

    peers = tuple(p for p in bench.PEERS if tuned or p != "flex-tuned")
    options = bench.Options(peers=peers, backward=not forward, command=shlex.join(["patternc", *sys.argv[1:]]))
    lines: list[Line] = []
    for one, count in zip(instances, counts, strict=True):
        compiled = Pattern(one, program, source)
        subject = bench.Subject(compiled, one, source.text, _label(one))
        for length in n or [16384]:
            shape = bench.Shape(length, count, head_dim, dtype)
            row = f"{one.name}, {shape}"
            try:
                lines += _measure(subject, shape, row, options, cold, as_json)
            except bench.DeviceLostError as lost:
                fail(f"{row}: the GPU stopped answering: {lost}", 1)
    try:
        if csv is not None:
            csv.unlink(missing_ok=True)
            bench.write(csv, lines)
        if plot is not None:
            bench.plot(plot, [{k: "" if v is None else str(v) for k, v in asdict(x).items()} for x in lines])
    except (OSError, ValueError) as problem:
        fail(str(problem), 1)
    if as_json:
        print(json.dumps([asdict(line) for line in lines], indent=2))
    wrong = [line for line in lines if line.variant.startswith("patternc") and line.status != "ok"]
    if wrong:
        fail("; ".join(f"{line.row}: {line.variant}: {line.status}" for line in wrong), 1)


def _heads(instance: Instance, given: int | None) -> int:
    count = given or (instance.default_heads() if instance.depends_on_head else HEADS)
    instance.heads(count)
    return count


def _label(instance: Instance) -> str:
    values = ", ".join(f"{name} = {value}" for name, value in instance.values.items())
    return f"{instance.name}({values})" if values else instance.name


def _measure(subject: Subject, shape: Shape, row: str, options: Options, cold: bool, silent: bool) -> list[Line]:
    from patternc.runtime import bench

    with progress(row) as step:
        lines = bench.measure(subject, shape, row, options=options, progress=step)
        starts = bench.measure_cold(subject, shape, f"{row}, cold", options=options) if cold else []
    if not silent:
        where = f"{lines[0].device}, torch {lines[0].torch}, triton {lines[0].triton}"
        print(f"{subject.label}, {shape}; {lines[0].live_pairs} live pairs; {where}")
        print(bench.table(lines))
        if starts:
            print(bench.cold_table(starts))
        print(flush=True)
    return lines + starts
