"""Measures one pattern at one shape: every variant built, checked, and timed beside the others."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
import triton

from patternc.runtime.bench.check import CheckFailedError, check
from patternc.runtime.bench.problem import Problem, Shape, Subject, gpu_name
from patternc.runtime.bench.report import Line, Machine, compare
from patternc.runtime.bench.timing import Bursts, Clock, Timed, clock_for, medians
from patternc.runtime.bench.variants import OURS, PEERS, Attend, NotTriedError, Variant, factories

MIB = 2**20


@dataclass(frozen=True)
class Options:
    """What is measured, and how long it may take."""

    peers: tuple[str, ...] = PEERS
    backward: bool = True
    cool: Bursts = field(default_factory=Bursts)
    hot: Bursts | None = field(default_factory=lambda: Bursts(rounds=2, pause=0.0, warm=0.15))
    sampled: int = 48
    """Query rows that are checked."""
    limit: float = 5.0
    """Seconds that a peer's forward and backward pass may take, by an estimate; ours is always timed."""
    command: str = ""
    """Goes into every line, so that a table says how to repeat it."""


class DeviceLostError(RuntimeError):
    """The GPU answers no more: nothing that follows in this process would mean anything."""


@dataclass
class _Ready:
    """A variant that was built and checked, with the calls that are timed."""

    line: Line
    calls: dict[str, Callable[[], Any]]
    timed: dict[str, Timed]


def machine(device: str) -> Machine:
    """What is measured on."""
    name = gpu_name() or device if device == "cuda" else "CPU"
    return Machine(name, str(torch.__version__), str(triton.__version__))


def blank(subject: Subject, shape: Shape, row: str, device: str, command: str) -> Line:
    """A line in which nothing is measured yet."""
    return Line(
        *machine(device), command=command, row=row, pattern=subject.label, variant="",
        n=shape.n, heads=shape.heads, head_dim=shape.head_dim, dtype=shape.dtype,
    )  # fmt: skip


def measure(
    subject: Subject,
    shape: Shape,
    row: str,
    device: str = "cuda",
    options: Options | None = None,
    progress: Callable[[str], None] = lambda text: None,
) -> list[Line]:
    """One line a variant, ours first.  A peer that fails says so in its line; so does ours where it is wrong.

    Raises `DeviceLostError`.
    """
    options = options or Options()
    clock = clock_for(device)
    torch.compiler.reset()  # a limit on recompilations counts across patterns
    start = blank(subject, shape, row, device, options.command)
    try:
        problem = Problem(subject, shape, device)
    except torch.OutOfMemoryError as failure:
        return [replace(start, variant=OURS, status=_described(failure))]
    start.live_pairs = problem.pairs
    if problem.floor is not None:
        start.forward_floor_ms = problem.floor.forward
        start.backward_floor_ms = problem.floor.backward if options.backward else None
    lines: list[Line] = []
    ready: dict[str, _Ready] = {}
    for name, factory in factories(problem, options.peers, options.limit).items():
        progress(name)
        lines.append(replace(start, variant=name))
        try:
            ready[name] = _prepare(problem, factory, lines[-1], options, clock)
        except CheckFailedError as problem_found:
            lines[-1].status = f"wrong: {problem_found}"
        except NotTriedError as reason:
            lines[-1].status = f"not tried: {reason}"
        except Exception as failure:  # whatever a peer does, the others go on
            lines[-1].status = _described(failure)
        _recover(device)
    progress("timing")
    _time(ready, options, clock)
    _recover(device)
    compare(lines)
    return lines


def _described(failure: Exception) -> str:
    first = next(iter(str(failure).strip().splitlines()), "")
    return f"failed: {type(failure).__name__}: {first}"[:200]


def _recover(device: str) -> None:
    """Frees what a variant left behind.  Raises `DeviceLostError` where it took the device with it."""
    gc.collect()
    if device != "cuda":
        return
    try:
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
    except RuntimeError as failure:
        raise DeviceLostError(_described(failure)) from failure


def _prepare(problem: Problem, factory: Callable[[], Variant], line: Line, options: Options, clock: Clock) -> _Ready:
    """Builds and checks a variant, and measures all but its device time."""
    began = time.perf_counter()
    variant = factory()
    line.exact = variant.exact
    backward = options.backward and variant.differentiable
    leaves = [x.detach().requires_grad_(backward) for x in problem.leaves]
    calls = _calls(problem, variant.attend, leaves, backward, variant.exact)
    for call in calls.values():
        call()
    clock.synchronise()
    line.setup_s = time.perf_counter() - began
    checked = check(problem, variant, backward, options.sampled)
    line.output_error, line.gradient_error = checked.output, checked.gradient
    line.repeatable = checked.repeatable
    if line.variant == OURS and not checked.repeatable:
        raise CheckFailedError("two runs differ")
    timed: dict[str, Timed] = {}
    for stage, call in calls.items():
        extra = clock.extra_bytes(call)
        if extra is not None:
            held = variant.held_bytes if stage == "forward" else 0
            setattr(line, f"{stage}_extra_mib", (extra + held) / MIB)
        seconds = min(clock.seconds(call) for _ in range(2))
        host = clock.host_seconds(call)
        setattr(line, f"{stage}_host_us", host * 1e6)
        timed[stage] = Timed(call, seconds, host)
    if not variant.compiled:
        with torch.no_grad():
            plain = [x.detach() for x in problem.leaves]
            variant.attend(*plain)  # compiles: kernels that keep nothing are others
            line.inference_host_us = 1e6 * clock.host_seconds(lambda: variant.attend(*plain))
    return _Ready(line, calls, timed)


def _calls(
    problem: Problem, attend: Attend, leaves: list[torch.Tensor], backward: bool, exact: bool
) -> dict[str, Callable[[], Any]]:
    """The calls that are timed: a forward pass, and a backward pass over what one forward pass kept."""
    calls: dict[str, Callable[[], Any]] = {"forward": lambda: attend(*leaves)}
    if backward:
        output = attend(*leaves)
        sources = leaves if exact else leaves[:3]
        calls["backward"] = lambda: torch.autograd.grad(output, sources, problem.gradient, retain_graph=True)
    return calls


def _time(ready: dict[str, _Ready], options: Options, clock: Clock) -> None:
    """Times all calls of all variants, interleaved; fills in their lines."""
    calls = {f"{name}/{stage}": t for name, one in ready.items() for stage, t in one.timed.items()}
    for suffix, bursts in (("ms", options.cool), ("hot_ms", options.hot)):
        if bursts is None:
            continue
        for key, result in medians(clock, calls, bursts).items():
            name, _, stage = key.rpartition("/")
            if isinstance(result, Exception):
                ready[name].line.status = _described(result)
            else:
                setattr(ready[name].line, f"{stage}_{suffix}", result)
