"""What branches are called."""

from __future__ import annotations

import pytest

from patternc.view.names import heads_label, softmaxes
from tests.view.relations import loaded


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("x = window(3)\n attend gate(x, stride(5, hops = 2))", ["x", "stride(5, hops = 2)"]),
        ("attend window(3) | sink(2) # a comment, with a comma", ["window(3) | sink(2)"]),
        ("attend heads { 0..2 : window(3) # one\n else : gate(full, none,) }", ["window(3)", "full", "none"]),
        ("attend heads { 0..2 : window(h); else : full }", ["window(h)", "window(h)", "full"]),
        ("attend heads { 0..1 : full 1..2 : none }", ["", "none"]),
    ],
)
def test_names(body: str, names: list[str]) -> None:
    source, _, instance = loaded(f"pattern a {{\n{body}\n}}")
    assert [s.name for s in softmaxes(source, instance, instance.default_heads())] == names


def test_equal_heads_are_one() -> None:
    source, _, instance = loaded("pattern a { attend heads { 0..4 : window(3); else : gate(window(3), sink(h)) } }")
    found = softmaxes(source, instance, 6)
    assert [(s.branch, s.heads) for s in found] == [(0, (0, 1, 2, 3, 4, 5)), (1, (4,)), (1, (5,))]
    assert found[1].words == "key <= 3"


def test_heads() -> None:
    assert heads_label((3,)) == "head 3"
    assert heads_label((0, 1, 2)) == "heads 0..3"
    assert heads_label((0, 2)) == "heads 0, 2"
