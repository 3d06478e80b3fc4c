"""`patternc test`: property-tests the generated kernels against the dense reference."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from patternc.cli.common import DefineOption, JsonOption, PatternOption, fail, load, load_patterns
from patternc.cli.console import progress

if TYPE_CHECKING:
    from patternc.ir.instantiate import Instance
    from patternc.ir.program import Program
    from patternc.pattern import Pattern
    from patternc.runtime.testing import Report
    from patternc.source import Source


def test_command(
    files: Annotated[list[str], typer.Argument(metavar="FILE", help="Pattern files; - is standard input.")],
    define: DefineOption = None,
    pattern: PatternOption = None,
    examples: Annotated[
        int, typer.Option("--examples", metavar="N", min=1, help="How many cases to draw for each pattern.")
    ] = 25,
    seed: Annotated[int, typer.Option("--seed", metavar="S", help="Seed of the drawn cases.")] = 0,
    case: Annotated[
        str | None, typer.Option("--case", metavar="CASE", help="Repeat one case, as a failure printed it.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Property-test the kernels against the dense reference, forward and backward.

    On the GPU where there is one, else in Triton's interpreter.  Exit status: 0 where all agree, 1 where one does not
    or no kernel was launched.
    """
    tasks = list(_tasks(files, pattern, define))
    if case is not None and len(tasks) != 1:
        fail("--case needs one file, and --pattern where it has several patterns")
    # Triton reads the variable when it is imported, so it is set before.
    if not _has_gpu():
        os.environ["TRITON_INTERPRET"] = "1"
    import torch

    from patternc.runtime import testing

    device = "cuda" if torch.cuda.is_available() else "cpu"
    problem = None if device == "cuda" else testing.interpreter_problem()
    if problem is not None:
        fail(problem)
    where = torch.cuda.get_device_name() if device == "cuda" else "Triton's interpreter on the CPU"
    if not as_json:
        print(f"kernels against the dense reference, on {where}")
    answers: list[dict[str, Any]] = []
    for file, source, program, one in tasks:
        run = _loader(source, program, one)
        if case is None:
            with progress(f"{one.name}: cases", examples) as step:
                step("")
                report = testing.run_many(run, dict(one.values), device, examples, seed, lambda done: step(""))
        else:
            try:
                report = testing.run_one(run, testing.Case.parse(case), device)
            except ValueError as wrong:
                fail(str(wrong))
        answers.append(_answer(report, file, one.name, seed))
        if not as_json:
            _show(answers[-1])
    if as_json:
        print(json.dumps({"device": where, "patterns": answers}, indent=2))
    if not all(answer["passed"] for answer in answers):
        raise typer.Exit(1)


def _tasks(
    files: list[str], pattern: str | None, define: list[str] | None
) -> Iterator[tuple[str, Source, Program, Instance]]:
    """Every pattern to test, with its file; a file of claims alone has none, which is no error among others."""
    for file in files:
        if len(files) > 1 and not load(file)[1].patterns:
            continue
        source, program, instances = load_patterns(file, pattern, define)
        for one in instances:
            yield file, source, program, one


def _loader(source: Source, program: Program, one: Instance) -> Callable[[dict[str, int]], Pattern]:
    from patternc.ir.instantiate import instantiate
    from patternc.pattern import Pattern

    return lambda values: Pattern(instantiate(one.pattern, values), program, source)


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def _answer(report: Report, file: str, name: str, seed: int) -> dict[str, Any]:
    """What is said of one pattern, as data."""
    failure, command = report.failure, None
    if failure is None and not report.launches:
        failure = "no kernel was launched"
    if report.failing is not None:
        command = f"patternc test {shlex.quote(file)} --pattern {name} --case {shlex.quote(report.failing.text())}"
    return {
        "file": file,
        "name": name,
        "passed": failure is None,
        "cases": report.cases,
        "seed": seed,
        "launches": dict(sorted(report.launches.items())),
        "largest_error": report.worst,
        "failure": failure,
        "repeat": command,
    }


def _show(answer: dict[str, Any]) -> None:
    print(f"\n{answer['file']}: {answer['name']}: {answer['cases']} cases")
    for kernel, count in answer["launches"].items():
        print(f"  {kernel:<32} launched {count} times")
    if answer["failure"] is None:
        share = 100 * answer["largest_error"]
        print(f"  passed: the largest error is {share:.0f} % of what an eager run in the same precision may have")
        return
    print(f"  FAILED: {answer['failure']}")
    if answer["repeat"]:
        print(f"  repeat it with:\n    {answer['repeat']}")
