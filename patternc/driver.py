"""Joins the stages: the only place that knows them all.  Each stage is imported when it is first needed."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from patternc.diagnostics import (
    Diagnostic,
    DiagnosticError,
    UsageError,
    did_you_mean,
    error,
    has_errors,
    in_order,
)
from patternc.ir.instantiate import Instance, instantiate, problems, stack_problems
from patternc.ir.program import Pattern, Program, Prove, Stack
from patternc.passes import run
from patternc.source import Source, Span

if TYPE_CHECKING:
    from patternc.analysis.verdict import Verdict

MAX_FILE = 1 << 20
"""The largest file, in bytes."""
_TOO_LARGE = f"the file is larger than {MAX_FILE >> 20} MiB, the most that is read"


def read_source(path: str) -> Source:
    """The text of a file; ``-`` is standard input.  Raises `DiagnosticError` where it cannot be read."""
    name = "<stdin>" if path == "-" else path
    try:
        data = sys.stdin.buffer.read(MAX_FILE + 1) if path == "-" else _read(path)
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
        raise DiagnosticError([error("file", f"cannot read the file: {reason}")], Source(name, "")) from problem
    return decode(name, data)


def _read(path: str) -> bytes:
    with Path(path).open("rb") as file:
        return file.read(MAX_FILE + 1)


def decode(name: str, data: bytes) -> Source:
    """The text of a file's bytes.  Raises `DiagnosticError` where they are too many or not UTF-8."""
    if len(data) > MAX_FILE:
        raise DiagnosticError([error("bound", _TOO_LARGE)], Source(name, ""))
    try:
        return Source(name, data.decode("utf-8-sig"))
    except UnicodeDecodeError as problem:
        bom = 3 if data.startswith(b"\xef\xbb\xbf") else 0
        # With a byte-order mark the codec counts from behind it.
        at = len(data[bom:][: problem.start].decode("utf-8", "replace"))
        shown = Source(name, data[bom:].decode("utf-8", "replace"))
        message = f"byte 0x{problem.object[problem.start]:02x} is not UTF-8"
        hint = "save the file as UTF-8"
        raise DiagnosticError([error("encoding", message, Span(at, at + 1), hint)], shown) from problem


def analyse(
    source: Source, values: Mapping[str, int] | None = None, pattern: str | None = None
) -> tuple[Program | None, list[Diagnostic]]:
    """Parse and check a text, for the defaults or the values given: its program, if there is no error, and what to say.

    A value counts for every pattern and stack that has a parameter of its name.  ``pattern`` names the only one to be
    checked with values.
    """
    from patternc.frontend import compile_source

    if len(source.text) > MAX_FILE:
        return None, [error("bound", _TOO_LARGE)]
    program, found = compile_source(source)
    given = dict(values or {})
    owners: list[Pattern | Stack] = [*program.patterns, *program.stacks]
    if pattern is not None:
        owners = [o for o in owners if o.name == pattern]
        if not owners and not has_errors(found):
            found.append(error("name", _no_such(program, pattern)))
    if not has_errors(found):
        found += [error("parameter", message) for message in _unknown(given, owners)]
    for owner in owners:
        mine = values_of(owner, given)
        failed = problems(owner, mine) if isinstance(owner, Pattern) else stack_problems(program, owner, mine)
        found += [error(p.code, str(p), p.span) for p in failed]
    found = in_order(found)
    return (None if has_errors(found) else program), found


def check(source: Source, values: Mapping[str, int] | None = None, pattern: str | None = None) -> list[Diagnostic]:
    """All that `analyse` says of a text and, where it has no errors, what the lints say."""
    program, found = analyse(source, values, pattern)
    if program is None:
        return found
    from patternc.analysis.lints import lint

    chosen = [p for p in program.patterns if pattern in (None, p.name)]
    instances = [run("instantiate", instantiate, p, values_of(p, values or {})) for p in chosen]
    return in_order([*found, *run("lint", lint, program, instances, source)])


