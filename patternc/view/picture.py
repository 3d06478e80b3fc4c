"""Masks and receptive fields as a picture, with matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np

from patternc.analysis import bits
from patternc.diagnostics import UsageError
from patternc.ir.instantiate import Instance
from patternc.view.field import Step
from patternc.view.grid import grid
from patternc.view.names import Softmax, heads_label
from patternc.view.subject import Subject, example_documents, spread

COLOURS = ("#2f6fde", "#e8731a", "#12937c", "#b83a84", "#7a55c7", "#8f7108", "#3f7f24", "#c93838")
"""By branch or head."""
INK, FAINT_INK, PAPER, EMPTY = "#1d2430", "#6b7484", "#ffffff", "#eef1f5"
CELLS = 128
ACROSS = 4
BESIDE = 2
"""So many masks have the receptive field beside them; more have it below."""
MAX_MASKS, MAX_LAYERS = 16, 4
LABEL = 48
COLUMN = 50
"""Points across a column of numbers."""
MAX_STEPS = 24
COLUMNS = 448
"""Fewer than pixels across a receptive field, so that none is lost in drawing."""


def write_picture(subject: Subject, path: Path) -> None:
    """Write the masks and the receptive field of one pattern or stack as .png or .svg.

    Raises `UsageError` where the file cannot be written.
    """
    write_pictures([subject], path)


def write_pictures(subjects: Sequence[Subject], path: Path) -> None:
    """The same for several, one under the other and on the same scales.  Raises `UsageError` as `write_picture`."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    settings: Any = {"font.size": 9, "text.color": INK, "svg.fonttype": "none", "svg.hashsalt": "patternc"}
    with pyplot.rc_context(settings):
        figure = _draw(pyplot, _alike(subjects))
        try:
            figure.savefig(path, dpi=160, facecolor=PAPER, metadata={"Date": None} if path.suffix == ".svg" else None)
        except OSError as problem:
            raise UsageError(f"-o {path}: {problem.strerror or problem}") from problem
        finally:
            pyplot.close(figure)


def _alike(subjects: Sequence[Subject]) -> Sequence[Subject]:
    """The subjects with lengths at which all of them can be seen."""
    if len(subjects) == 1:
        return subjects
    mask_n = max(s.mask_length(i, CELLS) for s in subjects for i in s.distinct)
    field_n = max(s.field_length for s in subjects)
    return [replace(s, mask_n=mask_n, field_n=field_n) for s in subjects]


