"""`patternc test`: property-tests the generated kernels against the dense reference."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from patternc.cli.common import DefineOption, FileArgument, PatternOption, fail, load_patterns
from patternc.cli.console import progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from patternc.ir.instantiate import Instance
    from patternc.pattern import Pattern
    from patternc.runtime.testing import Report


def test_command(
    file: FileArgument,
    define: DefineOption = None,
    pattern: PatternOption = None,
    examples: Annotated[
        int, typer.Option("--examples", metavar="N", min=1, help="How many cases to draw for each pattern.")
    ] = 25,
    seed: Annotated[int, typer.Option("--seed", metavar="S", help="Seed of the drawn cases.")] = 0,
    case: Annotated[
        str | None, typer.Option("--case", metavar="CASE", help="Repeat one case, as a failure printed it.")
    ] = None,
) -> None:
    """Property-test the kernels against the dense reference, forward and backward.

    On the GPU where there is one, else in Triton's interpreter.
    """
    source, program, instances = load_patterns(file, pattern, define)
    # Triton reads the variable when it is imported, so it is set before.
    if not _has_gpu():
        os.environ["TRITON_INTERPRET"] = "1"
    import torch

    from patternc.ir.instantiate import instantiate
    from patternc.pattern import Pattern
    from patternc.runtime import testing

    device = "cuda" if torch.cuda.is_available() else "cpu"
    where = torch.cuda.get_device_name() if device == "cuda" else "Triton's interpreter on the CPU"
    print(f"{source.name}: kernels against the dense reference, on {where}")
    if case is not None and len(instances) != 1:
        fail("--case needs --pattern where the file has several patterns")
    failed = False
    for one in instances:

        def load(values: dict[str, int], one: Instance = one) -> Pattern:
            return Pattern(instantiate(one.pattern, values), program, source)

        if case is not None:
            report = _repeat(load, case, device)
        else:
            with progress(f"{one.name}: cases", examples) as step:
                step("")
                report = testing.run_many(load, dict(one.values), device, examples, seed, lambda done: step(""))
        failed |= not _print(report, file, one.name, seed)
    if failed:
        raise typer.Exit(1)


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def _repeat(load: Callable[[dict[str, int]], Pattern], text: str, device: str) -> Report:
    from patternc.runtime import testing

    try:
        case = testing.Case.parse(text)
    except (ValueError, TypeError) as error:
        fail(str(error))
    report = testing.Report(1, testing.Counter(), 0.0)
    try:
        margins = testing.run_case(load(dict(case.values)), case, device, report.launches)
        report.worst = max(margins.values())
    except Exception as error:
        report.failure, report.failing = f"{type(error).__name__}: {error}", case
    return report


def _print(report: Report, file: str, name: str, seed: int) -> bool:
    print(f"\n{name}: {report.cases} cases")
    for kernel, count in sorted(report.launches.items()):
        print(f"  {kernel:<32} launched {count} times")
    if report.failure is not None:
        print(f"  FAILED: {report.failure}")
        if report.failing is not None:
            print("  repeat it with:")
            print(f"    patternc test {shlex.quote(file)} --pattern {name} --case {shlex.quote(report.failing.text())}")
        return False
    if not report.launches:
        print("  FAILED: no kernel was launched")
        return False
    print(
        f"  passed: the largest error is {100 * report.worst:.0f} % of what an eager run in the same precision may have"
    )
    return True
