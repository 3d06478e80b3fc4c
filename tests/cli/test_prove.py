"""``patternc prove``: what it prints, and its exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from patternc.cli import main

ROOT = Path(__file__).parents[2]
TEXT = """causal pattern pi(k = 4, p = 16) { attend window(k) | stride(p, 1) }
stack lm { layers 3: pi }
pattern sinks { attend window(3) | sink(2) }
prove pi if p > k: reach(L) == L * p
prove lm: covers(20)
"""


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(["prove", *arguments])
    captured = capsys.readouterr()
    return int(end.value.code or 0), captured.out, captured.err


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "a.pat"
    path.write_text(TEXT, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("claim", "status"),
    [
        ("pi(k = 4, p = 16): reach(2) == 32", 0),
        ("pi(k = 4, p = 16): reach(2) == 31", 1),
        ("sinks: reach(2) == 6", 3),
        ("nothing: causal", 2),
        ("pi: reach(", 2),
    ],
)
def test_exit_status(claim: str, status: int, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, file, claim)
    assert code == status
    assert "Traceback" not in out + err
    assert bool(err) == (status == 2)


def test_all_claims_of_a_file(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, file)
    assert (code, err) == (1, "")
    assert "proved  pi if p > k: reach(L) == L * p" in out
    assert "refuted  lm: covers(20)" in out
    assert "L = 3, n = 20:" in out
    assert "pair: query" in out


def test_a_file_without_claims(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.pat"
    path.write_text("causal pattern a { attend window(4) }", encoding="utf-8")
    code, out, err = run(capsys, str(path))
    assert (code, out) == (2, "")
    assert "has no claims" in err


def test_json(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, file, "--json")
    first, second = json.loads(out)
    assert code == 1
    assert (first["name"], first["claim"], first["verdict"]) == ("pi", "reach(L) == L * p", "proved")
    assert first["counterexample"] is None
    assert first["statement"] == "pi if p > k: reach(L) == L * p"
    assert second["counterexample"]["layers"] == 3
    assert second["reason"]


def test_values_of_parameters(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, file, "pi: prefix(1) == 4", "-D", "k=4", "-D", "p=16")[0] == 0
    assert run(capsys, file, "pi: prefix(1) == 4", "-D", "k=5")[0] == 1
    code, _, err = run(capsys, file, "pi: prefix(1) == 4", "-D", "z=5")
    assert code == 2
    assert "no parameter `z`" in err


def test_claims_about_one_name(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, file, "--pattern", "pi")
    assert code == 0
    assert "lm" not in out


def test_certificates(file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "c.json"
    code, _, err = run(capsys, file, "--certificate", str(path))
    assert code == 1
    assert "certificates for" in err
    assert json.loads(path.read_text(encoding="utf-8"))["version"] == 4
    code, _, err = run(capsys, file, "--certificate", str(tmp_path / "no" / "c.json"))
    assert code == 2
    assert "--certificate" in err


def test_claims_with_numbers_start_fast() -> None:
    """Without sympy, isl, numpy or torch; the time is printed, not judged."""
    code = (
        "import sys, time\nbegin = time.perf_counter()\nfrom patternc.cli import main\n"
        "try: main(['prove', 'examples/mistral_7b.pat', 'mistral_7b: covers(131041)'])\n"
        "except SystemExit as end: code = end.code\n"
        "print(f'{time.perf_counter() - begin:.2f} s')\n"
        "print(*[m for m in ('torch', 'triton', 'sympy', 'islpy', 'numpy') if m in sys.modules])\n"
        "sys.exit(code)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    print(result.stdout)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1] == ""


def test_hops_to_both_sides_say_which(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.pat"
    path.write_text("pattern a { attend window(4, 4) }", encoding="utf-8")
    _, out, _ = run(capsys, str(path), "a: covers(7, layers = 2)")
    assert "path: 4 ahead, 1 ahead, from the last layer down" in out
    _, out, _ = run(capsys, str(path), "a: covers(7, layers = 1)")
    assert "one layer is not enough for 7 tokens" in out
    assert "(lag -5)" in out
