"""Masks drawn by hand from sections 1 and 2 of LANGUAGE.md: the brute-force oracle and `Pattern.mask` give them."""

from __future__ import annotations

import pytest
import torch

import patternc
from patternc.diagnostics import Report
from patternc.frontend.parser import parse
from patternc.source import Source
from tests.oracle import section1

# For each relation at n = 6 the keys (columns) that each query (row) sees.
PICTURES = {
    "window(2)": "x..... xx.... xxx... .xxx.. ..xxx. ...xxx",
    "window(1, 2)": "xxx... xxxx.. .xxxx. ..xxxx ...xxx ....xx",
    "ring(1)": "x....x xx.... .xx... ..xx.. ...xx. ....xx",
    "ring(0, 2)": "xxx... .xxx.. ..xxx. ...xxx x...xx xx...x",
    "stride(2)": "x..... .x.... x.x... .x.x.. x.x.x. .x.x.x",
    "stride(2, 1)": "x..... .x.... x.x... .x.x.. ..x.x. ...x.x",
    "stride(2, 1, 1)": "...... x..... .x.... x.x... .x.x.. ..x.x.",
    "stride(3, all, phase = 4)": "...... ...... ...... ...... x..... .x....",
    "stride(2, hops = 0, phase = 3)": "...... ...... ...... x..... .x.... ..x...",
    "chunk(4)": "xxxx.. xxxx.. xxxx.. xxxx.. ....xx ....xx",
    "chunk(2, 1)": "xx.... xx.... xxxx.. xxxx.. ..xxxx ..xxxx",
    "columns(3)": "x..x.. x..x.. x..x.. x..x.. x..x.. x..x..",
    "columns(3, phase = 2)": "..x..x ..x..x ..x..x ..x..x ..x..x ..x..x",
    "columns(4, 3, width = 2)": "x..xx. x..xx. x..xx. x..xx. x..xx. x..xx.",
    "sink(2)": "xx.... xx.... xx.... xx.... xx.... xx....",
    "global(1)": "xxxxxx x..... x..... x..... x..... x.....",
    "causal": "x..... xx.... xxx... xxxx.. xxxxx. xxxxxx",
    "full - causal": ".xxxxx ..xxxx ...xxx ....xx .....x ......",
    "none": "...... ...... ...... ...... ...... ......",
    "where(q % 2 == k % 2 and k < n - 1)": "x.x.x. .x.x.. x.x.x. .x.x.. x.x.x. .x.x..",
    "where(-1 <= d <= 0)": "xx.... .xx... ..xx.. ...xx. ....xx .....x",
    "mirror(window(1) | sink(1))": "xxxxxx .xx... ..xx.. ...xx. ....xx .....x",
    "window(3) - window(1)": "...... ...... x..... xx.... .xx... ..xx..",
    "window(5) & columns(2) | window(0)": "x..... xx.... x.x... x.xx.. x.x.x. x.x.xx",
    "window(4) - window(2) - stride(4)": "...... ...... ...... x..... .x.... ..x...",
    "full - (sink(5) - sink(1))": "x....x x....x x....x x....x x....x x....x",
}
# At n = 6 with documents of 2 and 4 tokens.
DOCUMENTS = {
    "same_document": "xx.... xx.... ..xxxx ..xxxx ..xxxx ..xxxx",
    "same_document & columns(2, 1)": ".x.... .x.... ...x.x ...x.x ...x.x ...x.x",
    "per_document(columns(2, 1))": ".x.... .x.... ...x.x ...x.x ...x.x ...x.x",
    "per_document(columns(3))": "x..... x..... ..x..x ..x..x ..x..x ..x..x",
    "per_document(sink(1)) | window(1)": "x..... xx.... .xx... ..xx.. ..xxx. ..x.xx",
    "per_document(ring(1))": "xx.... xx.... ..x..x ..xx.. ...xx. ....xx",
    "per_document(where(k == n - 1))": ".x.... .x.... .....x .....x .....x .....x",
    "full - per_document(chunk(2))": "..xxxx ..xxxx xx..xx xx..xx xxxx.. xxxx..",
}
# Queries 4 .. 5 of n = 6, and queries -2 .. 3 of n = 4.
OFFSETS = {
    ("window(1)", 2, 6): "...xx. ....xx",
    ("chunk(4)", 2, 6): "....xx ....xx",
    ("window(1, 2)", 6, 4): "x... xx.. xxx. xxxx .xxx ..xx",
    ("chunk(2, 1)", 6, 4): ".... .... xx.. xx.. xxxx xxxx",
    ("where(q // 2 == k - 1)", 6, 4): "x... x... .x.. .x.. ..x. ..x.",
    ("stride(2) | global(1)", 6, 4): "xxxx xxxx xxxx xx.. x.x. xx.x",
    ("ring(1)", 6, 4): ".xx. ..xx x..x xx.. .xx. ..xx",
    ("same_document", 6, 4): ".... .... xxxx xxxx xxxx xxxx",
}


