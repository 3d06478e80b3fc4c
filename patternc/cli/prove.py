"""``patternc prove``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from patternc import driver
from patternc.analysis.prove import prove
from patternc.analysis.verdict import Json, Verdict, numbers
from patternc.cli.common import DefineOption, FileArgument, JsonOption, PatternOption, definitions, load
from patternc.cli.console import note, progress
from patternc.config import color_wanted
from patternc.diagnostics import DiagnosticError, UsageError, error
from patternc.ir.expr import Int, show
from patternc.ir.instantiate import InstantiationError
from patternc.ir.program import Program, Prove
from patternc.passes import run
from patternc.source import Source

REFUTED, UNKNOWN = 1, 3
_MARKS = {"proved": ("✓", "+", "32"), "refuted": ("✗", "x", "31"), "unknown": ("?", "?", "33")}
"""For each outcome a mark, one for terminals without it, and a colour."""
MAX_HOPS = 12
"""So many hops of a path are shown, runs of equal ones as one."""


def prove_command(
    file: FileArgument,
    claim: Annotated[
        str | None, typer.Argument(metavar="[CLAIM]", help="One claim, 'NAME: CLAIM' as the file writes it.")
    ] = None,
    define: DefineOption = None,
    pattern: PatternOption = None,
    as_json: JsonOption = False,
    certificate: Annotated[
        Path | None, typer.Option("--certificate", metavar="OUT.json", help="Write what `patternc verify` checks.")
    ] = None,
) -> None:
    """Prove or refute the claims of a file, or the one given.

    Parameters that a claim about a pattern leaves open stand for all their values; -D fixes one.

    Exit status: 0 where all are proved, 1 where one is refuted, else 3 where one is unknown.
    """
    source, program = load(file)
    items = _items(source, program, claim, pattern, definitions(define))
    results: list[tuple[Prove, Verdict]] = []
    for item in items:
        verdict = _proved(source, program, item, certificate is not None)
        results.append((item, verdict))
        if not as_json:
            print(_text(item, verdict), flush=True)
    if as_json:
        answers = [{**verdict.to_json(), "statement": _claim(item)} for item, verdict in results]
        print(json.dumps(answers, indent=2))
    if certificate is not None:
        _write(certificate, results)
    outcomes = {verdict.outcome for _, verdict in results}
    raise typer.Exit(REFUTED if "refuted" in outcomes else UNKNOWN if "unknown" in outcomes else 0)


def _items(
    source: Source, program: Program, claim: str | None, pattern: str | None, values: dict[str, int]
) -> list[Prove]:
    """The claims that are asked for, with the values of -D as arguments."""
    owners = [*program.patterns, *program.stacks]
    if pattern is not None and pattern not in (o.name for o in owners):
        driver.select_pattern(program, pattern)
    if claim is not None:
        items = [driver.parse_claim(claim, program, pattern)]
    else:
        items = [i for i in program.proves if pattern in (None, i.target)]
        if not items:
            about = f" about `{pattern}`" if pattern else ""
            raise UsageError(f"{source.name} has no claims{about}; give one: patternc prove FILE 'NAME: CLAIM'")
    targets = {i.target for i in items}
    driver.reject_unknown(values, [o for o in owners if o.name in targets])
    return [_with_values(program, item, values) for item in items]


def _with_values(program: Program, item: Prove, values: dict[str, int]) -> Prove:
    owner = program.pattern(item.target) or program.stack(item.target)
    given = {name for name, _ in item.arguments}
    own = driver.values_of(owner, values) if owner is not None else {}
    more = tuple((name, Int(value)) for name, value in own.items() if name not in given)
    return replace(item, arguments=item.arguments + more)


def _proved(source: Source, program: Program, item: Prove, certify: bool) -> Verdict:
    try:
        with progress(f"proving {item.target}: {item.text}"):
            verdict = run("prove", prove, program, item)
            if certify:
                from patternc.analysis.certificate import certified

                verdict = certified(program, item, verdict)
    except InstantiationError as problem:
        text = f"{problem} (in `{item.target}: {item.text}`)"
        raise DiagnosticError([error(problem.code, text, problem.span)], source) from problem
    return verdict


def _write(path: Path, results: list[tuple[Prove, Verdict]]) -> None:
    from patternc.analysis.certificate import document

    try:
        path.write_text(_spelt(document(results)), encoding="utf-8")
    except OSError as problem:
        raise UsageError(f"--certificate {path}: {problem.strerror or problem}") from problem
    held = sum(verdict.certificate is not None for _, verdict in results)
    note(f"{path}: certificates for {held} of {len(results)} claims")


def _text(item: Prove, verdict: Verdict) -> str:
    """A claim with its verdict, and below it the reason, the counterexample and the path in words."""
    unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    mark, plain, tint = _MARKS[verdict.outcome]
    head = f"{mark if unicode else plain} {verdict.outcome}"
    if color_wanted(sys.stdout):
        head = f"\x1b[1;{tint}m{head}\x1b[0m"
    lines = [f"{head}  {_claim(item)}"]
    example = verdict.counterexample
    if example is None:
        lines.append(verdict.reason)
    else:
        lines.append(f"{numbers(example)}{example['why'] or verdict.reason}")
        lines += _pair(example)
    path = verdict.path if example is None else example.get("path")
    if path:
        lines.append(f"path: {_hops(path)}")
    lines += verdict.notes
    return "\n      ".join(lines)


def _claim(item: Prove) -> str:
    """The claim as the file writes it, its arguments and condition included."""
    given = [f"{name} = {show(value)}" for name, value in item.arguments]
    given += [] if item.heads is None else [f"heads = {show(item.heads)}"]
    condition = "" if item.condition is None else f" if {show(item.condition)}"
    return f"{item.target}{'(' + ', '.join(given) + ')' if given else ''}{condition}: {item.text}"


def _pair(example: Json) -> Iterable[str]:
    if "pair" in example:
        query, key = example["pair"]
        yield f"pair: query {query}, key {key} (lag {query - key})"
    elif "query" in example:
        yield f"query: {example['query']}"
    elif "lag" in example:
        yield f"lag: {example['lag']}"


def _hops(path: Iterable[int]) -> str:
    """The hops, the last layer's first, runs of equal ones counted."""
    runs: list[tuple[int, int]] = []
    for hop in path:
        if runs and runs[-1][0] == hop:
            runs[-1] = (hop, runs[-1][1] + 1)
        else:
            runs.append((hop, 1))
    ahead = any(hop < 0 for hop, _ in runs)
    shown = [_hop(hop, ahead) + ("" if count == 1 else f" ({count} times)") for hop, count in runs]
    if len(shown) > MAX_HOPS:
        shown = [*shown[: MAX_HOPS - 1], "..."]
    return ", ".join(shown) + (", from the last layer down" if ahead else " back, from the last layer down")


def _hop(hop: int, ahead: bool) -> str:
    """Its direction is told where the path has both."""
    return f"{abs(hop)} {'ahead' if hop < 0 else 'back'}" if ahead and hop else str(hop)


def _spelt(certificate: Mapping[str, Any]) -> str:
    """A certificate as JSON, a statement a line."""
    head = ",\n".join(f" {json.dumps(k)}: {json.dumps(v)}" for k, v in certificate.items() if k != "statements")
    statements = ",\n".join(f"  {json.dumps(s)}" for s in certificate["statements"])
    return f'{{\n{head},\n "statements": [\n{statements}\n ]\n}}\n'
