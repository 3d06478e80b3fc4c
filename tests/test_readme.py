"""What the README shows is what happens: its commands, its code, its excerpts, and its recipes for extending.

``pytest tests/test_readme.py --update-golden`` writes the outputs and excerpts anew.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

import patternc
from patternc import driver
from patternc.cli import COMMANDS, main
from patternc.ir.instantiate import instantiate
from patternc.lowering.parts import lower
from patternc.primitives import PRIMITIVES
from patternc.view.picture import write_pictures
from patternc.view.subject import Subject

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
EXEMPT = {
    "pip install -e .": "it would change the environment that runs this",
    "make demo": "it makes an environment of its own; its commands stand in the Makefile and are tested one by one",
    "make test": "this is a part of it",
    "patternc prove examples/paper_claims.pat": "tests/analysis/test_rules_paper.py asks for every verdict of the file",
    "python examples/char_lm.py --preset toy --threads 1 --out benchmarks/results/char_lm_toy": "it takes minutes;"
    " tests/runtime/test_char_lm.py runs it at a smaller size",
    "python benchmarks/attention.py --rows 'time-n16384-d128-*' --csv attention.csv": "it needs a GPU",
}
"""Commands that are not run here, with the reason."""
WRONG_CALL, INTERNAL = 2, 70

BLOCK = re.compile(r"(?:^<!-- (?P<note>[^\n]*) -->\n)?^```(?P<kind>\w*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
EXCERPT = re.compile(r'from build/(?P<name>\w+)\.py, (?P<function>\w+): "(?P<first>.*)" to "(?P<last>.*)"')
INSERTION = re.compile(r"# (?P<path>\S+)(?:, after `(?P<line>.*)`)?")


@dataclass(frozen=True)
class Block:
    """A block of code, its kind, and the comment above it."""

    kind: str
    body: str
    note: str


def blocks(text: str) -> list[Block]:
    return [Block(m["kind"], m["body"], m["note"] or "") for m in BLOCK.finditer(text)]


BLOCKS = blocks(README.read_text(encoding="utf-8"))
CONSOLES = [b for b in BLOCKS if b.kind == "console"]
PROGRAMS = [b for b in BLOCKS if b.kind == "python" and b.body.startswith("import")]
EXCERPTS = [b for b in BLOCKS if b.note]
RECIPES = [b for b in BLOCKS if b.kind == "python" and b.body.startswith("# patternc/")]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands run: the examples are there, and what they write is not in the checkout."""
    for name in ("examples",):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


def commands(body: str) -> list[tuple[str, str]]:
    """The commands of a console block, each with the output that is shown below it."""
    found = [piece.partition("\n") for piece in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]]
    return [(command, output) for command, _, output in found]


