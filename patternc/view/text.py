"""Masks and receptive fields in the terminal: half-block characters, two cells to each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, zip_longest
from typing import Any

from rich.console import Console
from rich.text import Text

from patternc.analysis import bits
from patternc.ir.instantiate import Instance
from patternc.view.console import Output
from patternc.view.field import Step
from patternc.view.grid import Grid, grid, live_share
from patternc.view.names import Softmax, heads_label
from patternc.view.subject import Subject, example_documents, spread

COLOURS = ("#3b82f6", "#f07b20", "#14a38b", "#c2418c", "#8a63d2", "#a98307", "#4d8f2a", "#d64545")
"""By branch or head; each is legible on a dark and on a light background."""
FAINT = ("#7f9cc9", "#c99c77", "#78a89f", "#b5819d", "#a193bd", "#a89a68", "#8fa382", "#bf8a8a")
"""The same for cells of which less than half is live."""
GAP = 3
MAX_PANELS = 6
MAX_LAYERS = 3
"""So many different layers of a stack are shown."""
MAX_STEPS = 16
LEAST_WIDTH = 40


def print_subject(subject: Subject, console: Console | None = None) -> None:
    """Show the masks of every layer, and the receptive field of the last token layer by layer."""
    console = console or Output()
    width = max(console.width, LEAST_WIDTH)
    chosen = spread(len(subject.distinct), MAX_LAYERS)
    for layer in chosen:
        _print_masks(console, subject, subject.distinct[layer - 1], width)
    if len(chosen) < len(subject.distinct):
        console.print(Text(f"{len(subject.distinct)} different layers, {len(chosen)} of them shown\n", style="dim"))
    _print_field(console, subject, width)


def _print_masks(console: Console, subject: Subject, instance: Instance, width: int) -> None:
    values = ", ".join(f"{name} = {value}" for name, value in instance.values.items())
    console.print(Text(f"{instance.name}({values})" if values else instance.name, style="bold"))
    found = subject.softmaxes(instance)
    shown = found[:MAX_PANELS]
    across = 1 if len(shown) == 1 else 2 if width < 120 else 3
    # A power of two, so that lags of one let the cells stand exactly under one another.
    cells = 1 << min((width - GAP * (across - 1)) // across, 64).bit_length() - 1
    n = subject.mask_length(instance, cells)
    coloured = console.color_system is not None and not console.no_color
    grids = [grid(s.relation, n, cells, example_documents(instance, n)) for s in shown]
    console.print(Text(_scale(instance, n, grids[0]), style="dim"))
    panels = [
        _panel(s, g, subject.heads, len({x.branch for x in found}) > 1, index, coloured)
        for index, (s, g) in enumerate(zip(shown, grids, strict=True))
    ]
    for start in range(0, len(panels), across):
        console.print()
        for line in _side_by_side(panels[start : start + across], (width - GAP * (across - 1)) // across):
            console.print(line, no_wrap=True, crop=True)
    if len(found) > MAX_PANELS:
        console.print(Text(f"{len(found) - MAX_PANELS} more masks; -o FILE.html shows them all", style="dim"))
    console.print()


def _scale(instance: Instance, n: int, drawn: Grid) -> str:
    unit = "a cell is one pair" if drawn.cell == 1 else f"a cell is {drawn.cell} x {drawn.cell} tokens"
    text = f"mask at n = {n:,}: queries go down, keys across; {unit}"
    if drawn.cell > 1:
        text += ", filled where a pair is live"
    if drawn.sampled:
        text += " (looked for at some places only)"
    return text + ("; three documents, as an example" if instance.needs_documents else "")


def _panel(softmax: Softmax, drawn: Grid, heads: int, gated: bool, index: int, coloured: bool) -> list[Text]:
    colour = COLOURS[index % len(COLOURS)]
    title = Text(style=f"bold {colour}")
    labels = [
        f"branch {softmax.branch}" if gated else "",
        heads_label(softmax.heads) if len(softmax.heads) < heads else "",
        softmax.name,
    ]
    title.append(" · ".join(label for label in labels if label))
    share = live_share(softmax.relation, drawn)
    lines = [title, Text(softmax.words)]
    if share is not None:
        lines.append(Text(f"{100 * share:.3g} % of the pairs are live", style="dim"))
    if not drawn.live.any():
        return [*lines, Text("·", style="dim")]
    for top in range(0, drawn.size, 2):
        line = Text()
        for key in range(drawn.size):
            lower = float(drawn.share[top + 1][key]) if top + 1 < drawn.size and drawn.live[top + 1][key] else 0.0
            upper = float(drawn.share[top][key]) if drawn.live[top][key] else 0.0
            line.append(*_half_blocks(upper, lower, index, coloured))
        lines.append(line)
    return lines


def _half_blocks(upper: float, lower: float, index: int, coloured: bool) -> tuple[str, str]:
    """One character for two cells, and its style."""
    shades = [(COLOURS if share >= 0.5 else FAINT)[index % len(COLOURS)] for share in (upper, lower)]
    if not upper and not lower:
        return " ", ""
    if not lower:
        return "▀", shades[0]
    if not upper:
        return "▄", shades[1]
    if shades[0] == shades[1] or not coloured:
        return "█", shades[0]
    return "▀", f"{shades[0]} on {shades[1]}"


def _side_by_side(panels: Sequence[list[Text]], room: int) -> list[Text]:
    """Panels beside one another, ``room`` characters for each, long titles cut."""
    lines: list[Text] = []
    for row in zip_longest(*panels):
        line = Text()
        for column, cell in enumerate(row):
            text: Any = Text() if cell is None else cell.copy()
            text.truncate(room, overflow="ellipsis")
            if column < len(panels) - 1:
                text.pad_right(room - text.cell_len + GAP)
            line.append_text(text)
        line.rstrip()
        lines.append(line)
    return lines


def _print_field(console: Console, subject: Subject, width: int) -> None:
    if subject.why_no_field:
        console.print(Text(subject.why_no_field, style="dim"))
        return
    steps, n = subject.field, subject.field_length
    steps = [steps[i - 1] for i in spread(len(steps), MAX_STEPS)]
    whose = f"stack {subject.name}" if subject.stack is not None else subject.name
    console.print(Text(f"receptive field of the last of {n:,} tokens, {whose}", style="bold"))
    if subject.model.documents:
        console.print(Text("the sequence is taken to be one document", style="dim"))
    depth = len(str(steps[-1].layers))
    numbers = [
        ("reach", [s.reach for s in steps]),
        ("gap-free", [s.prefix for s in steps]),
        ("holes", [s.holes for s in steps]),
    ]
    widths = [max(len(name), *(len(f"{v:,}") for v in values)) for name, values in numbers]
    room = min(max(width - depth - 8 - sum(widths) - 2 * len(widths), 16), 64)
    head = " " * (depth + 7) + "oldest".ljust(room - 6) + "newest "
    head += "".join(f"  {name:>{w}}" for (name, _), w in zip(numbers, widths, strict=True))
    console.print(Text(head, style="dim"))
    for row, step in enumerate(steps):
        line = Text(f"layer {step.layers:>{depth}} ")
        for symbol, style in _bar(step, room):
            line.append(symbol, style)
        line.append(" ")
        for (_, values), w in zip(numbers, widths, strict=True):
            line.append(f"  {values[row]:>{w},}")
        console.print(line, no_wrap=True, crop=True)
    note = "   every token is seen: more layers add nothing" if steps[-1].complete else ""
    console.print(Text(f"█ all seen   ▒ some seen   · none{note}", style="dim"))
    console.print()


def _bar(step: Step, room: int) -> list[tuple[str, str]]:
    """The sequence up to the token in ``room`` characters; few tokens take several each."""
    last = step.token + 1
    symbols: list[tuple[str, str]] = []
    edges = [round(i * last / room) for i in range(room + 1)] if last > room else list(range(last + 1))
    for start, end in pairwise(edges):
        seen = (step.seen >> start & bits.ones(end - start)).bit_count()
        partly = ("▒", FAINT[0]) if seen else ("·", "dim")
        symbols += [("█", COLOURS[0]) if seen == end - start else partly] * max(room // last, 1)
    return [(" ", "")] * (room - len(symbols)) + symbols
