"""Clocks: how long a call takes on its device, what it costs the host, and what memory it needs.

On a GPU a burst of calls is queued behind a kernel that only waits, so that the events around each call see the time of
the device and never the host's; what the host needs is measured apart.  On the CPU the same methods serve to try the
rest of the benchmark without a GPU.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch

Call: TypeAlias = Callable[[], Any]

CYCLES_A_SECOND = 2.0e9
"""Of a GPU at its highest clock, or more: a wait may only be too long."""


class Clock:
    """Times calls on the CPU."""

    def synchronise(self) -> None:
        """Waits for the device."""

    def burst(self, call: Call, repetitions: int, lead: float) -> list[float]:
        """Milliseconds of each of so many calls; the device waits ``lead`` seconds first, while they are queued."""
        del lead
        return [once(call) * 1e3 for _ in range(repetitions)]

    def extra_bytes(self, call: Call) -> int | None:
        """The peak of memory during a call, beyond what was held before and what the call returns."""
        del call
        return None

    def seconds(self, call: Call) -> float:
        """One call, from start to end, as the host sees it."""
        self.synchronise()
        began = time.perf_counter()
        call()
        self.synchronise()
        return time.perf_counter() - began

    def host_seconds(self, call: Call, group: int = 20, limit: float = 0.25) -> float:
        """The median time until a call returns, its work still queued: of three groups, or what the limit allows."""
        found: list[float] = []
        began = time.perf_counter()
        for i in range(3 * group):
            if i % group == 0:
                self.synchronise()
            found.append(once(call))
            if time.perf_counter() - began > limit:
                break
        self.synchronise()
        return statistics.median(found)


class GpuClock(Clock):
    """Times calls with the device's own events."""

    def synchronise(self) -> None:
        torch.cuda.synchronize()

    def burst(self, call: Call, repetitions: int, lead: float) -> list[float]:
        events = [
            (torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)) for _ in range(repetitions)
        ]
        torch.cuda._sleep(int(lead * CYCLES_A_SECOND))  # pyright: ignore[reportPrivateUsage]
        for begin, end in events:
            begin.record()
            call()
            end.record()
        torch.cuda.synchronize()
        return [begin.elapsed_time(end) for begin, end in events]

    def extra_bytes(self, call: Call) -> int | None:
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        result = call()
        torch.cuda.synchronize()
        returned = result if isinstance(result, tuple) else (result,)
        kept = sum(x.numel() * x.element_size() for x in returned)
        return max(0, torch.cuda.max_memory_allocated() - before - kept)


def once(call: Call) -> float:
    """Seconds until a call returns."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def clock_for(device: str) -> Clock:
    """The clock of a device, ``cuda`` or ``cpu``."""
    return GpuClock() if device == "cuda" else Clock()


@dataclass(frozen=True)
class Timed:
    """A call to be timed: its seconds on the device, roughly, and on the host."""

    call: Call
    seconds: float
    host: float


@dataclass(frozen=True)
class Bursts:
    """How calls are timed: so many rounds of bursts, each variant's turn in every round."""

    rounds: int = 3
    repetitions: int = 10
    longest: float = 0.04
    """Seconds of the device that a burst takes at most; a long call is repeated less often, but at least once."""
    pause: float = 0.25
    """Before each burst, so that the chip is as cool for one variant as for the other."""
    warm: float = 0.0
    """Seconds of running without a pause before each burst: with ``pause`` 0, timings of a chip at its power limit."""


def medians(clock: Clock, calls: Mapping[str, Timed], bursts: Bursts) -> dict[str, float | Exception]:
    """The median milliseconds of each call, all calls interleaved.  A call that fails leaves its exception."""
    samples: dict[str, list[float]] = {name: [] for name in calls}
    failed: dict[str, Exception] = {}
    for _ in range(bursts.rounds):
        for name, timed in calls.items():
            if name in failed:
                continue
            try:
                samples[name] += _burst(clock, timed, bursts)
            except Exception as problem:  # a peer may fail in any way; the others go on
                failed[name] = problem
    return {name: failed.get(name) or statistics.median(samples[name]) for name in calls}


def _burst(clock: Clock, timed: Timed, bursts: Bursts) -> list[float]:
    repetitions = max(1, min(bursts.repetitions, int(bursts.longest / max(timed.seconds, 1e-7))))
    clock.synchronise()
    time.sleep(bursts.pause)
    if bursts.warm:
        for _ in range(max(1, min(2000, int(bursts.warm / max(timed.seconds, timed.host, 1e-7))))):
            timed.call()
    # Queuing a call and its two events; the wait outlasts that.
    lead = 1e-4 + 1.5 * repetitions * (timed.host + 2e-5)
    return clock.burst(timed.call, repetitions, lead)
