"""Certificates where lags have both signs, against counting; and wrong checkers, which the same cases tell apart."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from patternc.analysis import checker
from patternc.analysis.certificate import for_concrete
from patternc.analysis.proof_search import proof_of
from tests.analysis.stated import accepted, compared, number

MISSHAPEN = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError, StopIteration)


def lags(draw: random.Random) -> list[Any]:
    """One lag entry, of either sign."""
    start, width = draw.choice([(0, draw.randint(0, 3)), (draw.randint(0, 5), draw.randint(0, 2))])
    entry = [start, width, draw.randint(1, 6), draw.choice([0, 0, 1, 2, 3])]
    return [*entry, -1] if draw.random() < 0.5 else entry


def layers(draw: random.Random) -> list[Any]:
    """One layer or several, some of them the same to both sides."""
    found: list[Any] = []
    for _ in range(draw.choice([1, 1, 2, 3])):
        half = [lags(draw)[:4] for _ in range(draw.randint(1, 2))]
        same = [[*lag, -1] for lag in half]
        found.append([*half, *same] if draw.random() < 0.4 else [lags(draw) for _ in range(draw.randint(1, 3))])
    return found


@pytest.mark.parametrize("seed", range(4))
def test_what_is_counted_has_a_certificate_and_nothing_else(seed: int) -> None:
    draw = random.Random(seed)
    covered = 0
    for _ in range(150):
        stated, count = layers(draw), draw.randint(0, 5)
        for name in ("reach", "prefix", "coverage"):
            value = number([name, count], {}, stated)
            for other in (value - 1, value, value + 1):
                found = for_concrete("x", stated, ("==", [name, count], other))
                assert (found is not None) == (other == value), (stated, name, count, other)
        for n in draw.sample(range(1, 14), 4):
            for op in ("covers", "misses"):
                holds = compared([op, n, count], {}, stated)
                assert (for_concrete("x", stated, (op, n, count)) is not None) == holds, (stated, op, n, count)
                covered += holds and op == "covers" and n > 2
    assert covered > 50


def test_endless_to_both_sides() -> None:
    stated = [[[0, 1, 1, 0], [0, 0, 5, "oo"], [0, 1, 1, 0, -1], [0, 0, 5, "oo", -1]]]
    for n in range(1, 24):
        for count in range(5):
            for op in ("covers", "misses"):
                holds = compared([op, n, count], {}, stated)
                assert (for_concrete("x", stated, (op, n, count)) is not None) == holds, (op, n, count)
    assert for_concrete("x", stated, ("==", ["prefix", 1], 1)) is None


@pytest.mark.parametrize(
    ("path", "hole", "valid"),
    [
        ([3, -1], [0, 3], False),
        ([0, 0], [0, 3], True),
        ([1, -1], [0, 3], True),
        ([-1, 1], [0, 3], False),
        ([3, -3], [0, 3], False),
        ([0, 0], [0, 2], False),
        ([0, 0], [1, 3], False),
        ([0, 0], 3, False),
        ([0, 0], None, False),
        ([0], [0, 3], False),
        ([], [0, 3], False),
        ([1, 0], [0, 3], False),
    ],
)
def test_a_hole_is_a_pair_of_tokens(path: list[int], hole: Any, valid: bool) -> None:
    """Two layers that see one ahead and up to two back: of four tokens the first does not see the last."""
    claim = ["misses", 4, 2]
    statement = {
        "pattern": "x",
        "layers": [[[0, 2, 1, 0], [0, 1, 1, 0, -1]]],
        "given": [],
        "values": {},
        "claim": claim,
    }
    assert accepted({**statement, "proof": {"goals": [], "evidence": [{"path": path, "hole": hole}]}}) == valid


@pytest.mark.parametrize("mark", [1, 0, -2, "k", "oo", None, [-1], True])
def test_lags_are_negated_by_nothing_else(mark: Any) -> None:
    statement = {"pattern": "x", "given": [], "values": {"k": 1}, "claim": [">=", ["reach", 1], 0]}
    for layer, valid in (([[0, 1, 1, 0, -1]], True), ([[0, 1, 1, 0, mark]], False), ([[0, 1, 1, 0, -1, -1]], False)):
        proof = {"goals": [], "evidence": [{"path": [0], "hole": None}]}
        assert accepted({**statement, "layers": [layer], "proof": proof}) == valid
        symbolic = {**statement, "layers": [layer], "values": None, "proof": {"goals": [[[1, [-1]]]], "evidence": []}}
        assert valid or not accepted(symbolic)


@pytest.mark.parametrize(
    ("stated", "claim"),
    [
        ([[[0, 1 << 62, 1, 0, -1]]], ["==", ["prefix", 1], 0]),
        ([[[0, 1, 1 << 62, 3, -1]]], ["==", ["reach", 1], 0]),
        ([[[0, 1, 1, "oo", -1]]], ["==", ["reach", 1], 0]),
        ([[[0, 1, 1, 0, -1]]], ["covers", 1 << 40, 1]),
        ([[[0, 1, 1, 0, -1]]], ["misses", 1 << 14, 1]),
    ],
)
def test_absurd_statements_are_refused_quickly(stated: Any, claim: Any) -> None:
    for hole in (0, 1, None, [0, 1], [0, 2]):
        proof = {"goals": [], "evidence": [{"path": [0], "hole": hole}]}
        assert not accepted(
            {"pattern": "x", "layers": stated, "given": [], "values": {}, "claim": claim, "proof": proof}
        )


def test_what_is_infinite_is_more_than_any_number() -> None:
    """Hops without end that look back, after one layer or more; arithmetic with it shows nothing."""
    back = [[[0, 1, 1, 0], [0, 0, 3, "oo"]]]
    ahead = [[[0, 1, 1, 0], [0, 0, 1, 0], [0, 1, 1, 0, -1], [0, 0, 3, "oo", -1]]]
    plain: list[Any] = ["oo", 0, 5, ["coverage", 1]]
    others = [*plain, ["reach", 0], ["+", "oo", 1], ["*", 2, "oo"], ["-", "oo", "oo"]]
    for stated, name, count, op, other in product(
        (back, ahead), ("reach", "coverage"), range(3), ("<", "<=", "==", ">=", ">"), others
    ):
        term = [name, count]
        for alone, claim in (
            (True, [op, term, other]),
            (True, [op, other, term]),
            (False, [op, ["+", term, 1], other]),
        ):
            statement = {"pattern": "x", "layers": stated, "given": [], "values": None, "claim": claim}
            try:
                valid = accepted({**statement, "proof": proof_of(statement)})
            except MISSHAPEN:
                valid = False
            assert valid <= compared(claim, {}, stated), claim
            if stated is back and count and alone and other in plain:
                assert valid == compared(claim, {}, stated), claim


CASES = 800
WRONG = {
    "lags are taken as they are": ("(int.__rshift__, -hop - start) if less", "(int.__lshift__, hop - start) if less"),
    "hops are not negated": ("(int.__rshift__, -hop - start)", "(int.__rshift__, hop - start)"),
    "no room for negative lags": ("zero = 0 if cap else len(path)", "zero = 0 if cap else 0 * len(path)"),
    "room without hops": ("max([0, *(s + w + p * m for", "max([0, *(s + w for"),
    "nothing is ahead": ("row = n if cap and any(", "row = n if 0 and any("),
    "a start of 0 is nothing ahead": ("(s or w > 0 or p * (m > 0))", "(s)"),
    "a width is nothing ahead": ("(s or w > 0 or p * (m > 0))", "(s or p * (m > 0))"),
    "hops are nothing ahead": ("(s or w > 0 or p * (m > 0))", "(s or w > 0)"),
    "hops without a number are ahead": ("(s or w > 0 or p * (m > 0))", "(s or w > 0 or p)"),
    "what is far ahead counts": ("or p * (m > 0)) < n for", "or p * (m > 0)) < 99 for"),
    "paths may leave the tokens": ("(not cap or 0 <= at < n)", "True"),
    "paths may leave the first token": ("(not cap or 0 <= at < n)", "(not cap or at < n)"),
    "paths may leave the last token": ("(not cap or 0 <= at < n)", "(not cap or 0 <= at)"),
    "tokens of one row": ('int(("1" + "0" * row) * (row - 1) + "1", 2)', "1"),
    "wide lags by one": ("row * step * (many + 1 >> 1)", "step * (many + 1 >> 1)"),
    "starts by one": ("move(bits, start * row)", "move(bits, start)"),
    "pairs are cut as lags": ("size := zero + n * row", "size := zero + n"),
    "lags from below 0": ("(~(held := bits >> zero) & held + 1)", "(~(held := bits) & held + 1)"),
    "a token too many": ("max(hole // row - 1, 0)", "max(hole // row, 0)"),
    "any key": ("[*divmod(hole, row)]", "[hole // row, gap[1]]"),
    "layers in another order": ("layers[min(i, len(layers) - 1)]", "layers[max(len(layers) - 1 - i, 0)]"),
    "any mark": ("lag[4:] in ([], [Poly(-1)])", "lag[4:] or True"),
}


@cache
def cases() -> list[tuple[dict[str, Any], bool]]:
    """Statements with proofs, and whether they are to be accepted: true ones, and what is near them."""
    draw, found = random.Random(5), list[tuple[dict[str, Any], bool]]()
    while len(found) < CASES:
        back_and_on: list[Any] = [[[0, 0, 5, 1, -1]], [[7, 0, 1, 0]]]
        stated, count, n = (
            layers(draw) if found else back_and_on,
            draw.randint(0, 4) if found else 2,
            draw.randint(1, 9),
        )
        op = "covers" if compared(["covers", n, count], {}, stated) else "misses"
        value = number(
            [name := draw.choice(("reach", "prefix", "coverage")) if found else "coverage", count], {}, stated
        )
        for claim, contrary in (
            ((op, n, count), ("misses" if op == "covers" else "covers", n, count)),
            (("==", [name, count], value), ("==", [name, count], value + draw.choice((-1, 1)))),
        ):
            document = for_concrete("x", stated, claim)
            assert document is not None
            (statement,) = document["statements"]
            found += [(statement, True), ({**statement, "claim": list(contrary)}, False)]
            found += [({**statement, "proof": other}, False) for other in _spoilt(statement, n, draw)]
    return found


def _spoilt(statement: dict[str, Any], n: int, draw: random.Random) -> Iterator[dict[str, Any]]:
    """The evidence with another hole, and with a path that has the same end and leaves the tokens."""
    (held,) = statement["proof"]["evidence"]
    hole, path = held["hole"], held["path"]
    if isinstance(hole, list):
        yield {"goals": [], "evidence": [{"path": path, "hole": [hole[0], hole[1] + draw.choice((-1, 1))]}]}
    elif hole is not None:
        yield {"goals": [], "evidence": [{"path": path, "hole": hole + draw.choice((-1, 1))}]}
    if len(path) >= 2 and isinstance(hole, list):
        far = n + draw.randint(0, 3)
        yield {"goals": [], "evidence": [{"path": [path[0] - far, path[1] + far, *path[2:]], "hole": hole}]}


def judged(check: Any, statement: dict[str, Any]) -> bool:
    try:
        check(statement, statement["proof"])
    except MISSHAPEN:
        return False
    return True


def differs(check: Any) -> bool:
    """Whether a checker judges one of the cases wrongly."""
    mark = {"pattern": "x", "layers": [[[0, 1, 1, 0, 1]]], "given": [], "values": {}, "claim": [">=", ["reach", 1], 0]}
    forged = {**mark, "proof": {"goals": [], "evidence": [{"path": [0], "hole": None}]}}
    out = {"pattern": "x", "layers": [[[0, 2, 1, 0], [0, 2, 1, 0, -1]]], "given": [], "values": {}}
    leaving = [
        (
            {**out, "claim": ["covers", 3, 2], "proof": {"goals": [], "evidence": [{"path": path, "hole": [3, 0]}]}},
            valid,
        )
        for path, valid in (([1, 1], True), ([-1, 2], False), ([2, 0], True), ([1, 2], False))
    ]
    far = {**out, "claim": ["covers", 3, 3]}
    leaving += [
        ({**far, "proof": {"goals": [], "evidence": [{"path": path, "hole": [3, 0]}]}}, valid)
        for path, valid in (([1, 2, -1], False), ([-1, 1, 2], False), ([2, -1, 1], True))
    ]
    every = [*cases(), *leaving, (forged, False)]
    return any(judged(check, statement) != valid for statement, valid in every)


def test_the_checker_judges_the_cases_rightly() -> None:
    assert not differs(checker.check)
    assert sum(isinstance(s["proof"]["evidence"][0]["hole"], list) for s, _ in cases()) > 100


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_checker_is_told_apart(wrong: str) -> None:
    old, new = WRONG[wrong]
    text = Path(checker.__file__).read_text(encoding="utf-8")
    assert text.count(old) == 1
    module = ModuleType("wrong")
    exec(compile(text.replace(old, new), "wrong", "exec"), module.__dict__)
    assert differs(module.check)