def _draw(pyplot: Any, subjects: Sequence[Subject]) -> Any:
    """One figure: for every subject its masks in rows of four, its receptive field beside or below them.

    Receptive fields that stand beside masks stand under one another.
    """
    plans = [(s, _masks(s)) for s in subjects]
    beside = max((len(masks) for _, masks in plans if len(masks) <= BESIDE), default=0)
    heights: list[float] = []
    for subject, masks in plans:
        if len(masks) <= BESIDE:
            heights.append(max(3.4, _field_height(subject)))
        else:
            heights += [3.0 * -(-len(masks) // ACROSS) + 0.5, _field_height(subject)]
    figure = pyplot.figure(figsize=(12, sum(heights)), layout="constrained")
    rows = list(np.atleast_1d(figure.subfigures(len(heights), 1, height_ratios=heights)))
    for subject, masks in plans:
        row = rows.pop(0)
        row.suptitle(_title(subject), x=0.008, ha="left", fontsize=11, fontweight="bold")
        if len(masks) <= BESIDE:
            axes = row.subplots(1, beside + 1, width_ratios=[1.0] * beside + [1.9 if beside == 1 else 1.35])
            for axis in axes[len(masks) : -1]:
                _blank(axis)
            _draw_field(axes[-1], subject)
        else:
            axes = row.subplots(-(-len(masks) // ACROSS), ACROSS, squeeze=False).ravel()
            for axis in axes[len(masks) :]:
                axis.set_axis_off()
            _draw_field(rows.pop(0).subplots(1, 1), subject)
        for index, (instance, softmax) in enumerate(masks):
            _draw_mask(axes[index], subject, instance, softmax, index)
    return figure


def _title(subject: Subject) -> str:
    owner = subject.instances[0]
    if subject.stack is not None:
        return f"stack {subject.name}"
    values = ", ".join(f"{name} = {value}" for name, value in owner.values.items())
    return f"{owner.name}({values})" if values else owner.name


def _masks(subject: Subject) -> list[tuple[Instance, Softmax]]:
    layers = [subject.distinct[i - 1] for i in spread(len(subject.distinct), MAX_LAYERS)]
    return [(instance, softmax) for instance in layers for softmax in subject.softmaxes(instance)][:MAX_MASKS]


def _field_height(subject: Subject) -> float:
    if subject.why_no_field:
        return 1.1
    return 1.1 + 0.26 * min(len(subject.field), MAX_STEPS)


def _draw_mask(axis: Any, subject: Subject, instance: Instance, softmax: Softmax, index: int) -> None:
    n = subject.mask_length(instance, CELLS)
    drawn = grid(softmax.relation, n, CELLS, example_documents(instance, n))
    colour = COLOURS[index % len(COLOURS)]
    # A cell with a single live pair can be seen, and a denser one is stronger.
    strength = np.where(drawn.live, 0.5 + 0.5 * np.sqrt(drawn.share), 0.0)[:, :, None]
    image = np.clip(_rgb(EMPTY) * (1 - strength) + _rgb(colour) * strength, 0, 1)
    axis.imshow(image, extent=(0, n, n, 0), interpolation="nearest", aspect="equal")
    gated = len({s.branch for s in subject.softmaxes(instance)}) > 1
    labels = [
        f"branch {softmax.branch}" if gated else "",
        heads_label(softmax.heads) if len(softmax.heads) < subject.heads else "",
    ]
    if subject.stack is not None:
        labels.insert(0, f"layer {subject.instances.index(instance)}")
    _label(axis, " · ".join(x for x in (*labels, softmax.name or softmax.words) if x), colour)
    axis.set_xlabel(f"key, n = {n:,}")
    axis.set_ylabel("query")
    _plain(axis)
    axis.set_xticks([0, n // 2, n], [f"{x:,}" for x in (0, n // 2, n)])
    axis.set_yticks([0, n // 2, n], [f"{x:,}" for x in (0, n // 2, n)])


def _blank(axis: Any) -> None:
    """The place of a mask that is not there: as wide as one."""
    axis.set_ylabel("query")
    _plain(axis)
    axis.set_yticks([0], ["65,536"], color="none")
    axis.set_xticks([])
    axis.yaxis.label.set_color("none")
    axis.patch.set_visible(False)


def _label(axis: Any, text: str, colour: str) -> None:
    axis.set_title(text if len(text) <= LABEL else text[: LABEL - 1] + "…", loc="left", fontsize=9, color=colour)


def _draw_field(axis: Any, subject: Subject) -> None:
    if subject.why_no_field:
        axis.text(0, 1, fill(subject.why_no_field, 60), color=FAINT_INK, va="top", transform=axis.transAxes)
        axis.set_axis_off()
        return
    steps = [subject.field[i - 1] for i in spread(len(subject.field), MAX_STEPS)]
    n = subject.field_length
    image = np.stack([_seen(step) for step in steps])[:, :, None]
    colour = _rgb(COLOURS[0])
    strength = np.where(image > 0, 0.4 + 0.6 * image, 0.0)
    axis.imshow(
        _rgb(EMPTY) * (1 - strength) + colour * strength,
        extent=(-n, 0, len(steps) + 0.5, 0.5),
        interpolation="nearest",
        aspect="auto",
    )
    for row in range(1, len(steps)):
        axis.axhline(row + 0.5, color=PAPER, linewidth=1.5)
    _label(axis, f"seen by the last of {n:,} tokens", COLOURS[0])
    axis.set_xlabel("lag")
    axis.set_ylabel("layers")
    axis.set_yticks(range(1, len(steps) + 1), [str(s.layers) for s in steps])
    axis.set_xticks([-n, -n // 2, 0], [f"{n - 1:,}", f"{n // 2:,}", "0"])
    _plain(axis)
    for x, name, values in (
        (1, "reach", [s.reach for s in steps]),
        (2, "gap-free", [s.prefix for s in steps]),
        (3, "holes", [s.holes for s in steps]),
    ):
        lines = [(0.5, 5, name), *((row, -3, f"{value:,}") for row, value in enumerate(values, 1))]
        for row, up, text in lines:
            # Columns of points beside the axes, so that they are as wide in every picture.
            place: Any = ("axes fraction", "data")
            axis.annotate(
                text, (1, row), (COLUMN * x, up), place, "offset points", ha="right", color=FAINT_INK, fontsize=8
            )


def _seen(step: Step) -> Any:
    """The share of tokens that are seen, in columns from the oldest to the newest."""
    last = step.token + 1
    count = min(last, COLUMNS)
    edges = [i * last // count for i in range(count + 1)]
    pairs = pairwise(edges)
    return np.array([(step.seen >> a & bits.ones(b - a)).bit_count() / (b - a) for a, b in pairs])


def _rgb(colour: str) -> Any:
    return np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])


def _plain(axis: Any) -> None:
    for side in axis.spines.values():
        side.set_visible(False)
    axis.tick_params(length=0, colors=FAINT_INK, labelsize=8)
    axis.xaxis.label.set_color(FAINT_INK)
    axis.yaxis.label.set_color(FAINT_INK)
