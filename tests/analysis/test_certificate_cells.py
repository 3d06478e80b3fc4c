"""What certificates for all numbers say is seen of each period, to both sides; and wrong checkers of that."""

from __future__ import annotations

import random
from functools import cache
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from patternc.analysis import checker, proof_search
from patternc.analysis.number_search import UnprovedError
from tests.analysis.stated import compared, number

MISSHAPEN = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError, StopIteration)
SEARCH = Path(proof_search.__file__).read_text(encoding="utf-8")
CHECKER = Path(checker.__file__).read_text(encoding="utf-8")


def stated(layers: Any, claim: Any) -> dict[str, Any]:
    return {"pattern": "x", "layers": layers, "given": [], "values": None, "claim": claim}


def both(k: int, r: int, p: int, hops: int, *, ahead: tuple[int, int] | None = None, width: int = 0) -> list[Any]:
    """A window ``[-r, k]`` and skips to both sides."""
    q, many = ahead or (p, hops)
    return [[[0, k, 1, 0], [0, width, p, hops], [0, r, 1, 0, -1], [0, width, q, many, -1]]]


def search_with(module: ModuleType) -> ModuleType:
    """The search for proofs, with another checker."""
    found = ModuleType("search")
    found.__dict__["checker"] = module
    exec(compile(SEARCH.replace("from patternc.analysis import checker\n", ""), "search", "exec"), found.__dict__)
    return found


def shown(search: ModuleType, statement: dict[str, Any], runs: list[Any] | None) -> bool:
    """Whether the statement gets a proof: with evidence that is given, or any."""

    class Given(search._Search):
        def seen(self, op: str, count: Any, cap: Any = None) -> Any:
            self.evidence = iter([runs])
            return search.checker.Case.seen(self, op, count, cap)

    try:
        if runs is None:
            proof = search.proof_of(statement)
        else:
            proof = {"goals": [], "evidence": [runs]}
            Given(statement, proof, ())
        search.checker.check(statement, proof)
    except (*MISSHAPEN, UnprovedError):
        return False
    return True


def numbers(leaf: Any, draw: random.Random) -> list[Any]:
    while "split" in leaf:
        leaf = leaf[draw.choice(("yes", "no"))]
    return [[number(e, {}, []) for e in run] for run in leaf["evidence"][0]]


def changed(runs: list[Any], draw: random.Random) -> list[Any]:
    """Other runs near these."""
    runs = [list(run) for run in runs]
    for _ in range(draw.choice((1, 1, 2, 3))):
        run, choice = draw.choice(runs), draw.random()
        if choice < 0.75:
            run[draw.randrange(7)] += draw.choice((-2, -1, 1, 2))
        elif choice < 0.85 and run[3] > 1:
            cut, place = draw.randrange(1, run[3]), runs.index(run)
            runs[place : place + 1] = [[*run[:3], cut, *run[4:]], [*run[:3], run[3] - cut, *run[4:]]]
        elif choice < 0.95:
            runs.insert(draw.randrange(len(runs)), list(run))
        elif len(runs) > 1:
            runs.remove(run)
    return runs


CRAFTED: list[tuple[Any, str, int, list[Any]]] = [
    # Fewer skips than none would leave more layers to windows, and more skips than layers lead further.
    (both(1, 1, 3, 0), "prefix", 2, [[-1, 0, 1, 1, 1, 3, 0]]),
    (both(0, 0, 2, 1), "coverage", 1, [[2, 2, 1, 2, 1, 0, 0], [2, 2, 1, 1, 1, 0, 0]]),
    # What the last layer adds by skipping as well is not left out.
    (both(0, 0, 5, 1), "coverage", 1, [[0, 0, 1, 1, 1, 0, 0]]),
    # Lag 4 is seen and left out: by a run without a cell, and by cells that do not follow each other.
    (both(0, 1, 5, 1), "coverage", 2, [[0, 0, 1, 1, 1, 0, 0], [1, 1, 1, 0, 1, 0, 0], *[[2, 2, 1, 1, 1, 0, 0]] * 2]),
    (both(0, 1, 5, 1), "coverage", 2, [[0, 0, 1, 1, 1, 0, 0], *[[2, 2, 1, 1, 1, 0, 0]] * 2]),
    # Two groups, of which the second begins later.
    (both(1, 1, 20, 1), "coverage", 3, [[0, 0, 3, 1, 1, 3, -1], [3, 3, 1, 1, 1, 0, 0]]),
    # Runs of skips to both sides do not add up to blocks, and a window back is none ahead.
    (both(0, 0, 9, 1, width=1), "coverage", 2, [[2, 2, 1, 2, 1, 2, 0], [2, 2, 1, 1, 1, 2, 0]]),
    (
        [[[0, 1, 1, 0], [0, 0, 9, 1], [0, 3, 1, 0], [0, 0, 9, 1, -1]]],
        "coverage",
        1,
        [[0, 0, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 0, 0]],
    ),
]


