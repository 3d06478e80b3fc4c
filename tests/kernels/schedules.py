"""A pattern for each schedule, for what joins schedules, and how a call of one is checked."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch

import patternc
from patternc.pattern import Pattern
from patternc.runtime.testing import DTYPES, Case, poisoned
from tests.fuzz.checks import NAMES, outcome
from tests.rules import assert_close

PATTERNS = {
    "band": "causal pattern band(w = 9) { attend window(w) }",
    "band_both_sides": "pattern band_both_sides(l = 7, r = 12) { attend window(l, r) }",
    "dense": "pattern dense { attend full }",
    "residue": "causal pattern residue(p = 5) { attend stride(p) }",
    "residue_hops": "causal pattern residue_hops(p = 3, hops = 4, phase = 2) { attend stride(p, hops, phase) }",
    "columns": "pattern columns_run(p = 7, phase = 5, width = 3) { attend columns(p, phase, width) }",
    "blocks": "pattern blocks { attend where((q + 2 * k) % 5 < 2) }",
    "sink": "causal pattern sinks(g = 3, w = 6) { attend sink(g) | window(w) }",
    "union": "causal pattern both(w = 4, p = 6) { attend window(w) | stride(p) | columns(11) }",
    "gate": "causal pattern gated(w = 4, p = 6) { attend gate(window(w), stride(p, 4), sink(2)) }",
    "heads": """pattern by_head(w = 3) {
        attend heads { 0..1 : gate(window(w), columns(4)); else : stride(h + 1, all, h) }
    }""",
    "chunks": "causal pattern chunked(b = 6) { attend chunk(b, 1) }",
    "ring": "pattern ringed(l = 5, r = 2) { attend ring(l, r) }",
    "documents": "causal pattern documented(w = 5) { attend same_document & window(w) | per_document(sink(1)) }",
}
HEADS = 2
DOCUMENTS = {1: (0, 1), 17: (0, 4, 5, 17), 33: (0, 30, 33), 40: (0, 7, 7, 40), 65: (0, 1, 20, 64, 65)}
"""Where documents end, for the lengths that the tests use."""


@cache
def pattern(name: str) -> Pattern:
    return patternc.loads(PATTERNS[name])


def case(name: str, **given: Any) -> Case:
    """A call of a pattern, with documents where it speaks of them."""
    ends = DOCUMENTS[given["nk"]] if pattern(name).needs_documents else None
    kv_heads = given.pop("kv_heads", HEADS)
    return Case(values=(), kv_heads=kv_heads, group=HEADS // kv_heads, cu_seqlens=ends, **given)


def check(name: str, **given: Any) -> None:
    """The kernels agree with the reference, forward and backward."""
    drawn, chosen = case(name, **given), pattern(name)
    module, dtype = chosen.module(HEADS), DTYPES[drawn.dtype]
    with poisoned():
        got = outcome(module.attention, drawn, HEADS, chosen.branches, dtype)
    eager = outcome(module.reference, drawn, HEADS, chosen.branches, dtype)
    exact = outcome(module.reference, drawn, HEADS, chosen.branches, torch.float64)
    for what, mine, theirs, truth in zip(NAMES, got, eager, exact, strict=False):
        assert_close(what, mine, theirs, truth, scores=drawn.magnitude)
