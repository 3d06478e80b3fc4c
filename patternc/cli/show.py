"""`patternc show`: the mask and the receptive field, in the terminal, as a picture, or as an interactive page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from patternc import driver
from patternc.cli.common import DefineOption, FileArgument, definitions, fail, instance, load
from patternc.cli.console import progress, told
from patternc.diagnostics import UsageError
from patternc.ir.expr import ExprError
from patternc.passes import run

if TYPE_CHECKING:
    from patternc.ir.program import Pattern, Program, Stack
    from patternc.source import Source
    from patternc.view.subject import Subject

PICTURES = (".png", ".svg")


def show_command(
    file: FileArgument,
    define: DefineOption = None,
    pattern: Annotated[
        str | None, typer.Option("--pattern", metavar="NAME", help="Pick one pattern, or a stack.")
    ] = None,
    n: Annotated[
        int | None, typer.Option("--n", metavar="N", min=1, max=1 << 22, help="Tokens of the sequence.")
    ] = None,
    layers: Annotated[
        int | None, typer.Option("--layers", metavar="L", min=1, max=4096, help="Layers of the field.")
    ] = None,
    heads: Annotated[int | None, typer.Option("--heads", metavar="H", min=1, help="Query heads.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write a .png, .svg or .html file instead.")
    ] = None,
) -> None:
    """Show the mask of every head and branch, and what the last token sees after each layer.

    In the terminal; or, with -o, as a picture (several patterns one under the other, on the same scales) or as one
    interactive page that works without a network.
    """
    suffix = output.suffix.lower() if output is not None else ""
    if output is not None and suffix not in (*PICTURES, ".html"):
        fail(f"-o {output}: expected a name that ends in .png, .svg or .html")
    source, program = load(file)
    targets = _targets(source, program, pattern)
    if suffix == ".html" and len(targets) > 1:
        names = ", ".join(t.name for t in targets)
        fail(f"-o {output}: a page shows one pattern, {source.name} has {len(targets)}; pick with --pattern: {names}")
    values = definitions(define)
    driver.reject_unknown(values, targets)
    subjects = [_subject(source, program, t, driver.values_of(t, values), n, layers, heads) for t in targets]
    try:
        _show(subjects, output)
    except ExprError as problem:
        fail(f"at this length a condition has no value ({problem}); a smaller --n may do")


def _show(subjects: list[Subject], output: Path | None) -> None:
    for one in subjects:
        # What is wrong is said before anything is shown.
        _ = one.heads, one.depth
        if output is None or output.suffix.lower() != ".html":
            with progress(f"following the tokens of {one.name}"):
                run("field", lambda s: s.why_no_field, one)
    if output is None:
        from patternc.view.text import print_subject

        for one in subjects:
            run("draw", print_subject, one)
        return
    if output.suffix.lower() == ".html":
        from patternc.view.page import write_page

        with progress("proving") as step:
            run("draw", write_page, subjects[0], output, step)
    else:
        from patternc.view.picture import write_pictures

        with progress("drawing"):
            run("draw", write_pictures, subjects, output)
    told(output)


def _targets(source: Source, program: Program, name: str | None) -> list[Pattern | Stack]:
    if name is None:
        if not program.patterns:
            raise UsageError(f"{source.name} has no pattern")
        return list(program.patterns)
    stack = program.stack(name)
    return [stack if stack is not None else driver.select_pattern(program, name)]


def _subject(
    source: Source,
    program: Program,
    target: Pattern | Stack,
    values: dict[str, int],
    n: int | None,
    layers: int | None,
    heads: int | None,
) -> Subject:
    from patternc.ir.program import Stack
    from patternc.view.subject import Subject, stack_layers_of

    if isinstance(target, Stack):
        return Subject(source, program, stack_layers_of(program, target, values), target, n, layers, heads)
    return Subject(source, program, (instance(source, target, values),), None, n, layers, heads)
