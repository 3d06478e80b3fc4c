"""Where tables and masks are printed: standard output, with colours on a terminal."""

from __future__ import annotations

from rich.console import Console


class Output(Console):
    """Standard output.  A reader that goes away is a `BrokenPipeError`, as it is for `print`."""

    def __init__(self) -> None:
        super().__init__(highlight=False)

    def on_broken_pipe(self) -> None:
        """Rich would exit with 1, which says that something failed."""
        raise BrokenPipeError
