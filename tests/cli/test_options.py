"""What every command has: `--quiet`, `--verbose`, `--print-ir-after`, progress on a terminal, shell completion."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from patternc import __version__
from patternc.cli import COMMANDS, main
from patternc.passes import PASSES, SHOWN

ROOT = Path(__file__).parents[2]
PI = str(ROOT / "examples" / "pi_attention.pat")
BY_HEAD = "pattern a { attend window(h) }"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    captured = capsys.readouterr()
    return int(end.value.code or 0), captured.out, captured.err


def timed(report: str) -> list[str]:
    """The passes of a `--verbose` report, each with a time and a count."""
    return re.findall(r"^(\w+) +\d+\.\d +\d+  ", report, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "passes"),
    [
        (["check", PI], ["parse", "check", "relations", "instantiate", "lint"]),
        (["compile", PI, "-o", "out"], ["parse", "check", "relations", "instantiate", "schedule", "render"]),
        (["compile", PI, "--emit", "flex"], ["parse", "check", "relations", "instantiate", "flex"]),
        (["prove", PI, "pi_attention: causal"], ["parse", "check", "relations", "prove"]),
        (["show", PI, "--n", "64"], ["parse", "check", "relations", "instantiate", "field", "draw"]),
        (["explain", PI, "--n", "512"], ["parse", "check", "relations", "instantiate", "cost"]),
    ],
    ids=lambda a: a[0] if a[0] in COMMANDS else "",
)
def test_verbose_times_each_pass(
    arguments: list[str],
    passes: list[str],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, quietly, err = run(capsys, *arguments)
    assert (code, err) == (0, "")
    code, out, err = run(capsys, *arguments, "--verbose")
    assert (code, out) == (0, quietly)
    assert timed(err) == passes
    assert err.splitlines()[-1].startswith("together")


def test_an_error_is_timed_too(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "a.pat"
    path.write_text("pattern a { attend windw(3) }")
    code, _, err = run(capsys, "compile", str(path), "--emit", "ir", "-v")
    assert code == 2
    assert timed(err) == ["parse", "check", "relations"]
    assert "did you mean" in err


@pytest.mark.parametrize("name", SHOWN)
def test_the_ir_after_a_pass(name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    form = ["--emit", "flex"] if name == "flex" else ["-o", str(tmp_path)]
    code, _, err = run(capsys, "compile", PI, *form, f"--print-ir-after={name}")
    assert code == 0
    head, _, body = err.partition("\n")
    assert head == f"# IR after {name}: {PASSES[name].does}"
    assert {
        "parse": "File(damaged=frozenset())",
        "relations": "branch 1: ([q - k >= 0] & [q - k >= 0 and q - k <= hops * p] & [(q - k) % p == 0])",
        "instantiate": "branch 1: ([q - k >= 0] & [q - k >= 0 and q - k <= 2048] & [(q - k) % 256 == 0])",
        "schedule": "branch 1: residue modulo 256",
        "render": "@triton.jit",
        "flex": "BlockMask",
    }[name] in body


def test_a_parameter_named_like_a_position_is_told_from_it(capsys: pytest.CaptureFixture[str]) -> None:
    err = run(capsys, "check", PI, "--print-ir-after", "relations")[2]
    assert "q - k <= pi_attention.k" in err


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("schedul", "--print-ir-after schedul: expected one of parse, relations"),
        ("schedul", "did you mean `schedule`?"),
        ("lint", "--print-ir-after lint: leaves nothing to print; expected one of"),
    ],
)
def test_a_pass_that_is_not_there(name: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "check", PI, "--print-ir-after", name)
    assert (code, out) == (2, "")
    assert said in err


def test_quiet_leaves_notes_out_and_nothing_else(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "a.pat"
    path.write_text(BY_HEAD)
    loud = run(capsys, "compile", str(path), "-o", str(tmp_path))
    assert loud == (0, f"{tmp_path / 'a.py'}\n", "a: its heads differ; compiled for 8 of them (--heads sets it)\n")
    assert run(capsys, "compile", str(path), "-o", str(tmp_path), "--quiet") == (0, "", "")
    answer = run(capsys, "explain", PI, "--n", "300")
    assert run(capsys, "explain", PI, "--n", "300", "-q") == answer
    path.write_text("pattern a { attend windw(3) }")
    code, _, err = run(capsys, "compile", str(path), "-o", str(tmp_path), "-q")
    assert code == 2
    assert "windw" in err


def test_options_may_stand_before_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "--verbose", "--print-ir-after", "instantiate", "check", PI)
    assert code == 0
    assert err.startswith("# IR after instantiate")
    assert "lint" in timed(err)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_them(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, command, "--help")
    assert code == 0
    for option in ("--quiet", "--verbose", "--print-ir-after"):
        assert option in out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--version") == (0, f"patternc {__version__}\n", "")


def patternc(*arguments: str, stderr: int = subprocess.PIPE, **environment: str) -> subprocess.CompletedProcess[bytes]:
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    command = [sys.executable, "-m", "patternc", *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=stderr, env=variables, timeout=120, check=False)


def on_a_terminal(*arguments: str) -> tuple[bytes, str]:
    """Standard output, and what a terminal is sent on standard error."""
    mine, theirs = pty.openpty()
    done = patternc(*arguments, stderr=theirs, TERM="xterm", COLUMNS="80")
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(mine, 1 << 16):
            shown += chunk
    except OSError:
        # Linux says so that the other end is closed.
        pass
    os.close(mine)
    assert done.returncode == 0
    return done.stdout, shown.decode()


def test_progress_on_a_terminal_only() -> None:
    arguments = ("explain", str(ROOT / "examples" / "longnet.pat"), "--n", "2048", "--json")
    out, shown = on_a_terminal(*arguments)
    assert "softmaxes counted" in shown
    assert on_a_terminal(*arguments, "--quiet") == (out, "")
    piped = patternc(*arguments)
    assert (piped.stdout, piped.stderr) == (out, b"")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("patternc ex", {"explain"}),
        ("patternc explain --dev", {"--device"}),
        ("patternc explain --device h1", {"h100", "h100-pcie"}),
        ("patternc compile --emit fl", {"flex"}),
        ("patternc check --print-ir-after sch", {"schedule"}),
    ],
)
def test_completion_in_bash(
    line: str, found: set[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "_PATTERNC_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split()) - 1),
    }.items():
        monkeypatch.setenv(name, value)
    code, out, _ = run(capsys)
    assert code == 0
    assert set(out.split()) == found


@pytest.mark.parametrize("command", [["show", "--n", "4096"], ["explain", "--n", "512"], ["prove"]], ids=lambda c: c[0])
def test_a_reader_that_goes_away_is_no_failure(command: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    line = [sys.executable, "-m", "patternc", command[0], PI, *command[1:]]
    done = subprocess.run(line, stdout=write, stderr=subprocess.PIPE, env=variables, timeout=120, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")
