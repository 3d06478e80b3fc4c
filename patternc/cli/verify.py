"""``patternc verify``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from patternc.analysis import checker
from patternc.analysis.spelling import statement_text
from patternc.cli.common import JsonOption, fail

MAX_FILE = 1 << 26
"""The largest certificate, in bytes."""
FORMAT, VERSION = "patternc certificate", 4
_MISSHAPEN = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
    StopIteration,
)
"""What the checker raises for a statement that is none, or a proof that is none."""


def verify_command(
    file: Annotated[str, typer.Argument(metavar="CERT.json", help="A certificate; - is standard input.")],
    as_json: JsonOption = False,
) -> None:
    """Check a certificate with a small checker that shares nothing with the prover, and print what it states.

    Exit status: 0 where every statement is shown, 1 where one is not, 2 where the file is no certificate.
    """
    statements = _statements(file)
    report = [_checked(statement) for statement in statements]
    if as_json:
        print(json.dumps(report, indent=2))
    else:
        for entry in report:
            print(f"{'valid  ' if entry['valid'] else 'INVALID'}  {entry['statement']}")
            if entry["reason"]:
                print(f"         {entry['reason']}")
        wrong = sum(not entry["valid"] for entry in report)
        count = f"{len(report)} statement{'' if len(report) == 1 else 's'}"
        print(f"{count}: {f'{wrong} not shown' if wrong else 'all shown' if report else 'nothing to check'}")
        if report:
            print("(Symbols are integers; L, n and periods at least 1, the other arguments of lags at least 0.)")
    raise typer.Exit(0 if all(entry["valid"] for entry in report) else 1)


def _statements(file: str) -> list[Any]:
    """The statements of a certificate file; exits with 2 where it is none."""
    try:
        data = sys.stdin.buffer.read(MAX_FILE + 1) if file == "-" else _read(file)
    except OSError as problem:
        fail(f"{file}: {problem.strerror or problem}")
    if len(data) > MAX_FILE:
        fail(f"{file}: larger than {MAX_FILE >> 20} MiB, the most that is read")
    try:
        document = json.loads(data.decode("utf-8-sig"), parse_constant=_no_number)
    except UnicodeDecodeError:
        fail(f"{file}: not UTF-8")
    except RecursionError:
        fail(f"{file}: nested too deeply for a certificate")
    except ValueError as problem:
        fail(f"{file}: not JSON that a certificate holds: {problem}")
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        fail(f'{file}: not a certificate: its "format" is not "{FORMAT}"')
    if document.get("version") != VERSION or isinstance(document.get("version"), bool | float):
        fail(f"{file}: a certificate of another version than {VERSION}, the one that is checked here")
    statements = document.get("statements")
    if not isinstance(statements, list):
        fail(f'{file}: not a certificate: its "statements" are not a list')
    return statements


def _read(file: str) -> bytes:
    with Path(file).open("rb") as stream:
        return stream.read(MAX_FILE + 1)


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is not a number")


def _checked(statement: Any) -> dict[str, Any]:
    """What is stated, whether it is shown, and what is wrong where it is not."""
    try:
        text = statement_text(statement)
    except _MISSHAPEN:
        return {"statement": "(not a statement)", "valid": False, "reason": "it has not the form of a statement"}
    try:
        checker.check(statement, statement["proof"])
    except _MISSHAPEN as problem:
        known = type(problem) is ValueError and str(problem)
        return {"statement": text, "valid": False, "reason": str(problem) if known else "its proof has a wrong form"}
    return {"statement": text, "valid": True, "reason": ""}
