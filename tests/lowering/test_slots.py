"""Slots of a cache: no live pair is ever dropped, and as few slots as keys are alive at once."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest

import patternc
from patternc.analysis.retention import NoCacheError, retention
from patternc.lowering.slots import MAX_LENGTH, Slots, cache_report, most_alive, slots_of
from tests.fuzz.checks import pattern_of
from tests.fuzz.programs import LENGTH, Drawn, program
from tests.fuzz.tape import Tape
from tests.oracle import section1

N = 40


def slots(body: str, n: int) -> Slots:
    found = retention(patternc.loads(f"causal pattern p {{ attend {body} }}")._instance, n, 1, 1)
    return slots_of(found.kinds[0], n)


def test_a_window_is_a_ring() -> None:
    found = slots("window(5)", 50)
    assert found.count == 6
    assert found.slot.tolist() == [k % 6 for k in range(50)]


def test_a_bounded_stride_is_a_ring_of_its_residues() -> None:
    found = slots("stride(4, 3)", 50)
    assert found.count == 13
    assert found.slot.tolist() == [k % 13 for k in range(50)]


def test_sinks_stay_apart_from_the_ring() -> None:
    found = slots("sink(3) | window(5)", 50)
    assert found.count == 9
    assert found.slot[:3].tolist() == [0, 1, 2]
    assert min(found.slot[3:]) == 3
    assert found.slot[3:].tolist() == [3 + k % 6 for k in range(47)]


def test_columns_stay_and_chunks_make_room() -> None:
    found = slots("chunk(8) | columns(8, phase = 6, width = 2)", 80)
    # Two columns for each of ten chunks, and the six other keys of the chunk at hand.
    assert found.count == 20 + 6
    kept = [k for k in range(80) if k % 8 >= 6]
    assert len({found.slot[k] for k in kept}) == len(kept)


def test_keys_that_nobody_sees_have_no_slot() -> None:
    found = slots("columns(5)", 50)
    assert found.count == 10
    assert (found.slot[np.arange(50) % 5 > 0] == -1).all()


def test_everything_is_held_where_nothing_can_be_dropped() -> None:
    assert slots("full", 50).slot.tolist() == list(range(50))
    assert slots("none", 50).count == 0


def test_numbers_beyond_any_sequence() -> None:
    huge = 2**61
    assert slots(f"window({huge})", 20).count == 20
    assert slots(f"chunk({huge}, {huge})", 20).count == 20
    assert slots(f"columns({huge}, phase = 3) | chunk(4)", 20).count == 5
    assert slots(f"stride({huge})", 20).count == 1


def check(drawn: Drawn, tally: dict[str, int]) -> None:
    """Brute force over all pairs, written from the language's page, against what is held; counts into ``tally``."""
    pattern = pattern_of(drawn)
    try:
        needed = retention(pattern._instance, N, drawn.heads, drawn.heads)
    except NoCacheError:
        return
    seen = section1.mask(drawn.pattern, drawn.heads, N, nq=N, ends=(0, N))
    for h in range(drawn.heads):
        found = slots_of(needed.kinds[needed.order[h]], N)
        last = np.full(N, -1)
        for branch in seen:
            for q, k in branch[h]:
                last[k] = max(last[k], q)
        assert (found.last >= last).all(), f"a live key is dropped: {drawn}, head {h}"
        held: dict[int, int] = {}
        for k in range(N):
            slot = int(found.slot[k])
            assert (slot >= 0) == (found.last[k] >= k)
            if slot >= 0:
                assert slot < found.count
                assert slot not in held or found.last[held[slot]] < k, f"two live keys in a slot: {drawn}, head {h}"
                held[slot] = k
        tally["heads"] += 1
        tally["slots"] += found.count
        tally["least"] += most_alive(last)
        tally["exact"] += found.count == most_alive(last)


def campaign(programs: int, seed: int) -> dict[str, int]:
    random, tally = Random(seed), dict.fromkeys(("heads", "slots", "least", "exact"), 0)
    for _ in range(programs):
        drawn = program(Tape(random.randbytes(LENGTH)))
        check(Drawn(replace(drawn.pattern, causal=True), drawn.heads), tally)
    return tally


def judge(tally: dict[str, int]) -> None:
    # No layout can do with fewer slots than keys are alive; what is held beyond that is for conditions and residues
    # of queries that are not understood.
    assert tally["exact"] >= 0.8 * tally["heads"]
    assert tally["slots"] <= 1.15 * tally["least"]


def test_no_live_pair_of_a_random_causal_pattern_is_dropped() -> None:
    tally = campaign(150, seed=1)
    assert tally["heads"] > 100
    judge(tally)


@pytest.mark.slow
def test_no_live_pair_of_many_random_causal_patterns_is_dropped() -> None:
    judge(campaign(3000, seed=2))


def test_a_report_says_what_is_held_or_why_there_can_be_no_cache() -> None:
    strided = patternc.load("examples/sparse_transformer.pat", pattern="strided", l=16)._instance
    report = cache_report(strided, 100, 4)
    assert report.heads == (17, 17, 97, 97)
    assert report.share == pytest.approx(228 / 400)
    assert report.line() == (
        "Cache for decoding: 17 to 97 of 100 keys a head (every key, up to 16 tokens back; every key, up to 96 tokens "
        "back)."
    )
    dense = patternc.load("examples/dense.pat")._instance
    assert cache_report(dense, 100, 4).line() == "Cache for decoding: all of 100 keys a head (every key, to the end)."
    ring = patternc.load("examples/ring_local.pat")._instance
    assert cache_report(ring, 100, 4).line().startswith("Cache for decoding: none.  What a token sees in pattern ring")
    assert "up to 16,777,216 tokens" in cache_report(dense, MAX_LENGTH + 1, 4).line()