@cache
def cases() -> list[tuple[Any, str, int, list[Any], bool]]:
    """Layers, a term of so many layers, evidence for it, and whether that is right; else it may be."""
    draw, found = random.Random(11), [(*case, False) for case in CRAFTED]
    while len(found) < 300:
        k, p, hops, count = draw.randint(0, 3), draw.randint(1, 8), draw.randint(0, 3), draw.randint(1, 4)
        layers = both(k, draw.choice((k, k, draw.randint(0, 4))), p, hops)
        op = draw.choice(("prefix", "coverage"))
        try:
            runs = numbers(proof_search.proof_of(stated(layers, [">=", [op, count], -1])), draw)
        except (*MISSHAPEN, UnprovedError):
            continue
        found.append((layers, op, count, runs, True))
        found += [(layers, op, count, changed(runs, draw), False) for _ in range(5)]
        if draw.random() < 0.3:
            found.append((both(k, k, p, hops, ahead=(draw.randint(1, 8), hops)), op, count, runs, False))
    return found


def wrong_about_a_case(search: ModuleType) -> bool:
    """Whether something false is shown of a term, or what is right is not."""
    for layers, op, count, runs, right in cases():
        value = number([op, count], {}, layers)
        if right and not shown(search, stated(layers, ["==", [op, count], value]), runs):
            return True
        for claim in ([">=", [op, count], value + 1], ["<=", [op, count], value - 1]):
            if shown(search, stated(layers, claim), runs):
                return True
    return False


def wrong_about_tokens(search: ModuleType) -> bool:
    """Whether tokens are said to be covered that are not, or no layer to lead without end."""
    if shown(search, stated([[[0, 1, 1, 0], [0, 0, 3, "oo"]]], ["==", ["coverage", 0], "oo"]), None):
        return True
    ended = [[1, 2, 1, 2, 1, 2, 0], [2, 0, 1, 1, 1, 0, 0]]
    if shown(search, stated([[[0, 2, 1, 0], [0, 0, 3, "oo"]]], ["<=", ["prefix", 2], 6]), ended):
        return True
    for (k, r), p, hops, count, n in product(((1, 1), (2, 2), (2, 1), (1, 2)), (3, 5), (0, 1), (2, 3), range(2, 9)):
        layers = both(k, r, p, hops)
        op = "misses" if compared(["covers", n, count], {}, layers) else "covers"
        if shown(search, stated(layers, [op, n, count]), None):
            return True
        for lags in (
            layers[0][:3],
            [*layers[0][:3], [0, 0, 1, 0, -1]],
            [*layers[0][:2], *(x[:4] for x in layers[0][:2])],
        ):
            op = "misses" if compared(["covers", n, count], {}, [lags]) else "covers"
            if shown(search, stated([lags], [op, n, count]), [[0, k * count, 1, 1, 1, k * count, 0]]):
                return True
    return False


def test_nothing_false_is_shown() -> None:
    search = search_with(checker)
    assert not wrong_about_a_case(search)
    assert not wrong_about_tokens(search)


def test_terms_of_both_sides_are_what_is_counted() -> None:
    """The value that brute force counts is proved, and none next to it."""
    windows = [(both(k, r, 1, 0), 1) for k, r in product(range(3), range(3))]
    skips = [
        (both(k, k, p, hops), p) for k, p, hops in product(range(4), range(2, 9), (1, 2)) if k < p or k >= p * hops
    ]
    for (layers, p), op, count in product([*windows, *skips], ("prefix", "coverage"), (1, 2, 3)):
        value = number([op, count], {}, layers)
        for claim in (["==", [op, count], value], ["<", [op, count], value], [">", [op, count], value]):
            if claim[0] == "==" or (p + count) % 2:
                assert shown(proof_search, stated(layers, claim), None) == (claim[0] == "=="), (layers, claim)


def test_runs_of_skips_beside_a_wide_window_are_what_is_counted() -> None:
    for a, p, k, hops, op, count in product((1, 2), (2, 3, 4), (4, 6), (1, 2, 3), ("prefix", "coverage"), (1, 2, 3)):
        layers = [[[0, k, 1, 0], [0, a, p, hops]]]
        value = number([op, count], {}, layers)
        assert shown(proof_search, stated(layers, ["==", [op, count], value]), None), (layers, op, count)
        assert not shown(proof_search, stated(layers, ["==", [op, count], value + 1]), None), (layers, op, count)


