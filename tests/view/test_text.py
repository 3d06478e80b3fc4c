"""The terminal view: what it says, in 80 columns, with and without colour."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from patternc import driver
from patternc.ir.instantiate import instantiate
from patternc.view.subject import Subject, stack_layers_of
from patternc.view.text import print_subject
from tests.view.relations import loaded

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.pat"))


def shown(subject: Subject, width: int = 80, colour: str | None = None) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=colour is not None, color_system=colour)
    print_subject(subject, console)
    return stream.getvalue()


def test_a_small_pattern_pair_by_pair() -> None:
    source, program, instance = loaded("causal pattern a { attend gate(window(1), stride(4)) }")
    text = shown(Subject(source, program, (instance,), n=8, layers=2))
    assert text.startswith(
        """\
a
mask at n = 8: queries go down, keys across; a cell is one pair

branch 0 · window(1)                     branch 1 · stride(4)
0 <= lag <= 1                            lag >= 0 and lag = 0 mod 4
23.4 % of the pairs are live             18.8 % of the pairs are live
█▄                                       ▀▄
 ▀█▄                                       ▀▄
   ▀█▄                                   ▀▄  ▀▄
     ▀█▄                                   ▀▄  ▀▄

receptive field of the last of 8 tokens, a
"""
    )
    lines = text.splitlines()
    first, second = (line.split() for line in lines[13:15])
    assert first[3:] == ["4", "1", "2"]
    assert re.fullmatch("(·{5})(·{5})(·{5})(█{5})(·{5})(·{5})(█{5})(█{5})", first[2])
    assert re.fullmatch("(·{5})(·{5})(█{5})(█{5})(·{5})(█{5})(█{5})(█{5})", second[2])
    assert second[3:] == ["5", "2", "1"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
@pytest.mark.parametrize("width", [60, 80, 200])
def test_examples_fit_the_terminal(path: Path, width: int) -> None:
    source = driver.read_source(str(path))
    program = driver.load_program(source)
    for pattern in program.patterns:
        text = shown(Subject(source, program, (instantiate(pattern, {}),)), width)
        assert max(map(len, text.splitlines())) <= width
        assert "receptive field of the last" in text
        assert "\x1b" not in text


def test_a_stack_shows_its_own_layers() -> None:
    source = driver.read_source(str(ROOT / "examples" / "gemma3.pat"))
    program = driver.load_program(source)
    stack = program.stack("gemma3_27b")
    assert stack is not None
    text = shown(Subject(source, program, stack_layers_of(program, stack, {}), stack))
    assert "local(keys = 1024)" in text
    assert "\nwhole\n" in text
    assert "layer 6" in text
    assert "layer 7" not in text
    assert "every token is seen" in text


def test_colour_tells_branches_apart() -> None:
    source, program, instance = loaded("causal pattern a { attend gate(window(1), stride(4)) }")
    text = shown(Subject(source, program, (instance,), n=8), colour="truecolor")
    assert "\x1b[1;38;2;59;130;246m" in text
    assert "\x1b[1;38;2;240;123;32m" in text


def test_many_heads_are_cut_and_said() -> None:
    source, program, instance = loaded("pattern a { attend window(h) }")
    text = shown(Subject(source, program, (instance,), n=16, head_count=9))
    assert "head 5" in text
    assert "3 more masks; -o FILE.html shows them all" in text


def test_documents_are_an_example() -> None:
    source, program, instance = loaded("pattern a { attend same_document }")
    text = shown(Subject(source, program, (instance,)))
    assert "three documents, as an example" in " ".join(text.split())
    assert "taken to be one document" in text


def test_torch_is_not_imported() -> None:
    code = (
        "import sys; from patternc.cli import main\n"
        "try: main(['show', 'examples/pi_attention.pat'])\n"
        "except SystemExit as end: assert not end.code\n"
        "heavy = [m for m in ('torch', 'triton', 'matplotlib', 'jinja2', 'sympy') if m in sys.modules]\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
