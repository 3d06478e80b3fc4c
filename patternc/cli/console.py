"""What commands say beside their answer, all on standard error: notes, and progress where it is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

from patternc.config import progress_wanted

Step: TypeAlias = Callable[[str], None]
"""Called with what is done now; each call after the first says that one more step is done."""

WIDEST = 48
_QUIET: ContextVar[bool] = ContextVar("quiet", default=False)


@contextmanager
def silenced(quiet: bool) -> Generator[None]:
    """Inside, notes and progress are left out where ``quiet``; an outer `silenced` counts too."""
    before = _QUIET.set(quiet or _QUIET.get())
    try:
        yield
    finally:
        _QUIET.reset(before)


def note(text: str) -> None:
    """Say something that is no answer and no error; `--quiet` leaves it out."""
    if not _QUIET.get():
        print(text, file=sys.stderr, flush=True)


def told(text: object) -> None:
    """Say on standard output what was written where; `--quiet` leaves it out."""
    if not _QUIET.get():
        print(text, flush=True)


@contextmanager
def progress(name: str, total: int | None = None) -> Generator[Step]:
    """Shows ``name`` with a bar of ``total`` steps, or that something is going on, until the block ends.

    On a terminal only; in a pipe and under `--quiet` nothing is written.  Nothing else may be printed meanwhile.
    """
    if _QUIET.get() or not progress_wanted():
        yield lambda text: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    counted = (BarColumn(bar_width=20), MofNCompleteColumn()) if total is not None else ()
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), *counted, TimeElapsedColumn())
    with Progress(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=False, redirect_stderr=False
    ) as shown:
        task = shown.add_task(_cut(name), total=total)
        done = -1

        def step(text: str) -> None:
            nonlocal done
            done += 1
            line = _cut(f"{name}: {text}" if text else name)
            shown.update(task, completed=done if total is None else min(done, total), description=line)

        yield step


def _cut(line: str) -> str:
    """One that fits on a terminal of 80 columns beside the bar."""
    return line if len(line) <= WIDEST else line[: WIDEST - 1] + "…"
