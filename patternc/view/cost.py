"""The cost of a pattern as tables."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from patternc.lowering import hopper
from patternc.view.console import Output
from patternc.view.names import heads_label

if TYPE_CHECKING:
    from patternc.ir.instantiate import Instance
    from patternc.lowering.cost import Cost, PartCost
    from patternc.lowering.devices import Device


def print_cost(instance: Instance, cost: Cost, device: Device, console: Console | None = None) -> None:
    """Show which schedule each part has and why, and what the whole costs against dense and block-sparse attention."""
    console = console or Output()
    values = ", ".join(f"{name} = {value}" for name, value in instance.values.items())
    console.print(Text(f"{cost.name}({values})" if values else cost.name, style="bold"))
    console.print(
        f"n = {cost.n:,}, {cost.heads} heads of {cost.head_dim} columns, {cost.dtype}; forward, one sequence",
        style="dim",
    )
    if instance.needs_documents:
        console.print("documents come at run time: the sequence is counted as one", style="dim")
    console.print()
    for index, part in enumerate(cost.parts):
        _print_part(console, cost, part, index)
    console.print(_totals(cost, device))
    floor = device.seconds(cost.flops(cost.live), cost.bytes, cost.dtype)
    bound = device.bound(cost.flops(cost.live), cost.bytes, cost.dtype)
    console.print(
        f"Q, K, V read once and the output written once are {_si(cost.bytes)}B.  On {device.name} no kernel is faster "
        f"than {_time(floor)}; {bound} is the limit ({_si(device.rate(cost.dtype))}FLOP/s, {_si(device.memory)}B/s; "
        f"{device.source}).",
        style="dim",
    )
    console.print()


def _print_part(console: Console, cost: Cost, part: PartCost, index: int) -> None:
    where = f"branch {part.branch}, " if cost.branches > 1 else ""
    who = "every head" if len(part.heads) == cost.heads else heads_label(part.heads)
    work = part.works[0]
    head = Text(f"{index + 1}. ").append(work.kind, style="bold cyan").append(f"  {where}{who}", style="dim")
    console.print(head)
    lines = [work.terms + ("" if part.alike else f" (head {part.heads[0]}; the numbers differ by head)"), work.why]
    tiles = f"{part.tiles:,} tile{'s' if part.tiles != 1 else ''}, {work.tile[0]} x {work.tile[1]}"
    if work.classes > 1:
        tiles += f", {work.classes} residue classes side by side"
    lines.append(
        f"{_count(part.live)} of {_count(part.computed)} computed pairs are live, "
        f"{_waste(part.live, part.computed)} waste ({tiles})"
    )
    if part.sinks:
        keys = "key has" if part.sinks == 1 else f"{part.sinks:,} keys have"
        lines.append(f"the first {keys} gradients that are summed in slices of the queries, unless many heads are busy")
    names = {"hopper": "output", "hopper_q": "dQ", "hopper_kv": "dK and dV"}
    if made := [kernel for kernel in names if part.not_hopper[kernel] is None]:
        why = "".join(f"; not {names[kernel]}: {part.not_hopper[kernel]}" for kernel in names if kernel not in made)
        usual = " and ".join(str(d) for d in hopper.HEAD_DIMS["hopper_q"])
        more = " or ".join(str(d) for d in hopper.HEAD_DIMS["hopper_kv"] if d not in hopper.HEAD_DIMS["hopper_q"])
        too = f" (of {more} where they are faster)" if "hopper_kv" in made else ""
        lines.append(
            f"{', '.join(names[kernel] for kernel in made)} also by kernels for Hopper, in Gluon: with Triton "
            f"{hopper.TRITON} on compute capability 9.0, for 16-bit heads of {usual} columns{too}, in calls that "
            f"descriptors serve{why}"
        )
    for line in lines:
        console.print(Text(fill(line, console.width - 1, initial_indent="   ", subsequent_indent="   ")))
    console.print()


def _totals(cost: Cost, device: Device) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for name in ("pairs", "FLOPs", "floor", "of causal", "to live"):
        table.add_column(name, justify="right")
    rows = (
        ("live", cost.live, "bold"),
        ("in these tiles", cost.computed, "bold"),
        ("in 128 x 128 blocks", cost.block_sparse, ""),
        ("dense, causal", cost.dense_causal, ""),
        ("dense, full", cost.dense_full, ""),
    )
    for name, pairs, style in rows:
        flops = cost.flops(pairs)
        table.add_row(
            name,
            _count(pairs),
            _si(flops),
            _time(device.seconds(flops, cost.bytes, cost.dtype)),
            _share(pairs, cost.dense_causal),
            f"{pairs / cost.live:.3g}x" if cost.live else "-",
            style=style,
        )
    return table


def _count(pairs: int) -> str:
    return f"{pairs:,}" if pairs < 10**6 else _si(pairs)


def _si(value: float) -> str:
    """Three digits and a letter for the power of a thousand."""
    for letter in ("", "k", "M", "G", "T", "P"):
        if abs(value) < 999.5:
            return f"{value:.3g} {letter}".rstrip() if not letter else f"{value:.3g} {letter}"
        value /= 1000
    return f"{value:.3g} E"


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:.3f} ms" if seconds >= 1e-4 else f"{seconds * 1e6:.2f} µs"


def _waste(live: int, computed: int) -> str:
    return f"{100 * (1 - live / computed):.1f} %" if computed else "nothing"


def _share(pairs: int, whole: int) -> str:
    share = 100 * pairs / whole
    return f"{share:.3g} %" if share < 999.5 else f"{share:,.0f} %"
