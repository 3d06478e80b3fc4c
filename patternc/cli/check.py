"""``patternc check``."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from patternc import driver
from patternc.cli.common import DefineOption, JsonOption, PatternOption, definitions, print_diagnostics
from patternc.cli.console import note
from patternc.config import progress_wanted
from patternc.diagnostics import Diagnostic, DiagnosticError, Severity
from patternc.source import Source


def check_command(
    files: Annotated[list[str], typer.Argument(metavar="FILE", help="Pattern files; - is standard input.")],
    define: DefineOption = None,
    pattern: PatternOption = None,
    as_json: JsonOption = False,
) -> None:
    """Parse, type-check and lint pattern files, for the defaults of their parameters or the values of -D.

    Exit status: 0 where the files are clean or have warnings only, 1 where one has errors.
    """
    values = definitions(define)
    report: list[dict[str, object]] = []
    counts = {severity: 0 for severity in Severity}
    for file in files:
        source, found = _check(file, values, pattern)
        for diagnostic in found:
            counts[diagnostic.severity] += 1
        if as_json:
            report += [diagnostic.to_json(source) for diagnostic in found]
        else:
            print_diagnostics(found, source)
    if as_json:
        print(json.dumps(report, indent=2))
    else:
        _summary(counts, len(files))
    raise typer.Exit(1 if counts[Severity.ERROR] else 0)


def _check(file: str, values: dict[str, int], pattern: str | None) -> tuple[Source, list[Diagnostic]]:
    try:
        source = driver.read_source(file)
    except DiagnosticError as problem:
        return problem.source, problem.diagnostics
    return source, driver.check(source, values, pattern)


def _summary(counts: dict[Severity, int], files: int) -> None:
    """One line on what was found; nothing where all is well and nobody watches."""
    found = [_plural(count, severity.value) for severity, count in counts.items() if count]
    if found or progress_wanted():
        note(f"{' and '.join(found) or 'nothing to report'} in {_plural(files, 'file')}")


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")
