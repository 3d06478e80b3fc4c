"""The command line: an explicit registry of commands, each loaded only when it is called."""

from __future__ import annotations

import gc
import importlib
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from importlib.util import find_spec
from typing import Annotated, Any, NoReturn

import typer

from patternc import __version__
from patternc.cli.options import with_common_options
from patternc.config import color_wanted, traceback_wanted
from patternc.diagnostics import DiagnosticError, UsageError, render_all
from patternc.ir.instantiate import InstantiationError

WRONG_CALL = 2
INTERRUPTED = 130
PIPE_CLOSED = 141
INTERNAL = 70


@dataclass(frozen=True)
class Command:
    """Where a command's function is, as ``module:function``, and its line in ``patternc --help``."""

    place: str
    summary: str

    @property
    def module(self) -> str:
        """The name of its module."""
        return self.place.partition(":")[0]

    def load(self) -> Callable[..., Any]:
        """The function, its module imported."""
        return getattr(importlib.import_module(self.module), self.place.partition(":")[2])


COMMANDS = {
    "check": Command("patternc.cli.check:check_command", "Parse, type-check and lint pattern files."),
    "compile": Command("patternc.cli.compile:compile_command", "Write one readable PyTorch and Triton file a pattern."),
    "prove": Command("patternc.cli.prove:prove_command", "Prove or refute a file's claims, or the one given."),
    "verify": Command("patternc.cli.verify:verify_command", "Check a certificate with a small independent checker."),
    "show": Command("patternc.cli.show:show_command", "Show the mask and the receptive field, layer by layer."),
    "explain": Command("patternc.cli.explain:explain_command", "Show each part's schedule, the reason, and the cost."),
    "test": Command("patternc.cli.test:test_command", "Property-test the generated kernels against dense attention."),
    "bench": Command("patternc.cli.bench:bench_command", "Time a pattern on the GPU against what else computes it."),
}
"""Adding a command is one module and one line here."""


_OWN = frozenset({"-h", "--help", "--version", "--install-completion", "--show-completion"})
"""The options of `patternc` itself."""


def available() -> dict[str, Command]:
    """The commands whose modules are installed."""
    return {name: command for name, command in COMMANDS.items() if find_spec(command.module)}


def application(arguments: Sequence[str]) -> typer.Typer:
    """The command line for ``arguments``: the command that they name is loaded, of the others only the help line is."""
    app = typer.Typer(
        name="patternc",
        help="A compiler for sparse attention patterns: kernels and receptive-field proofs from one small language.\n\n"
        "Every command also takes --quiet, --verbose (what each pass took) and --print-ir-after PASS.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    chosen = next((a for a in (*arguments, *_completed()) if a in COMMANDS), None)
    for name, command in available().items():
        function = _guarded(with_common_options(command.load())) if name == chosen else _unloaded
        app.command(name, short_help=command.summary, no_args_is_help=False)(function)
    return app


def _command_first(arguments: list[str]) -> list[str]:
    """The arguments with options that stand before the command, ``patternc --quiet check``, moved behind it."""
    place = next((i for i, a in enumerate(arguments) if a in COMMANDS), 0)
    before = arguments[:place]
    if any(a in _OWN or a == "--" for a in before):
        return arguments
    return [*arguments[place : place + 1], *before, *arguments[place + 1 :]]


def _completed() -> list[str]:
    """The words of the line that a shell asks to complete, in bash's variable or that of the others."""
    return f"{os.environ.get('COMP_WORDS', '')} {os.environ.get('_TYPER_COMPLETE_ARGS', '')}".split()


def _unloaded() -> None:
    """Stands for a command that this call does not use."""


def _version(wanted: bool) -> None:
    if wanted:
        print("patternc", __version__)
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """The options that stand before a command."""


def _guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` with the errors shown that every command may raise."""

    @wraps(function)
    def run(*arguments: Any, **options: Any) -> Any:
        try:
            result = function(*arguments, **options)
            sys.stdout.flush()
            return result
        except DiagnosticError as wrong:
            print(render_all(wrong.diagnostics, wrong.source, color_wanted(sys.stderr)), file=sys.stderr)
            raise typer.Exit(WRONG_CALL) from wrong
        except (UsageError, InstantiationError) as wrong:
            print(f"patternc: error: {wrong}", file=sys.stderr)
            raise typer.Exit(WRONG_CALL) from wrong
        except KeyboardInterrupt:
            print("patternc: interrupted", file=sys.stderr)
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            # The reader has gone: nothing may be written any more, not even when Python closes the stream at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(PIPE_CLOSED) from None

    return run


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit."""
    given = _command_first(list(sys.argv[1:] if arguments is None else arguments))
    gc.set_threshold(50_000, 20, 50)  # few objects of the analysis are cycles, and looking for them takes a twentieth
    try:
        application(given)(args=given, prog_name="patternc")
    except Exception as problem:
        if traceback_wanted():
            traceback.print_exc()
        kind = type(problem).__name__
        print(
            f"patternc: internal error ({kind}: {problem}); please report it with the file and the command that you "
            "used.  PATTERNC_TRACEBACK=1 shows where it happened.",
            file=sys.stderr,
        )
        sys.exit(INTERNAL)
    sys.exit(0)
