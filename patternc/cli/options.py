"""The options that every command has: `--quiet`, `--verbose`, `--print-ir-after`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import wraps
from typing import Annotated, Any, cast

import typer

from patternc.cli.console import note, silenced
from patternc.diagnostics import UsageError, did_you_mean
from patternc.passes import PASSES, SHOWN, Watch, watched

QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes: the answer and errors.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Show what each pass took, on standard error.")]
PrintOption = Annotated[
    list[str] | None,
    typer.Option(
        "--print-ir-after",
        metavar="PASS",
        autocompletion=lambda: list(SHOWN),
        help=f"Show what a pass leaves, on standard error: {', '.join(SHOWN)}.",
    ),
]
_COMMON = {"quiet": (QuietOption, False), "verbose": (VerboseOption, False), "print_ir_after": (PrintOption, None)}


def with_common_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """A command's function with the common options behind its own."""
    signature = inspect.signature(function, eval_str=True)
    common = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in _COMMON.items()
    ]

    @wraps(function)
    def run(*arguments: Any, **options: Any) -> Any:
        chosen = {name: options.pop(name, default) for name, (_, default) in _COMMON.items()}
        with common_options(**chosen):
            return function(*arguments, **options)

    cast(Any, run).__signature__ = signature.replace(parameters=[*signature.parameters.values(), *common])
    return run


@contextmanager
def common_options(quiet: bool, verbose: bool, print_ir_after: list[str] | None) -> Generator[None]:
    """What the options ask for, as long as the block runs.  Raises `UsageError` for a pass that is not there."""
    shown = [name for text in print_ir_after or () for name in text.split(",")]
    for name in shown:
        if name not in SHOWN:
            why = "leaves nothing to print; " if name in PASSES else ""
            hint = did_you_mean(name, SHOWN)
            raise UsageError(
                f"--print-ir-after {name}: {why}expected one of {', '.join(SHOWN)}{f' ({hint})' if hint else ''}"
            )
    with silenced(quiet), watched(Watch(shown)) as watch:
        try:
            yield
        finally:
            if verbose and watch.seconds:
                note(watch.report())
