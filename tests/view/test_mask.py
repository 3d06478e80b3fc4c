"""The mask with numpy against the emitted file's, and against the specification."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

import patternc
from patternc import driver
from patternc.diagnostics import UsageError
from patternc.ir.instantiate import instantiate
from patternc.view.mask import document_bounds, mask_array, relation_mask
from tests.view.relations import loaded, random_relation, relation_of

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.pat"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_examples_have_the_mask_of_the_emitted_file(path: Path) -> None:
    program = driver.load_program(driver.read_source(str(path)))
    for pattern in program.patterns:
        instance = instantiate(pattern, {})
        heads = instance.default_heads() if instance.depends_on_head else 1
        mine = mask_array(instance, 150)
        assert mine.shape == (instance.branches, heads, 150, 150)
        theirs = patternc.load(str(path), pattern=pattern.name).mask(150, heads=heads)
        assert np.array_equal(mine, theirs.numpy())


def test_documents() -> None:
    text = "pattern a { attend (same_document & window(3)) | per_document(sink(2) & ring(2)) }"
    mine = mask_array(loaded(text)[2], 20, 1, (0, 7, 7, 20))
    theirs = patternc.loads(text).mask(20, heads=1, cu_seqlens=torch.tensor([0, 7, 7, 20]))
    assert np.array_equal(mine, theirs.numpy())


def test_documents_must_be_given_and_right() -> None:
    instance = loaded("pattern a { attend same_document }")[2]
    with pytest.raises(UsageError, match="speaks of documents"):
        mask_array(instance, 8)
    for wrong in ((0, 9), (1, 8), (0, 5, 3, 8), (8,)):
        with pytest.raises(UsageError, match="grow from 0 to 8"):
            mask_array(instance, 8, 1, wrong)
    start, end = document_bounds(5, (0, 2, 5))
    assert start.tolist() == [0, 0, 2, 2, 2]
    assert end.tolist() == [2, 2, 5, 5, 5]


def test_too_large_a_mask_is_refused() -> None:
    with pytest.raises(UsageError, match="more than"):
        mask_array(loaded("pattern a { attend full }")[2], 1 << 20)


def test_numbers_beyond_62_bits_are_computed_exactly() -> None:
    big = 2**61
    mask = relation_mask(relation_of(f"where(q * {big} // {big} >= k)"), 6)
    assert np.array_equal(mask, np.tril(np.ones((6, 6), dtype=bool)))


def test_slices_join_up(monkeypatch: pytest.MonkeyPatch) -> None:
    relation = relation_of(random_relation(random.Random(1)))
    whole = relation_mask(relation, 50)
    monkeypatch.setattr("patternc.view.mask.SLICE", 64)
    assert np.array_equal(relation_mask(relation, 50), whole)
