"""``patternc test``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from patternc.runtime import testing

ROOT = Path(__file__).parents[2]
WINDOW = "causal pattern near(w = 3) { attend window(w) }\n"


def run(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "patternc", "test", *arguments]
    return subprocess.run(command, input=given, capture_output=True, text=True, env=environment, timeout=250)


def test_it_names_each_kernel_and_its_launches(tmp_path: Path) -> None:
    file, claims = tmp_path / "near.pat", tmp_path / "claims.pat"
    file.write_text(WINDOW)
    claims.write_text("# nothing to run\n")
    done = run(str(file), str(claims), "--examples", "3", "--seed", "5")
    assert done.returncode == 0, done.stderr
    assert f"{file}: near: 3 cases" in done.stdout
    for kernel in ("forward", "backward_q", "backward_kv"):
        assert f"band_{kernel}" in done.stdout
    assert "passed: the largest error is" in done.stdout


def test_json() -> None:
    done = run("-", "--examples", "2", "--json", given=WINDOW)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert [(p["name"], p["passed"], p["cases"]) for p in answer["patterns"]] == [("near", True, 2)]
    assert set(answer["patterns"][0]["launches"]) == {"band_forward", "band_backward_q", "band_backward_kv"}


def test_where_no_kernel_is_launched_it_fails() -> None:
    done = run("-", "--examples", "2", given="pattern nothing { attend none }\n")
    assert done.returncode == 1
    assert "FAILED: no kernel was launched" in done.stdout


def test_a_wrong_kernel_is_found_shrunk_and_repeated(tmp_path: Path) -> None:
    """A kernel whose window is one too short, put in place of the right one."""
    file = tmp_path / "near.pat"
    file.write_text("causal pattern near { attend window(3) }")
    code = """
import sys
from patternc.pattern import Pattern
emit = Pattern.emit
right, wrong = "lo_0 = tl.maximum(0, first_q - ", "lo_0 = tl.maximum(0, 1 + first_q - "
Pattern.emit = lambda self, heads=None: emit(self, heads).replace(right, wrong)
from patternc.cli import main
main(sys.argv[1:])
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    def broken(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", code, "test", str(file), *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=250)

    done = broken("--examples", "4")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "FAILED: CaseFailureError" in done.stdout
    repeat = done.stdout.split("repeat it with:\n")[1].strip()
    assert repeat.startswith(f"patternc test {file} --pattern near --case '")
    case = repeat.split("--case ")[1].strip("'")
    again = broken("--pattern", "near", "--case", case)
    assert again.returncode == 1
    assert "FAILED: CaseFailureError" in again.stdout
    right = run(str(file), "--pattern", "near", "--case", case)
    assert right.returncode == 0, right.stdout


def test_wrong_calls() -> None:
    for arguments, says in (
        (("-", "--case", "{"), "--case: not JSON"),
        (("-", "--case", '{"depth": 3}'), "--case: unknown key `depth`"),
        (("-", "--examples", "0"), "examples"),
        (("missing.pat",), "cannot read the file"),
    ):
        done = run(*arguments, given=WINDOW)
        assert done.returncode == 2, done.stdout
        assert says in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("triton", "numpy", "works"),
    [("3.6.0", "2.4.6", False), ("3.6.0", "2.3.5", True), ("3.7.0", "2.4.0", True), ("3.10.1", "3.0.0rc1", True)],
)
def test_an_interpreter_that_does_not_work_is_named(
    triton: str, numpy: str, works: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(testing, "version", lambda name: {"triton": triton, "numpy": numpy}[name])
    problem = testing.interpreter_problem()
    assert (problem is None) == works
    assert works or "install numpy<2.4" in str(problem)
