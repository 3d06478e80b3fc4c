"""The passes on the way from a text to the emitted file: named data, run, verified, timed and shown in one place.

`--verbose` prints what each took, `--print-ir-after=NAME` the representation that one leaves.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from importlib import import_module
from time import perf_counter
from typing import Any, ParamSpec, TextIO, TypeVar


@dataclass(frozen=True)
class Pass:
    """A pass and what it does in words; where it leaves new IR, also the printer of that as ``module:function``, and
    what lists its broken invariants.
    """

    name: str
    does: str
    printer: str = ""
    verifier: str = ""

    def text(self, result: Any) -> str:
        """What it left, as text."""
        return _function(self.printer)(result)

    def verify(self, result: Any) -> None:
        """Raises `BrokenInvariantError` for IR that no pass may leave."""
        if self.verifier:
            for problem in _function(self.verifier)(result):
                raise BrokenInvariantError(f"after the pass {self.name}: {problem}")


class BrokenInvariantError(Exception):
    """A pass left something that the next ones cannot take: a mistake of the compiler."""


def _function(place: str) -> Callable[[Any], Any]:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


_PRINTER, _VERIFY = "patternc.ir.printer", "patternc.ir.verify"
PASSES = {
    one.name: one
    for one in (
        Pass("parse", "text to syntax tree", f"{_PRINTER}:tree_text"),
        Pass("check", "names, types and claims of the tree"),
        Pass(
            "relations", "tree to relations, parameters open", f"{_PRINTER}:program_text", f"{_VERIFY}:program_problems"
        ),
        Pass("instantiate", "numbers for the parameters", f"{_PRINTER}:instance_text", f"{_VERIFY}:instance_problems"),
        Pass("schedule", "relations to tiles in closed form", f"{_PRINTER}:plan_text", f"{_VERIFY}:plan_problems"),
        Pass("render", "tiles to one file of kernels", f"{_PRINTER}:file_text"),
        Pass("assemble", "kernels to machine code"),
        Pass("flex", "relations to a FlexAttention mask_mod", f"{_PRINTER}:file_text"),
        Pass("mask", "relations to the dense mask"),
        Pass("lint", "what is legal and looks wrong"),
        Pass("prove", "claims to verdicts"),
        Pass("cost", "pairs, FLOPs and bytes counted"),
        Pass("field", "what a token sees after each layer"),
        Pass("draw", "masks and receptive fields to a picture"),
    )
}
"""Every pass by its name, in the order of the way through.  A new one is a line here, and `run` where it happens."""

SHOWN = tuple(name for name, one in PASSES.items() if one.printer)
"""Those that leave a representation which can be printed."""

P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class Watch:
    """What is noted while passes run: the seconds of each, and the IR after those of ``shown`` on ``out``."""

    shown: Iterable[str] = ()
    out: TextIO = field(default_factory=lambda: sys.stderr)
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    times: dict[str, int] = field(default_factory=dict[str, int])
    inner: float = 0.0
    """Seconds of the passes that the one under way has run itself; they count as theirs alone."""

    def took(self, name: str, seconds: float) -> None:
        """A pass ran for so many seconds."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds
        self.times[name] = self.times.get(name, 0) + 1

    def left(self, name: str, result: Any) -> None:
        """A pass left something."""
        if name in self.shown:
            print(f"# IR after {name}: {PASSES[name].does}\n{PASSES[name].text(result)}", file=self.out, flush=True)

    def report(self) -> str:
        """A line a pass that ran: its milliseconds, how often it ran, what it does."""
        ran = [one for one in PASSES.values() if one.name in self.seconds]
        lines = [f"{'pass':<12} {'ms':>9}  runs"]
        lines += [f"{p.name:<12} {1e3 * self.seconds[p.name]:>9.1f}  {self.times[p.name]:>4}  {p.does}" for p in ran]
        return "\n".join([*lines, f"{'together':<12} {1e3 * sum(self.seconds.values()):>9.1f}"])


_WATCH: ContextVar[Watch | None] = ContextVar("watch", default=None)


@contextmanager
def watched(watch: Watch) -> Generator[Watch]:
    """Passes that run inside are noted by ``watch``."""
    before = _WATCH.set(watch)
    try:
        yield watch
    finally:
        _WATCH.reset(before)


def run(name: str, function: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """``function(*arguments, **options)`` as the pass ``name``: verified and noted where somebody watches."""
    watch = _WATCH.get()
    if watch is None:
        return function(*arguments, **options)
    begin, before = perf_counter(), watch.inner
    watch.inner = 0.0
    try:
        result = function(*arguments, **options)
    finally:
        seconds = perf_counter() - begin
        watch.took(name, seconds - watch.inner)
        watch.inner = before + seconds
    PASSES[name].verify(result)
    watch.left(name, result)
    return result
