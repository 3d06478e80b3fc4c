"""Pictures are written, and are the same every time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from patternc.diagnostics import UsageError
from patternc.view import picture
from patternc.view.picture import write_picture, write_pictures
from patternc.view.subject import Subject, stack_layers_of
from tests.view.relations import loaded

GATE = "causal pattern a(p = 16) { attend gate(window(4), stride(p)) } stack s { layers 3: a(p = 8 * (layer + 1)) }"


def subject(text: str) -> Subject:
    source, program, instance = loaded(text)
    return Subject(source, program, (instance,))


def test_png(tmp_path: Path) -> None:
    write_picture(subject(GATE), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_svg_is_the_same_every_time(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        write_picture(subject(GATE), tmp_path / name)
    text = (tmp_path / "a.svg").read_text()
    assert text == (tmp_path / "b.svg").read_text()
    assert "branch 1 · stride(p)" in text
    assert "gap-free" in text


def test_many_masks_and_several_subjects(tmp_path: Path) -> None:
    heads = subject("pattern a { attend heads { 0..3 : window(2 * h); else : same_document } }")
    source, program, _ = loaded(GATE)
    stack = Subject(source, program, stack_layers_of(program, program.stacks[0], {}), program.stacks[0])
    write_pictures([heads, stack, subject("pattern b { attend full }")], tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text()
    for label in ("head 1 · window(2 * h)", "heads 3..8", "stack s", "layer 2 · branch 1", ">b<"):
        assert label in text


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file or directory"):
        write_picture(subject(GATE), tmp_path / "missing" / "a.png")


@pytest.mark.parametrize("masks", [1, 2])
def test_no_seen_token_is_lost_in_drawing(masks: int) -> None:
    """The columns of a receptive field are wider than a pixel, so that a token alone in its column shows."""
    from matplotlib import pyplot

    skip = "stride(256, 8)"
    one = subject(f"causal pattern a {{ attend {f'gate(window(64), {skip})' if masks == 2 else skip} }}")
    figure = picture._draw(pyplot, [one])
    figure.set_dpi(160)
    figure.canvas.draw()
    field = figure.axes[-1]
    assert field.get_window_extent().width > picture.COLUMNS
    (image,) = field.get_images()
    seen = (image.get_array()[0] != picture._rgb(picture.EMPTY)).any(axis=-1)
    runs = int(seen[0]) + int((np.diff(seen.astype(int)) == 1).sum())
    assert runs == 9
    pyplot.close(figure)


def test_several_subjects_are_on_the_same_scales(tmp_path: Path) -> None:
    near, far = subject("causal pattern near { attend window(5) }"), subject("causal pattern far { attend window(90) }")
    write_pictures([near, far], tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text()
    assert text.count("seen by the last of 721 tokens") == 2
    assert text.count("key, n = 256") == 2
