"""Receptive fields against layers composed pair by pair."""

from __future__ import annotations

import numpy as np
import pytest

from patternc.analysis.semantics import model_of
from patternc.diagnostics import UsageError
from patternc.ir.instantiate import stack_layers
from patternc.view.field import receptive_field
from patternc.view.mask import mask_array
from patternc.view.subject import Subject, spread
from tests.view.relations import loaded

PATTERNS = [
    "causal pattern a { attend gate(window(3), stride(8, 2)) }",
    "pattern a { attend window(2, 1) | stride(9, 1, 4) }",
    "pattern a { attend ring(2) }",
    "causal pattern a { attend window(2) | sink(3) }",
    "causal pattern a { attend chunk(6) | columns(6, 5) }",
    "causal pattern a { attend heads { 0..1 : window(2) ; 1..2 : stride(5, phase = 3) } }",
    "pattern a { attend where((q + k) % 5 == 2) }",
    "pattern a { attend none }",
]


def brute(layers: list[np.ndarray], token: int) -> set[int]:
    """The last layer's hop first; a token sees itself through a layer."""
    seen = {token}
    for mask in reversed(layers):
        seen |= {int(k) for q in seen for k in np.flatnonzero(mask[q])}
    return seen


@pytest.mark.parametrize("text", PATTERNS)
def test_a_pattern_repeated(text: str) -> None:
    n = 47
    instance = loaded(text)[2]
    union = mask_array(instance, n).any(axis=(0, 1))
    for token in (0, 20, n - 1):
        for step in receptive_field(model_of([instance], True), n, token, range(1, 7)):
            seen = brute([union] * step.layers, token)
            assert {k for k in range(n) if step.seen >> k & 1} == seen
            lags = {token - k for k in seen if k <= token}
            assert step.reach == max(lags)
            assert step.prefix == next(d for d in range(n + 1) if d + 1 not in lags)
            assert step.holes == step.reach + 1 - len(lags)
            assert step.ahead == max(max(seen) - token, 0)


def test_a_stack_begins_with_its_last_layer() -> None:
    text = """causal pattern a(w = 1) { attend window(w) | sink(w) }
    stack s { layers 3: a(w = layer + 1); layers 1: a(w = 7) }"""
    source, program, _ = loaded(text)
    layers = stack_layers(program, program.stacks[0], {})
    masks = [mask_array(layer, 40).any(axis=(0, 1)) for layer in layers]
    for step in receptive_field(model_of(layers, False), 40, 39, range(1, 5)):
        assert {k for k in range(40) if step.seen >> k & 1} == brute(masks[: step.layers], 39)
    subject = Subject(source, program, tuple(layers), program.stacks[0])
    assert subject.depth == 4
    assert len(subject.distinct) == 4
    with pytest.raises(UsageError, match="stack s has 4 layers"):
        _ = Subject(source, program, tuple(layers), program.stacks[0], layers=5).depth


def test_the_field_is_as_long_as_the_layers_reach() -> None:
    source, program, instance = loaded(PATTERNS[0])
    subject = Subject(source, program, (instance,), layers=5)
    assert subject.field_length == 5 * 16 + 1
    assert [s.reach for s in subject.field] == [16, 32, 48, 64, 80]
    assert Subject(source, program, (instance,), n=30).field_length == 30


def test_a_field_that_is_complete_ends() -> None:
    source, program, instance = loaded("causal pattern a { attend window(3) | sink(2) }")
    steps = Subject(source, program, (instance,), n=12, layers=50).field
    assert steps[-1].complete
    assert not steps[-2].complete


def test_too_long_a_sequence_is_refused() -> None:
    source, program, instance = loaded("causal pattern a { attend window(3) | sink(2) }")
    one = Subject(source, program, (instance,), n=9000)
    with pytest.raises(UsageError, match="up to 8,192 tokens, not 9,000"):
        _ = one.field
    assert one.why_no_field.startswith("what a token of a sees depends on where it stands")
    assert Subject(source, program, (instance,), n=90).why_no_field == ""


def test_spread() -> None:
    assert list(spread(5, 16)) == [1, 2, 3, 4, 5]
    chosen = list(spread(62, 16))
    assert len(chosen) == 16
    assert (chosen[0], chosen[-1]) == (1, 62)
