"""Masks in few cells."""

from __future__ import annotations

import numpy as np
import pytest

from patternc.view import grid as grids
from patternc.view.grid import grid, live_share, natural_length
from patternc.view.mask import relation_mask
from tests.view.relations import relation_of

TEXTS = ["window(9)", "causal & stride(11)", "ring(4)", "sink(3) | causal & chunk(16)", "where((q + 2 * k) % 9 == 4)"]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("cells", [7, 16, 100])
def test_cells_are_exact_where_every_pair_is_looked_at(text: str, cells: int) -> None:
    n = 90
    relation = relation_of(text)
    mask, drawn = relation_mask(relation, n), grid(relation, n, cells)
    assert drawn.size <= cells
    for y in range(drawn.size):
        for x in range(drawn.size):
            rows, columns = slice(y * drawn.cell, (y + 1) * drawn.cell), slice(x * drawn.cell, (x + 1) * drawn.cell)
            assert drawn.share[y, x] == pytest.approx(mask[rows, columns].mean())
            assert drawn.live[y, x] == mask[rows, columns].any()
    assert live_share(relation, drawn) == pytest.approx(mask.mean())


@pytest.mark.parametrize("text", TEXTS[:4])
def test_closed_forms_say_the_same_beyond(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    relation = relation_of(text)
    exact = grid(relation, 300, 25)
    monkeypatch.setattr(grids, "MAX_EXACT", 0)
    drawn = grid(relation, 300, 25)
    assert not drawn.sampled
    assert np.array_equal(drawn.live, exact.live)
    assert live_share(relation, drawn) == pytest.approx(float(relation_mask(relation, 300).mean()))


def test_a_condition_is_sampled_beyond_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grids, "MAX_EXACT", 0)
    assert grid(relation_of(TEXTS[4]), 300, 25).sampled


def test_a_million_tokens() -> None:
    drawn = grid(relation_of("causal & (window(1000) | stride(100000))"), 10**6, 50)
    assert drawn.live[49, 49]
    assert drawn.live[49, 44]
    assert not drawn.live[49, 46]
    assert not drawn.live[0, 1]


def test_lengths_show_what_there_is_to_see() -> None:
    assert natural_length([relation_of("full")], 64) == 64
    assert natural_length([relation_of("causal & window(1023)")], 64) == 2048
    assert natural_length([relation_of("stride(256, 8)")], 32) == 2048
    assert natural_length([relation_of("stride(256, 8)")], 512) == 4096
    assert natural_length([relation_of("window(1000000)")], 64) == 65536
