"""What the commands share: their common options, and files and patterns read with errors shown.

A command may let `DiagnosticError`, `UsageError` and `InstantiationError` pass: `patternc.cli.main` shows them and
exits with 2.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, NoReturn

import typer

from patternc import driver
from patternc.config import color_wanted
from patternc.diagnostics import Diagnostic, DiagnosticError, UsageError, error, render_all
from patternc.ir.expr import LIMIT
from patternc.ir.instantiate import Instance, InstantiationError, instantiate
from patternc.ir.program import Pattern, Program
from patternc.passes import run
from patternc.source import Source

FileArgument = Annotated[str, typer.Argument(metavar="FILE", help="A .pat file; - is standard input.")]
DefineOption = Annotated[
    list[str] | None,
    typer.Option("-D", "--define", metavar="NAME=INTEGER", help="Set a parameter (may be repeated)."),
]
PatternOption = Annotated[
    str | None, typer.Option("--pattern", metavar="NAME", help="Pick one pattern where the file has several.")
]
DTYPES = ("bfloat16", "float16", "float32")
DtypeOption = Annotated[
    str,
    typer.Option(
        "--dtype", metavar="DTYPE", autocompletion=lambda: list(DTYPES), help=f"Of the tensors: {', '.join(DTYPES)}."
    ),
]
HeadDimOption = Annotated[int, typer.Option("--head-dim", metavar="D", min=1, max=256, help="Columns of a head.")]
JsonOption = Annotated[bool, typer.Option("--json", help="A stable machine-readable answer on standard output.")]

_DIGITS = len(str(LIMIT))


def definitions(options: Iterable[str] | None) -> dict[str, int]:
    """The values of ``-D name=value`` options.  Raises `UsageError`."""
    values: dict[str, int] = {}
    for option in options or ():
        name, equals, text = (part.strip() for part in option.partition("="))
        if not equals or not (name.isascii() and name.isidentifier()):
            raise UsageError(f"-D {_short(option)}: expected NAME=INTEGER, as in -D k=64")
        digits = text.removeprefix("-").removeprefix("+")
        if not (digits.isascii() and digits.isdecimal()):
            raise UsageError(f"-D {_short(option)}: `{_short(text)}` is not an integer")
        if len(digits.lstrip("0")) > _DIGITS or abs(value := int(text)) >= LIMIT:
            raise UsageError(f"-D {_short(option)}: the value must lie between -2^62 and 2^62")
        if name in values:
            raise UsageError(f"-D {name} is given twice")
        values[name] = value
    return values


def check_dtype(name: str) -> None:
    """Raises `UsageError` for a type that the kernels do not take."""
    if name not in DTYPES:
        raise UsageError(f"--dtype {name}: expected one of {', '.join(DTYPES)}")


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."


def load(file: str) -> tuple[Source, Program]:
    """Read, parse and check ``file``.  Raises `DiagnosticError`, which `main` shows; exit 2."""
    source = driver.read_source(file)
    return source, driver.load_program(source)


def load_pattern(file: str, name: str | None, defines: Iterable[str] | None) -> tuple[Source, Program, Instance]:
    """The one pattern of ``file`` that a command works on, with numbers for its parameters."""
    source, program = load(file)
    values = definitions(defines)
    return source, program, instance(source, driver.select_pattern(program, name), values)


def load_patterns(file: str, name: str | None, defines: Iterable[str] | None) -> tuple[Source, Program, list[Instance]]:
    """The named pattern of ``file``, or all of them; each takes the values of the parameters that it has."""
    source, program = load(file)
    patterns = [driver.select_pattern(program, name)] if name else list(program.patterns)
    if not patterns:
        raise UsageError(f"{source.name} has no pattern")
    values = definitions(defines)
    driver.reject_unknown(values, patterns)
    return source, program, [instance(source, p, driver.values_of(p, values)) for p in patterns]


def instance(source: Source, pattern: Pattern, values: Mapping[str, int]) -> Instance:
    """``pattern`` with ``values``.  Raises `DiagnosticError` at the condition that they break."""
    try:
        return run("instantiate", instantiate, pattern, values)
    except InstantiationError as problem:
        if problem.code == "parameter":
            raise UsageError(str(problem)) from problem
        raise DiagnosticError([error(problem.code, str(problem), problem.span)], source) from problem


def print_diagnostics(diagnostics: Sequence[Diagnostic], source: Source) -> None:
    """Show them on standard error."""
    if diagnostics:
        print(render_all(diagnostics, source, color_wanted(sys.stderr)), file=sys.stderr)


def fail(message: str, code: int = 2) -> NoReturn:
    """Say on standard error what is wrong, and exit."""
    print(f"patternc: error: {message}", file=sys.stderr)
    raise typer.Exit(code)