def load_program(source: Source) -> Program:
    """The program of a text.  Raises `DiagnosticError` where it has errors."""
    program, found = analyse(source)
    if program is None:
        raise DiagnosticError([d for d in found if has_errors([d])], source)
    return program


def select_pattern(program: Program, name: str | None) -> Pattern:
    """The pattern of that name, or the only one.  Raises `UsageError` that names the choices."""
    if name is not None:
        found = program.pattern(name)
        if found is None:
            raise UsageError(_no_such(program, name))
        return found
    if len(program.patterns) == 1:
        return program.patterns[0]
    if not program.patterns:
        raise UsageError("the file has no pattern")
    choices = ", ".join(p.name for p in program.patterns)
    raise UsageError(f"the file has {len(program.patterns)} patterns; pick one with --pattern: {choices}")


def _no_such(program: Program, name: str) -> str:
    names = [p.name for p in program.patterns]
    listed = f"its patterns: {', '.join(names)}" if names else "it has none"
    hint = did_you_mean(name, names)
    return f"the file has no pattern `{name}` ({hint or listed})"


def values_of(owner: Pattern | Stack, values: Mapping[str, int]) -> dict[str, int]:
    """Those of the values whose parameter the pattern or stack has."""
    names = {p.name for p in owner.parameters}
    return {name: value for name, value in values.items() if name in names}


def reject_unknown(values: Mapping[str, int], owners: Iterable[Pattern | Stack]) -> None:
    """Raises `UsageError` for a value whose parameter none of the patterns and stacks has."""
    for message in _unknown(values, owners):
        raise UsageError(message)


def _unknown(values: Mapping[str, int], owners: Iterable[Pattern | Stack]) -> list[str]:
    known = [p.name for owner in owners for p in owner.parameters]
    listed = ", ".join(dict.fromkeys(known)) or "none"
    return [
        f"no parameter `{name}` ({did_you_mean(name, known) or f'the parameters: {listed}'})"
        for name in values
        if name not in known
    ]


def parse_claim(
    text: str, program: Program, target: str | None = None, values: Mapping[str, int] | None = None
) -> Prove:
    """A claim given apart from its file: ``NAME: CLAIM`` as the file writes it, or CLAIM alone about ``target``.

    ``values`` are given to the target as if they stood in its parentheses.  Raises `DiagnosticError`, whose places
    are in ``text``.
    """
    from patternc.frontend import compile_claim

    return compile_claim(Source("<claim>", text), program, target, values or {})


def emit(instance: Instance, heads: int | None = None) -> str:
    """The emitted file of a pattern, for ``heads`` query heads where the heads differ.

    Raises `InstantiationError` where the pattern does not take that many heads.
    """
    from patternc.codegen.render import render
    from patternc.lowering.parts import lower

    return run("render", render, run("schedule", lower, instance, heads), instance.values)


def prove_claim(program: Program, instance: Instance, claim: str) -> Verdict:
    """Proves a claim about a pattern with numbers for its parameters.  Raises `DiagnosticError`."""
    from patternc.analysis.prove import prove

    return run("prove", prove, program, parse_claim(claim, program, instance.name, instance.values))


def tree_text(source: Source) -> str:
    """The syntax tree of a file, for `--emit ast`."""
    from patternc.diagnostics import Report
    from patternc.frontend.parser import parse
    from patternc.ir.printer import tree_text as text_of

    return text_of(run("parse", parse, source, Report()))


def stage_text(instance: Instance, stage: str, heads: int | None = None) -> str:
    """A stage of the way to the emitted file: ``ir``, ``plan`` or ``flex`` (for FlexAttention)."""
    from patternc.ir.printer import instance_text, plan_text
    from patternc.lowering.parts import lower

    if stage == "ir":
        return instance_text(instance)
    if stage == "plan":
        return plan_text(run("schedule", lower, instance, heads))
    from patternc.codegen.flex import flex_text

    return run("flex", flex_text, instance, heads)