def run(command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """The output of ``patternc ...`` or ``echo TEXT | patternc ...``, standard output first, as without a GPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    words = shlex.split(command, comments=True)
    if words[0] == "echo":
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{words[1]}\n".encode())))
        assert words[2] == "|"
        words = words[3:]
    assert words[0] == "patternc"
    with pytest.raises(SystemExit) as end:
        main(words[1:])
    shown = capsys.readouterr()
    assert end.value.code != INTERNAL
    assert end.value.code != WRONG_CALL or "error" in shown.err
    return tidy(shown.out + shown.err)


def tidy(text: str) -> str:
    """Without blanks at the ends of lines and of the text."""
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines()).strip("\n")


def agrees(shown: str, output: str) -> bool:
    """Whether the output is as shown, where a line ``...`` stands for any lines."""
    lines = [".*" if line == "..." else re.escape(line) for line in tidy(shown).splitlines()]
    return re.fullmatch("\n".join(lines), output, re.DOTALL) is not None


def rewrite(old: str, new: str) -> None:
    text = README.read_text(encoding="utf-8")
    assert text.count(old) == 1
    README.write_text(text.replace(old, new), encoding="utf-8")


def is_exempt(command: str) -> bool:
    return shlex.join(shlex.split(command, comments=True)) in map(shlex.join, map(shlex.split, EXEMPT))


@pytest.mark.parametrize("block", CONSOLES, ids=lambda b: commands(b.body)[0][0][:60])
def test_commands(
    block: Block,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    pytestconfig: pytest.Config,
) -> None:
    new = ""
    for command, shown in commands(block.body):
        if is_exempt(command):
            assert not shown
            new += f"$ {command}\n"
            continue
        output = run(command, capsys, monkeypatch)
        if pytestconfig.getoption("--update-golden") and not agrees(shown, output):
            assert "\n...\n" not in shown, "an output that is cut is updated by hand"
            shown = f"{output}\n"
        assert agrees(shown, output), output
        new += f"$ {command}\n{shown}"
    if new != block.body:
        rewrite(f"```console\n{block.body}```", f"```console\n{new}```")


def test_no_exemption_is_left_over() -> None:
    shown = {shlex.join(shlex.split(c, comments=True)) for b in CONSOLES for c, _ in commands(b.body)}
    assert set(map(shlex.join, map(shlex.split, EXEMPT))) <= shown


def test_programs(folder: Path) -> None:
    """All in one process, each in a namespace of its own, on the CPU path as a reader without a GPU runs them."""
    code = "".join(f"exec({block.body!r}, {{}})\n" for block in PROGRAMS)
    variables = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**variables, "PYTHONPATH": str(ROOT)},
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("block", EXCERPTS, ids=lambda b: b.note)
def test_excerpts(block: Block, pytestconfig: pytest.Config) -> None:
    found = EXCERPT.fullmatch(block.note)
    assert found is not None
    emitted = patternc.load(ROOT / "examples" / f"{found['name']}.pat").emit()
    lines = emitted[emitted.index(f"def {found['function']}(") :].splitlines()
    first = next(i for i, line in enumerate(lines) if found["first"] in line)
    last = next(i for i, line in enumerate(lines) if i > first and found["last"] in line)
    excerpt = textwrap.dedent("\n".join(lines[first : last + 1])) + "\n"
    if pytestconfig.getoption("--update-golden") and excerpt != block.body:
        rewrite(block.body, excerpt)
        return
    assert block.body == excerpt


def test_the_picture(tmp_path: Path) -> None:
    """It is what the tool draws now, and its caption says what it shows."""
    from matplotlib.image import imread

    source = driver.read_source(str(ROOT / "examples" / "pictures" / "pi_against_window.pat"))
    program = driver.load_program(source)
    pi, window = (Subject(source, program, (instantiate(p, {}),)) for p in program.patterns)
    text = README.read_text(encoding="utf-8")
    for number in (pi.field[-1].reach, pi.field[-1].holes, window.field[-1].reach):
        assert f" {number:,}" in text.split("```")[0]
    write_pictures([pi, window], tmp_path / "new.png")
    shown, new = imread(ROOT / "examples" / "pictures" / "pi_against_window.png"), imread(tmp_path / "new.png")
    assert shown.shape == new.shape
    # Another matplotlib may set a letter elsewhere by a pixel.
    assert np.abs(shown - new).mean() < 0.02


def test_every_file_that_is_linked_is_there() -> None:
    text = README.read_text(encoding="utf-8")
    for path in re.findall(r"\]\(([^)#:]+)\)", text) + re.findall(
        r"`((?:examples|benchmarks|tests|patternc)/\S*)`", text
    ):
        assert (ROOT / path).exists() or not path.endswith((".py", ".pat", ".csv", ".png", ".md")), path


def test_every_command_and_primitive_is_named() -> None:
    text = README.read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"`patternc {name} " not in text] == []
    assert [name for name in PRIMITIVES if not re.search(rf"`{name}[`(]", text)] == []


def test_the_table_of_examples() -> None:
    rows = re.findall(r"^\| `examples/(\S+)` \| `(\w+)` \| (.*) \|$", README.read_text(encoding="utf-8"), re.MULTILINE)
    told = {(file, name): set(kinds.split(", ")) for file, name, kinds in rows}
    found: dict[tuple[str, str], set[str]] = {}
    for path in sorted((ROOT / "examples").glob("*.pat")):
        if path.name == "paper_claims.pat":
            # It is there for its claims.
            continue
        for pattern in driver.load_program(driver.read_source(str(path))).patterns:
            plan = lower(instantiate(pattern, {}))
            found[path.name, pattern.name] = {
                # What only queries before position 0 have is no schedule of a whole sequence.
                part.kind
                for branch in plan.branches
                for part in branch.parts
                if not part.below_zero
            }
    assert told == found


def additions(block: Block) -> list[tuple[str, str | None, str]]:
    """What a recipe adds: a file, the line after which, and the text; without a line it is a new file."""
    found: list[tuple[str, str | None, str]] = []
    for line in block.body.splitlines(keepends=True):
        if (place := INSERTION.fullmatch(line.strip())) is not None:
            found.append((place["path"], place["line"], ""))
        else:
            path, after, text = found[-1]
            found[-1] = path, after, text + line
    return found


def add(root: Path, path: str, after: str | None, text: str) -> None:
    place = root / path
    if after is None:
        assert not place.exists()
        place.write_text(text)
        return
    lines = place.read_text().splitlines(keepends=True)
    (at,) = [i for i, line in enumerate(lines) if line.strip() == after]
    pad = re.match(r" *", lines[at + 1])
    assert pad is not None
    lines[at + 1 : at + 1] = [pad[0] + line for line in text.splitlines(keepends=True)]
    place.write_text("".join(lines))


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with everything that the README adds to it."""
    root = tmp_path_factory.mktemp("extended")
    for name in ("patternc", "grammars", "templates"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for block in RECIPES:
        for addition in additions(block):
            add(root, *addition)
    return root


def in_copy(root: Path, *arguments: str, text: str) -> str:
    variables = {**os.environ, "PYTHONPATH": str(root), "PATTERNC_CACHE_DIR": str(root / "cache")}
    done = subprocess.run(
        [sys.executable, *arguments],
        input=text,
        capture_output=True,
        text=True,
        env=variables,
        cwd=root,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_each_recipe_has_five_lines() -> None:
    assert len(RECIPES) == 4
    for block in RECIPES:
        written = [text.splitlines() for _, after, text in additions(block) if after is None]
        assert [len(lines) <= 5 for lines in written] == [True]


def test_a_primitive_is_added(extended: Path) -> None:
    out = in_copy(extended, "-m", "patternc", "compile", "-", "--emit", "ir", text="pattern a { attend exactly(3) }")
    assert "branch 0: [q - k >= 3 and q - k <= 3]" in out


def test_a_schedule_is_added(extended: Path) -> None:
    text = "causal pattern a { attend where(d >= 3) | window(1) }"
    out = in_copy(extended, "-m", "patternc", "explain", "-", "--n", "256", text=text)
    assert "endless  every head" in out
    assert "no end" in out
    program = (
        "import sys, torch, patternc; p = patternc.loads(sys.stdin.read()); x = torch.randn(3, 1, 2, 100, 16); "
        "print((p(*x) - p.reference(*x)).abs().max().item() < 1e-5, 'endless' in p.emit())"
    )
    assert in_copy(extended, "-c", program, text=text) == "True True\n"


def test_a_rule_is_added(extended: Path) -> None:
    text = "pattern a { attend window(0) } prove a: reach(L) == 0"
    assert "a token sees itself alone" in in_copy(extended, "-m", "patternc", "prove", "-", text=text)


def test_a_command_is_added(extended: Path) -> None:
    text = "pattern a { attend window(0) } pattern b { attend full }"
    assert in_copy(extended, "-m", "patternc", "count", "-", text=text) == "2 patterns\n"
