"""One self-contained interactive page: the mask at any length, the receptive field, sliders, the claims."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from patternc import __version__, resources
from patternc.codegen.env import environment
from patternc.diagnostics import UsageError
from patternc.files import write_atomically
from patternc.ir.instantiate import InstantiationError, instantiate
from patternc.view.page_data import MAX_HEADS, claims_data, pattern_data, stacks_data, used_patterns
from patternc.view.subject import Subject

SCRIPTS = ("expr.js", "relation.js", "words.js", "coverage.js", "field.js", "mask.js", "app.js", "controls.js")
CELLS = 512
LONGEST = 1 << 20


def write_page(subject: Subject, path: Path, progress: Callable[[str], None] = lambda claim: None) -> None:
    """Write the page of a pattern or a stack.  ``progress`` is called with every claim before it is proved.

    Raises `UsageError` where it cannot be written.
    """
    text = page_text(subject, progress)
    try:
        write_atomically(path, text)
    except OSError as problem:
        raise UsageError(f"-o {path}: {problem.strerror or problem}") from problem


def page_text(subject: Subject, progress: Callable[[str], None] = lambda claim: None) -> str:
    """The page: HTML, style, scripts and data in one text, which asks the network for nothing."""
    main = subject.instances[0]
    heads = subject.heads if any(i.depends_on_head for i in subject.distinct) else 1
    if heads > MAX_HEADS:
        raise UsageError(f"--heads {heads}: a page shows at most {MAX_HEADS}")
    stacks = stacks_data(subject.program, main.name)
    patterns = {}
    for pattern in used_patterns(subject.program, main.name, stacks):
        mine = main if pattern.name == main.name else instantiate(pattern, {})
        try:
            patterns[pattern.name] = pattern_data(subject.source, mine, heads if mine.depends_on_head else 1)
        except InstantiationError as problem:
            raise UsageError(str(problem)) from problem
    data = {
        "subject": main.name,
        "patterns": patterns,
        "stacks": stacks,
        "stack": subject.stack.name if subject.stack is not None else "",
        "n": _length(subject),
        "layers": subject.depth,
        "documents": None,
        "claims": claims_data(subject.program, [*patterns, *(s["name"] for s in stacks)], progress),
    }
    folder = resources.folder("templates") / "page"
    return (
        environment()
        .get_template("page/page.html.j2")
        .render(
            title=main.name,
            subtitle=f"{subject.source.name}, drawn by patternc {__version__}",
            file=subject.source.name,
            source=subject.source.text.strip(),
            style=(folder / "style.css").read_text(encoding="utf-8").strip(),
            scripts=[(folder / name).read_text(encoding="utf-8").strip() for name in SCRIPTS],
            data=_embedded(data),
        )
    )


def _length(subject: Subject) -> int:
    """A length at which both the mask and the receptive field can be seen."""
    if subject.n is not None:
        return subject.n
    natural = max(subject.mask_length(i, CELLS) for i in subject.distinct)
    return min(max(natural, min(subject.field_length, 8 * natural)), LONGEST)


def _embedded(data: object) -> str:
    """JSON that may stand inside a script element."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
