"""Timings as lines of a table: printed, appended to a CSV row by row, and drawn."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

from patternc.runtime.bench.variants import OURS


class Machine(NamedTuple):
    """What is measured on, and by which versions: the first columns of every line."""

    device: str
    torch: str
    triton: str


@dataclass
class Line:
    """One variant of one row.  Times are medians, in milliseconds of the device; an empty field was not measured."""

    device: str
    torch: str
    triton: str
    command: str
    row: str
    """What a row is found by again: its kind, pattern and shape."""
    pattern: str
    n: int
    heads: int
    head_dim: int
    dtype: str
    variant: str
    exact: bool = True
    """Whether the variant computes the pattern; else it is dense attention, for comparison."""
    status: str = "ok"
    live_pairs: int | None = None
    forward_ms: float | None = None
    forward_hot_ms: float | None = None
    forward_floor_ms: float | None = None
    forward_of_floor: float | None = None
    """The floor as a share of the time."""
    forward_ratio: float | None = None
    """Ours over the best exact peer's; below 1 is faster."""
    forward_best_peer: str | None = None
    backward_ms: float | None = None
    backward_hot_ms: float | None = None
    backward_floor_ms: float | None = None
    backward_of_floor: float | None = None
    backward_ratio: float | None = None
    backward_best_peer: str | None = None
    forward_extra_mib: float | None = None
    """Peak memory beyond inputs and outputs, what is kept for the backward pass among it."""
    backward_extra_mib: float | None = None
    forward_host_us: float | None = None
    """Host time of the call that is timed, which records gradients where there is a backward pass."""
    inference_host_us: float | None = None
    """Host time of a call without gradients."""
    backward_host_us: float | None = None
    output_error: float | None = None
    """The largest relative error of an output row against float64."""
    gradient_error: float | None = None
    """The largest relative error of a gradient against float64."""
    repeatable: bool | None = None
    """Whether two runs agreed bit for bit, gradients too."""
    setup_s: float | None = None
    """Building (a BlockMask, say), compiling, and the first run of everything, with whatever caches there were."""
    first_result_s: float | None = None
    """From the pattern's text, caches empty, to the first output."""
    first_gradient_s: float | None = None
    other_n: int | None = None
    """Another length, a multiple of 16 if n / 2 is; then one that is odd."""
    other_n_s: float | None = None
    """The first call at that length."""
    other_n_kernels: int | None = None
    """Kernels that were compiled for it."""
    odd_n_s: float | None = None
    odd_n_kernels: int | None = None


COLUMNS = [f.name for f in fields(Line)]


def write(path: Path, lines: Iterable[Line]) -> None:
    """Appends a row's lines in one piece.  Raises `ValueError` where the file has other columns, and `OSError`."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    if not _read(path):
        writer.writeheader()
    writer.writerows({c: _cell(getattr(line, c)) for c in COLUMNS} for line in lines)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8", newline="") as file:
        file.write(text.getvalue())
        file.flush()
        os.fsync(file.fileno())


def _cell(value: Any) -> Any:
    return f"{value:.5g}" if isinstance(value, float) else value


def _read(path: Path) -> list[list[str]]:
    """The lines of a CSV that `write` wrote, its header first; nothing where there is no file."""
    if not path.exists() or path.stat().st_size == 0:
        return []
    with path.open(encoding="utf-8", newline="") as file:
        found = list(csv.reader(file))
    if found[0] != COLUMNS:
        raise ValueError(f"{path} has other columns; name another file")
    return found


def load(path: Path) -> list[dict[str, str]]:
    """The lines of a CSV; where a row was measured more than once, its last.  Raises `ValueError`, as `write`."""
    last: dict[tuple[str, ...], dict[str, str]] = {}
    for cells in _read(path)[1:]:
        line = dict(zip(COLUMNS, cells, strict=False))
        last[(*_machine(line), line["row"], line["variant"])] = line
    return list(last.values())


def _machine(line: dict[str, str]) -> Machine:
    return Machine(line["device"], line["torch"], line["triton"])


def done(path: Path, machine: Machine) -> set[str]:
    """The rows in which ours was measured and right, on this device by these versions."""
    own = [line for line in load(path) if _machine(line) == machine]
    return {line["row"] for line in own if line["variant"].startswith(OURS) and line["status"] == "ok"}


def compare(lines: Sequence[Line]) -> None:
    """Fills in what follows from the times: shares of the floor, and ours against the best exact peer."""
    ours = next((line for line in lines if line.variant == OURS), None)
    for stage in ("forward", "backward"):
        for line in lines:
            floor, time = getattr(line, f"{stage}_floor_ms"), getattr(line, f"{stage}_ms")
            if floor and time and line.exact:
                setattr(line, f"{stage}_of_floor", floor / time)
        peers = [p for p in lines if p is not ours and p.exact and p.status == "ok" and getattr(p, f"{stage}_ms")]
        if ours is None or not peers or not getattr(ours, f"{stage}_ms"):
            continue
        best = min(peers, key=lambda p: getattr(p, f"{stage}_ms"))
        setattr(ours, f"{stage}_best_peer", best.variant)
        setattr(ours, f"{stage}_ratio", getattr(ours, f"{stage}_ms") / getattr(best, f"{stage}_ms"))


HEADER = (
    f"{'':<24} {'forward ms':>10} {'hot':>8} {'floor':>6} {'backward ms':>12} {'hot':>8} {'floor':>6}"
    f" {'extra MiB':>13} {'host us':>9} {'setup s':>8}"
)


def table(lines: Sequence[Line]) -> str:
    """A row's lines for people."""
    text = [HEADER]
    for line in lines:
        if line.status != "ok":
            text.append(f"  {line.variant:<22} {line.status}")
            continue
        cells = [f"  {line.variant:<22}"]
        for stage, width in (("forward", 10), ("backward", 12)):
            share = getattr(line, f"{stage}_of_floor")
            cells.append(_number(getattr(line, f"{stage}_ms"), width))
            cells.append(_number(getattr(line, f"{stage}_hot_ms"), 8))
            cells.append(f"{100 * share:>4.0f} %" if share else f"{'-':>6}")
        extra = [_number(x, 0, 0) for x in (line.forward_extra_mib, line.backward_extra_mib)]
        cells += [f"{' / '.join(extra):>13}", _number(line.forward_host_us, 9, 0), _number(line.setup_s, 8, 1)]
        text.append(" ".join(cells) + ("" if line.repeatable in (True, None) else "  (two runs differ)"))
    for line in lines:
        for stage in ("forward", "backward"):
            if ratio := getattr(line, f"{stage}_ratio"):
                peer = getattr(line, f"{stage}_best_peer")
                text.append(f"  {stage}: {ratio:.2f} of the time of the best peer, {peer}")
    return "\n".join(text)


