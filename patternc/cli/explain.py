"""`patternc explain`: which schedule each part of a pattern gets and why, and what it costs."""

from __future__ import annotations

import json
from textwrap import fill
from typing import TYPE_CHECKING, Annotated, Any

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
from patternc.ir.expr import ExprError
from patternc.lowering.devices import DEVICES, Device
from patternc.passes import run

if TYPE_CHECKING:
    from patternc.ir.instantiate import Instance
    from patternc.lowering.cost import Cost


def explain_command(
    file: FileArgument,
    define: DefineOption = None,
    pattern: PatternOption = None,
    n: Annotated[int, typer.Option("--n", metavar="N", min=1, max=1 << 30, help="Tokens of the sequence.")] = 16384,
    heads: Annotated[int | None, typer.Option("--heads", metavar="H", min=1, help="Query heads.")] = None,
    head_dim: HeadDimOption = 128,
    dtype: DtypeOption = "bfloat16",
    device: Annotated[
        str,
        typer.Option(
            "--device",
            metavar="NAME",
            autocompletion=lambda: list(DEVICES),
            help=f"For tiles and the floor: {', '.join(DEVICES)}.",
        ),
    ] = "h200",
    as_json: JsonOption = False,
) -> None:
    """Show which schedule each part gets and why, what is live and what is computed, and the floor of a forward pass.

    Counts are exact, for one sequence of as many queries as keys.
    """
    check_dtype(dtype)
    if device not in DEVICES:
        fail(f"--device {device}: expected one of {', '.join(DEVICES)}")
    _, _, instances = load_patterns(file, pattern, define)
    reports = [run("cost", _cost, one, n, heads, head_dim, dtype, DEVICES[device]) for one in instances]
    if as_json:
        caches = [_cache_json(instance, n, one.heads) for instance, one in zip(instances, reports, strict=True)]
        entries = [to_json(one, DEVICES[device]) | {"cache": c} for one, c in zip(reports, caches, strict=True)]
        print(json.dumps(entries, indent=2))
        return
    from rich.console import Console

    from patternc.lowering.slots import cache_report
    from patternc.view.cost import print_cost

    width = Console().width - 1
    for instance, report in zip(instances, reports, strict=True):
        print_cost(instance, report, DEVICES[device])
        print(fill(cache_report(instance, n, report.heads).line(), width) + "\n")


def _cache_json(instance: Instance, n: int, heads: int) -> dict[str, Any]:
    """What a cache for decoding holds of each query head's keys, and why; or why there can be none."""
    from patternc.lowering.slots import cache_report

    report = cache_report(instance, n, heads)
    if report.refused is not None:
        return {"refused": report.refused}
    return {"keys": list(report.heads), "of": report.length, "share": report.share, "why": list(report.why)}


def _cost(instance: Instance, n: int, heads: int | None, head_dim: int, dtype: str, device: Device) -> Cost:
    from patternc.codegen.tiling import forward_tile
    from patternc.lowering.cost import cost, distinct_softmaxes
    from patternc.lowering.scan import TooLongError

    def tile(rows: int, shared: bool, heavy: bool) -> tuple[int, int]:
        return forward_tile(head_dim, dtype, rows, shared, heavy, device=device)

    try:
        with progress(f"{instance.name}: softmaxes counted", distinct_softmaxes(instance, heads)) as step:
            step("")
            return cost(instance, n, tile, heads, head_dim, dtype, lambda: step(""))
    except TooLongError as problem:
        fail(f"--n: {problem}")
    except ExprError as problem:
        fail(f"at this length a condition has no value ({problem}); a smaller --n may do")


def to_json(cost: Cost, device: Device) -> dict[str, Any]:
    """The stable machine-readable form: pairs over all heads and branches, seconds on the device."""

    def figures(pairs: int) -> dict[str, Any]:
        flops = cost.flops(pairs)
        return {"pairs": pairs, "flops": flops, "floor_seconds": device.seconds(flops, cost.bytes, cost.dtype)}

    return {
        "name": cost.name,
        "n": cost.n,
        "heads": cost.heads,
        "head_dim": cost.head_dim,
        "dtype": cost.dtype,
        "branches": cost.branches,
        "parts": [
            {
                "branch": part.branch,
                "heads": list(part.heads),
                "schedule": part.kind,
                "why": part.works[0].why,
                "terms": part.works[0].terms,
                "heads_alike": part.alike,
                "tile": list(part.works[0].tile),
                "tiles": part.tiles,
                "classes_in_a_tile": part.works[0].classes,
                "live_pairs": part.live,
                "computed_pairs": part.computed,
                "tile_waste": _waste(part.live, part.computed),
                "not_hopper": part.not_hopper,
                "sinks": part.sinks,
            }
            for part in cost.parts
        ],
        "live": figures(cost.live),
        "computed": figures(cost.computed),
        "tile_waste": _waste(cost.live, cost.computed),
        "bytes": cost.bytes,
        "bound": device.bound(cost.flops(cost.live), cost.bytes, cost.dtype),
        "device": {
            "name": device.name,
            "flops_per_second": device.rate(cost.dtype),
            "bytes_per_second": device.memory,
            "source": device.source,
        },
        "dense_causal": figures(cost.dense_causal),
        "dense_full": figures(cost.dense_full),
        "block_sparse_128": figures(cost.block_sparse),
    }


def _waste(live: int, computed: int) -> float:
    """The share of the computed pairs that are masked out."""
    return 1 - live / computed if computed else 0.0
