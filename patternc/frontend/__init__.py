"""From the text of a file to the intermediate representation."""

from __future__ import annotations

from collections.abc import Mapping

from patternc.diagnostics import Diagnostic, DiagnosticError, Report, has_errors, in_order
from patternc.frontend.check import check
from patternc.frontend.claims import check as check_claim
from patternc.frontend.parser import parse, parse_claim
from patternc.frontend.scope import signatures_of
from patternc.frontend.to_ir import lower, lower_claim
from patternc.ir.program import Program, Prove
from patternc.passes import run
from patternc.source import Source


def compile_source(source: Source) -> tuple[Program, list[Diagnostic]]:
    """The program of a text, and what is to be said about it.  With errors, the program holds what is free of them."""
    report = Report()
    file = run("parse", parse, source, report)
    wrong = run("check", check, file, source, report)
    program = run("relations", lower, file, wrong, source, report)
    return program, in_order(report.found)


def compile_claim(source: Source, program: Program, target: str | None, values: Mapping[str, int]) -> Prove:
    """A claim that is given apart from its file, with the values for its target that it does not give itself.

    Raises `DiagnosticError`, whose places are in ``source``.
    """
    report = Report()
    item = parse_claim(source, report, target)
    known = signatures_of(program)
    if item is not None and not has_errors(report.found):
        check_claim(item, known, report)
        if not has_errors(report.found):
            lowered = lower_claim(item, known, source, report, values)
            if not has_errors(report.found):
                return lowered
    raise DiagnosticError(in_order(report.found), source)
