"""`patternc explain`: which schedule each part of a pattern gets and why, and what it costs."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from patternc.cli.common import DefineOption, FileArgument, JsonOption, PatternOption, fail, load_patterns
from patternc.config import progress_wanted
from patternc.ir.expr import ExprError
from patternc.lowering.devices import DEVICES, Device

if TYPE_CHECKING:
    from collections.abc import Callable

    from patternc.ir.instantiate import Instance
    from patternc.lowering.cost import Cost

DTYPES = ("bfloat16", "float16", "float32")


def explain_command(
    file: FileArgument,
    define: DefineOption = None,
    pattern: PatternOption = None,
    n: Annotated[int, typer.Option("--n", min=1, max=1 << 30, help="Tokens of the sequence.")] = 16384,
    heads: Annotated[int | None, typer.Option("--heads", min=1, help="Query heads.")] = None,
    head_dim: Annotated[int, typer.Option("--head-dim", min=1, max=256, help="Columns of a head.")] = 128,
    dtype: Annotated[str, typer.Option("--dtype", help=f"One of {', '.join(DTYPES)}.")] = "bfloat16",
    device: Annotated[str, typer.Option("--device", help=f"For tiles and the floor: {', '.join(DEVICES)}.")] = "h200",
    as_json: JsonOption = False,
) -> None:
    """Show which schedule each part gets and why, what is live and what is computed, and the floor of a forward pass.

    Counts are exact, for one sequence of as many queries as keys.
    """
    if dtype not in DTYPES:
        fail(f"--dtype {dtype}: expected one of {', '.join(DTYPES)}")
    if device not in DEVICES:
        fail(f"--device {device}: expected one of {', '.join(DEVICES)}")
    _, _, instances = load_patterns(file, pattern, define)
    reports = [_cost(one, n, heads, head_dim, dtype, DEVICES[device]) for one in instances]
    if as_json:
        print(json.dumps([to_json(one, DEVICES[device]) for one in reports], indent=2))
        return
    from patternc.view.cost import print_cost

    for instance, report in zip(instances, reports, strict=True):
        print_cost(instance, report, DEVICES[device])


def _cost(instance: Instance, n: int, heads: int | None, head_dim: int, dtype: str, device: Device) -> Cost:
    from patternc.codegen.tiling import forward_tile
    from patternc.lowering.cost import cost, distinct_softmaxes
    from patternc.lowering.scan import TooLongError

    total = distinct_softmaxes(instance, heads)
    try:
        return cost(
            instance,
            n,
            lambda rows: forward_tile(head_dim, dtype, rows, device),
            heads,
            head_dim,
            dtype,
            _progress(instance.name, total),
        )
    except TooLongError as problem:
        fail(f"--n: {problem}")
    except ExprError as problem:
        fail(f"at this length a condition has no value ({problem}); a smaller --n may do")
    finally:
        if progress_wanted():
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _progress(name: str, total: int) -> Callable[[], None]:
    """Shows how many softmaxes are counted, on a terminal."""
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        if progress_wanted() and total > 1:
            print(f"\r  {name}: {done} of {total} softmaxes counted ", end="", file=sys.stderr, flush=True)

    return step


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
                "live_pairs": part.live,
                "computed_pairs": part.computed,
                "tile_waste": _waste(part.live, part.computed),
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
