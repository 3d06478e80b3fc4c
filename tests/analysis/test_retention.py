"""What a cache must hold, in the words that `explain` says."""

from __future__ import annotations

import pytest

import patternc
from patternc.analysis.retention import NoCacheError, retention


def words(body: str, n: int = 1000, heads: int = 1, kv_heads: int | None = None) -> list[list[str]]:
    """For each key-value head what it holds."""
    instance = patternc.loads(f"causal pattern p {{ attend {body} }}")._instance
    found = retention(instance, n, heads, kv_heads or heads)
    return [[hold.words() for hold in found.kinds[i]] for i in found.order]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("window(64)", ["every key, up to 64 tokens back"]),
        ("stride(8, 3)", ["every key, up to 24 tokens back"]),
        ("stride(8, 3, phase = 5)", ["every key, up to 29 tokens back"]),
        ("gate(window(64), stride(8, 3))", ["every key, up to 64 tokens back"]),
        ("sink(4) | window(64)", ["keys 0 to 3, to the end", "every key, up to 64 tokens back"]),
        ("sink(100) & window(64)", ["keys 0 to 99, up to 64 tokens back"]),
        (
            "chunk(16) | columns(16, phase = 12, width = 4)",
            ["every key, within its chunk of 16", "keys that are 12 to 15 mod 16, to the end"],
        ),
        ("chunk(16, 2)", ["every key, up to 2 chunks of 16 back"]),
        ("global(3)", ["keys 0 to 2, to the end", "every key, until token 2"]),
        ("full - sink(5)", ["keys from 5 on, to the end"]),
        ("window(20) - window(10)", ["every key, up to 20 tokens back"]),
        ("full - window(10)", ["every key, to the end"]),
        ("stride(8)", ["every key, up to 992 tokens back"]),
        ("stride(300, 9)", ["every key, up to 900 tokens back"]),
        ("stride(5000) | window(3)", ["every key, up to 3 tokens back"]),
        ("where(q // 4 == k // 3)", ["every key, to the end"]),
        ("where(q // 4 == k // 3) & window(7)", ["every key, up to 7 tokens back"]),
        ("where(d <= 9 and k % 2 == 1)", ["keys that are 1 mod 2, up to 9 tokens back"]),
        ("none", []),
    ],
)  # fmt: skip
def test_what_is_held_follows_from_the_pattern(body: str, expected: list[str]) -> None:
    assert words(body) == [expected]


def test_a_key_value_head_holds_what_any_of_its_query_heads_sees() -> None:
    body = "heads { 0..3 : window(5)  3..4 : window(9) | sink(1) }"
    short, long = ["every key, up to 5 tokens back"], ["every key, up to 9 tokens back", "key 0, to the end"]
    assert words(body, heads=4) == [short, short, short, long]
    assert words(body, heads=4, kv_heads=2) == [short, long]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("pattern p { attend ring(4) }", "depends on the length n of the sequence, which grows while decoding"),
        ("causal pattern p { attend ring(4) }", "depends on the length n"),
        ("causal pattern p { attend where(k + 4 >= n) }", "depends on the length n"),
        ("causal pattern p { attend per_document(window(4)) }", "decode each document by itself"),
        ("causal pattern p { attend same_document }", "speaks of documents"),
        ("pattern p { attend window(4, 1) }", "declare it `causal pattern`"),
        ("pattern p { attend sink(4) }", "may see the future"),
        ("causal pattern p { attend heads { 0..1 : full  1..2 : ring(3) } }", "depends on the length n"),
    ],
)
def test_what_cannot_be_decoded_is_refused(text: str, says: str) -> None:
    instance = patternc.loads(text)._instance
    heads = instance.default_heads()
    with pytest.raises(NoCacheError, match=r"pattern p") as caught:
        retention(instance, 100, heads, heads)
    assert says in str(caught.value)


def test_a_pattern_that_is_causal_without_saying_so_is_served() -> None:
    instance = patternc.loads("pattern p { attend gate(window(4), stride(3) & chunk(9)) }")._instance
    assert retention(instance, 100, 1, 1).order == (0,)