def cold_table(lines: Sequence[Line]) -> str:
    """A cold start's lines for people."""
    text: list[str] = []
    for line in lines:
        known = [f"first output {_number(line.first_result_s, 0)} s, gradients {_number(line.first_gradient_s, 0)} s"]
        if line.other_n_s is not None:
            known.append(f"n = {line.other_n}: {_number(line.other_n_s, 0)} s, {line.other_n_kernels} kernels compiled")
        if line.odd_n_s is not None:
            known.append(f"one more: {_number(line.odd_n_s, 0)} s, {line.odd_n_kernels}")
        found = known if line.first_result_s is not None else []
        text.append(f"  {line.variant:<22} {'; '.join(found + [line.status] * (line.status != 'ok'))}")
    return "\n".join(text)


def _number(value: float | None, width: int, digits: int = 3) -> str:
    return f"{'-' if value is None else f'{value:.{digits}f}':>{width}}"


def plot(path: Path, lines: Sequence[dict[str, str]]) -> None:
    """Bars of ours and of the best peer, forward and backward, a panel a shape.  Raises `ValueError` with nothing."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    shapes: dict[str, list[dict[str, str]]] = {}
    for line in lines:
        if line["variant"] == OURS and line["status"] == "ok" and line["forward_ms"]:
            name = f"n = {line['n']}, {line['heads']} heads of {line['head_dim']}, {line['dtype']}"
            shapes.setdefault(name, []).append(line)
    if not shapes:
        raise ValueError("there is nothing to plot")
    peers = {(line["row"], line["variant"]): line for line in lines}
    heights = [0.9 + 0.5 * len(rows) for rows in shapes.values()]
    figure, axes = plt.subplots(
        len(shapes), 2, figsize=(12, sum(heights) + 0.6), height_ratios=heights, squeeze=False, layout="constrained"
    )
    for (name, rows), pair in zip(shapes.items(), axes, strict=True):
        for stage, axis in zip(("forward", "backward"), pair, strict=True):
            _panel(axis, rows, peers, stage)
            axis.set_title(f"{stage}, {name}", fontsize=10)
        pair[1].set_yticklabels([])
    first = next(iter(shapes.values()))[0]
    figure.suptitle(f"{first['device']}, torch {first['torch']}, triton {first['triton']}: medians, lower is better")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def _panel(axis: Any, rows: list[dict[str, str]], peers: dict[tuple[str, str], dict[str, str]], stage: str) -> None:
    axis.set_xscale("log")
    axis.set_yticks(range(len(rows)), [r["pattern"] for r in rows], fontsize=9)
    axis.invert_yaxis()
    longest = 0.0
    for at, row in enumerate(rows):
        best = peers.get((row["row"], row[f"{stage}_best_peer"]))
        for own, line, offset, colour in ((True, row, -0.2, "#1f77b4"), (False, best, 0.2, "#b0b0b0")):
            if line is None or not line[f"{stage}_ms"]:
                continue
            value = float(line[f"{stage}_ms"])
            longest = max(longest, value)
            axis.barh(at + offset, value, 0.38, color=colour, label=OURS if own else "best peer")
            ratio = f"  {1 / float(row[f'{stage}_ratio']):.2g}x" if own and row[f"{stage}_ratio"] else ""
            text = f" {value:.3g}{ratio}" if own else f" {value:.3g} {line['variant']}"
            axis.text(value, at + offset, text, va="center", fontsize=8, fontweight="bold" if own else "normal")
    if longest:
        axis.set_xlim(right=longest * 6)  # room for the last label
    axis.set_xlabel("ms", fontsize=9)
    axis.spines[["top", "right"]].set_visible(False)
    handles, labels = axis.get_legend_handles_labels()
    axis.legend(dict(zip(labels, handles, strict=True)).values(), dict.fromkeys(labels), fontsize=8, frameon=False)
