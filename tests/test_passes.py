"""Passes are timed each by itself."""

from __future__ import annotations

import time

from patternc.passes import PASSES, Watch, run, watched


def test_a_pass_within_a_pass_counts_once() -> None:
    def outer() -> None:
        run("prove", time.sleep, 0.02)
        run("prove", time.sleep, 0.02)

    begin = time.perf_counter()
    with watched(Watch()) as watch:
        run("draw", outer)
        run("parse", time.sleep, 0.0)
    assert sum(watch.seconds.values()) <= time.perf_counter() - begin
    assert watch.times == {"prove": 2, "draw": 1, "parse": 1}
    assert watch.seconds["prove"] >= 0.04
    assert watch.seconds["draw"] < watch.seconds["prove"]


def test_nobody_watches() -> None:
    assert run("parse", int, "3") == 3


def test_the_report_is_in_the_order_of_the_passes() -> None:
    watch = Watch()
    for name in reversed(PASSES):
        watch.took(name, 0.5)
    lines = watch.report().splitlines()
    assert [line.split()[0] for line in lines] == ["pass", *PASSES, "together"]
    assert lines[-1].split()[1] == f"{500.0 * len(PASSES):.1f}"