def test_prefixes_of_hops_without_end_are_what_is_counted() -> None:
    for k, p, count, two in product((0, 1, 2, 4), (2, 3, 7), (1, 2), (False, True)):
        layers = both(k, k, p, 40) if two else [both(k, k, p, 40)[0][:2]]
        value = number(["prefix", count], {}, layers)
        endless = [[[*lag[:3], "oo", *lag[4:]] if lag[3] else lag for lag in layers[0]]]
        for other in (value - 1, value, value + 1):
            proved = shown(proof_search, stated(endless, ["==", ["prefix", count], other]), None)
            # Beyond 40 there is no end in truth, and so no proof.
            assert not proved or other == value < 40, (endless, count, other)
            assert proved or other != value or two or value > 40 or k >= p, (endless, count)


WRONG = {
    "any skips ahead": ("rest == [[*lags[1], Poly(-1)]] * bool(less) and ", ""),
    "skips ahead or not negated": ("(y, r, _, z, _), *rest = less or", "(y, r, _, z, *_), *rest = less or"),
    "runs of skips": ("any((u, v, x, y, z, less and a))", "any((u, v, x, y, z))"),
    "windows that differ": ("(r - k, k - r, ", "("),
    "a window shorter ahead": ("(r - k, k - r, ", "(k - r, "),
    "a sequence too short for two hops": ("(cap - p * hops - k) * bool(hops)", "0"),
    "a sequence too short for a hop and a window": (
        "(cap - p * hops - k) * bool(hops)",
        "(cap - p * hops) * bool(hops)",
    ),
    "cells from their multiples on": ("back, turn, s, i = r * (count - used), ", "back, turn, s, i = Poly(), "),
    "lags below 0 are counted": ("r * (runs[0][0] - count) * 2", "Poly()"),
    "cells that leave something out": ("-bool(left and less and many != Poly(1) != turn)", "0"),
    "no cell where the next ones begin elsewhere": ("size - bool(left and less and turn)", "size"),
    "groups do not begin later": ("(slope - r) * (many - 1)", "slope * (many - 1)"),
    "cells end at multiples": ("after * p - 1 - r * (count - then)", "after * p - 1"),
    "the last of a group as the others": ("(Poly() - last, used + turn)", "(Poly() - last, used)"),
    "the last of a group is not looked at": ("(last - 1, used), (Poly() - last, used + turn)", "(last - 1, used)"),
    "but the last of a group none": ("(last - 1, used), (Poly() - last, used + turn)", "(Poly() - last, used + turn)"),
    "blocks from their multiples on": ("edge - m * p + r * (count - j)", "edge - m * p"),
    "no more skips": ("([j - u - 1], [j - u, u - j], [u - 1 - j])", "([j - u, u - j], [u - 1 - j])"),
    "not as many skips": ("([j - u - 1], [j - u, u - j], [u - 1 - j])", "([j - u - 1], [u - 1 - j])"),
    "no fewer skips": ("([j - u - 1], [j - u, u - j], [u - 1 - j])", "([j - u - 1], [j - u, u - j])"),
    "no later blocks": ("product((m - after, after - 1 - m)", "product((after - 1 - m,)"),
    "no earlier blocks": ("product((m - after, after - 1 - m)", "product((m - after,)"),
    "cells that run over": ("self.show(edge - end, own, ", "self.show(own, "),
    "more skips than layers": ("used, count - used, used * hops", "used, used * hops"),
    "fewer skips than none": ("own, used, count - used", "own, count - used"),
    "more hops than skips have": ("used * hops - at, ", ""),
    "wider than windows": ("wide + gain * used - own, given", "given"),
    "gaps before a prefix": ("(whole or seen == (low * p - back) * 2)", "True"),
    "one hop without end": ("(cap or far + 1) if", "(cap or Poly(1)) if"),
    "infinite without a layer": ("self.show(count - 1) or ", ""),
    "no layer more than there is": ("here += [j, count - j, ", "here += [j, count - 1 - j, "),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_checker_is_told_apart(wrong: str) -> None:
    old, new = WRONG[wrong]
    assert CHECKER.count(old) == 1
    module = ModuleType("wrong")
    exec(compile(CHECKER.replace(old, new), "wrong", "exec"), module.__dict__)
    search = search_with(module)
    assert wrong_about_a_case(search) or wrong_about_tokens(search)