def pairs(picture: str) -> set[tuple[int, int]]:
    return {(q, k) for q, row in enumerate(picture.split()) for k, mark in enumerate(row) if mark == "x"}


def both(text: str, heads: int, nk: int, nq: int, ends: tuple[int, ...] | None) -> list[list[set[tuple[int, int]]]]:
    """The mask, which the oracle and the compiled pattern must agree on."""
    tree = parse(Source("test.pat", text), Report()).items[0]
    oracle = section1.mask(tree, heads, nk, nq=nq, ends=ends)
    compiled = patternc.loads(text)
    given = torch.tensor(ends or (0, nk)) if compiled.needs_documents else None
    mask = compiled.mask(nk, heads, nq=nq, cu_seqlens=given)
    assert [[{(q, k) for q, k in head.nonzero().tolist()} for head in branch] for branch in mask] == oracle
    return oracle


@pytest.mark.parametrize("relation", PICTURES)
def test_relation(relation: str) -> None:
    assert both(f"pattern a {{ attend {relation} }}", 1, 6, 6, None) == [[pairs(PICTURES[relation])]]


@pytest.mark.parametrize("relation", DOCUMENTS)
def test_documents(relation: str) -> None:
    assert both(f"pattern a {{ attend {relation} }}", 1, 6, 6, (0, 2, 6)) == [[pairs(DOCUMENTS[relation])]]


@pytest.mark.parametrize(("relation", "nq", "nk"), OFFSETS)
def test_offset(relation: str, nq: int, nk: int) -> None:
    assert both(f"pattern a {{ attend {relation} }}", 1, nk, nq, None) == [[pairs(OFFSETS[relation, nq, nk])]]


def test_empty_documents_hold_nothing() -> None:
    text = "pattern a { attend per_document(full) }"
    assert both(text, 1, 4, 4, (0, 0, 1, 1, 4, 4)) == [[pairs("x... .xxx .xxx .xxx")]]


def test_causal_cuts_every_branch() -> None:
    text = "causal pattern a { attend gate(full, columns(2, 1)) }"
    assert both(text, 1, 3, 3, None) == [[pairs("x.. xx. xxx")], [pairs("... .x. .x.")]]


def test_heads() -> None:
    text = """pattern a(w = 1) {
        local = window(w * h)
        attend heads { 1..2 : gate(local, sink(heads - 2)); else : local | where(q == h) }
    }"""
    first = [pairs("xxx .x. ..x"), pairs("x.. xx. .xx"), pairs("x.. xx. xxx")]
    second = [set(), pairs("x.. x.. x.."), set()]
    assert both(text, 3, 3, 3, None) == [first, second]


def test_parameters_and_shadowing() -> None:
    """A parameter named like a position means the position inside `where`, and there alone."""
    text = "pattern a(k = 1, p = k + 1) { require p > k; attend window(k) & where(k < 1) | stride(p, k) }"
    assert both(text, 1, 4, 4, None) == [[pairs("x... xx.. x.x. .x.x")]]


def test_padding() -> None:
    """Padding is as if the sequence ended before it, but for the positions of the queries."""
    tree = parse(Source("test.pat", "pattern a { attend ring(1) }"), Report()).items[0]
    assert section1.head_branches(tree, 0, 1, 5, real=3) == [pairs("x.x xx. .xx")]
    assert section1.head_branches(tree, 0, 1, 5, nq=4, real=3) == [pairs("xx. .xx")]
