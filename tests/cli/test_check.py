"""``patternc check`` and what the command line does for every command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from patternc.cli import COMMANDS, available
from patternc.cli.common import definitions, load_pattern, load_patterns
from patternc.diagnostics import DiagnosticError, UsageError

ROOT = Path(__file__).parents[2]
GOOD = "pattern a(k = 3) {\n    attend window(k)\n}\n"
BAD = "pattern a(k = 3) {\n    attend windw(k) | q\n}\n"


def run(*arguments: str, given: bytes = b"", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "patternc", *arguments],
        input=given.decode("latin-1"),
        encoding="latin-1",
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        timeout=60,
        check=False,
    )


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "good.pat").write_text(GOOD, encoding="utf-8")
    (tmp_path / "bad.pat").write_text(BAD, encoding="utf-8")
    (tmp_path / "two.pat").write_text(GOOD + "pattern b(p = 4) { require p > 2 attend stride(p) }", encoding="utf-8")
    return tmp_path


def test_a_clean_file_is_silent(files: Path) -> None:
    result = run("check", str(files / "good.pat"))
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_errors_go_to_standard_error(files: Path) -> None:
    name = str(files / "bad.pat")
    result = run("check", name, str(files / "good.pat"))
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == (
        f"{name}:2:12: error[name]: `windw` is not defined\n"
        "    attend windw(k) | q\n"
        "           ^^^^^\n"
        "  hint: did you mean `window`?\n"
        f"{name}:2:23: error[name]: `q` is not defined in the arguments of a relation\n"
        "    attend windw(k) | q\n"
        "                      ^\n"
        "  hint: positions stand in `where`\n"
        "2 errors in 2 files\n"
    )


def test_warnings_exit_with_0() -> None:
    result = run("check", "-", given=b"causal pattern a(k = 3) { attend window(k) | where(k < 2) }")
    assert result.returncode == 0
    assert result.stderr.startswith("<stdin>:1:52: warning[shadow]: inside `where`, `k` is the key's position")
    assert result.stderr.endswith("1 warning in 1 file\n")


def test_json(files: Path) -> None:
    result = run("check", "--json", str(files / "bad.pat"), str(files / "missing.pat"))
    assert (result.returncode, result.stderr) == (1, "")
    first, second, third = json.loads(result.stdout)
    assert first == {
        "file": str(files / "bad.pat"),
        "line": 2,
        "col": 12,
        "end_line": 2,
        "end_col": 17,
        "severity": "error",
        "code": "name",
        "message": "`windw` is not defined",
        "hint": "did you mean `window`?",
    }
    assert second["col"] == 23
    assert (third["code"], third["line"], third["message"]) == (
        "file",
        1,
        "cannot read the file: No such file or directory",
    )
    clean = run("check", "--json", str(files / "good.pat"))
    assert (clean.returncode, json.loads(clean.stdout)) == (0, [])


def test_files_that_cannot_be_read(files: Path) -> None:
    locked = files / "locked.pat"
    locked.write_text(GOOD, encoding="utf-8")
    locked.chmod(0)
    (files / "latin.pat").write_bytes(b"# ok\npattern a { attend full } # \xe9\n")
    directory = run("check", str(files))
    assert directory.returncode == 1
    assert directory.stderr.startswith(f"{files}:1:1: error[file]: cannot read the file: Is a directory")
    latin = run("check", str(files / "latin.pat"))
    assert latin.returncode == 1
    assert ":2:29: error[encoding]: byte 0xe9 is not UTF-8" in latin.stderr
    if os.geteuid():
        assert "Permission denied" in run("check", str(locked)).stderr
    odd = run("check", "a\x01b")
    assert odd.returncode == 1
    assert "\x01" not in odd.stderr


def test_values(files: Path) -> None:
    two = str(files / "two.pat")
    assert run("check", two, "-D", "p=9").returncode == 0
    broken = run("check", two, "-D", "p=2", "-D", "k=7")
    assert broken.returncode == 1
    assert ":4:28: error[require]: `require p > 2` does not hold (p = 2)" in broken.stderr
    domain = run("check", two, "-D", "k=-1")
    assert ":2:19: error[require]: the argument `l` of `window` must be at least 0 (k = -1)" in domain.stderr
    assert run("check", two, "--pattern", "a", "-D", "k=7").returncode == 0
    unknown = run("check", two, "-D", "kk=7")
    assert unknown.returncode == 1
    assert "error[parameter]: no parameter `kk` (did you mean `k`?)" in unknown.stderr
    missing = run("check", two, "--pattern", "c")
    assert missing.returncode == 1
    assert "the file has no pattern `c` (its patterns: a, b)" in missing.stderr


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("k", "-D k: expected NAME=INTEGER, as in -D k=64"),
        ("k=", "-D k=: `` is not an integer"),
        ("k=1.5", "-D k=1.5: `1.5` is not an integer"),
        ("k=1e9", "-D k=1e9: `1e9` is not an integer"),
        ("=3", "-D =3: expected NAME=INTEGER, as in -D k=64"),
        (f"k={2**62}", f"-D k={2**62}: the value must lie between -2^62 and 2^62"),
        ("k=" + "9" * 9000, "the value must lie between -2^62 and 2^62"),
    ],
)
def test_wrong_values(option: str, message: str) -> None:
    with pytest.raises(UsageError) as wrong:
        definitions([option])
    assert message in str(wrong.value)


def test_definitions() -> None:
    assert definitions(["k=3", " p = -4 ", "q=+5", "z=0007"]) == {"k": 3, "p": -4, "q": 5, "z": 7}
    assert definitions(None) == {}
    with pytest.raises(UsageError, match="-D k is given twice"):
        definitions(["k=3", "k=3"])


def test_choice_of_patterns(files: Path) -> None:
    two = str(files / "two.pat")
    assert load_pattern(two, "b", ["p=5"])[2].values == {"p": 5}
    assert [i.name for i in load_patterns(two, None, ["p=5"])[2]] == ["a", "b"]
    with pytest.raises(UsageError, match="the file has 2 patterns; pick one with --pattern: a, b"):
        load_pattern(two, None, None)
    with pytest.raises(UsageError, match="no parameter `x`"):
        load_patterns(two, None, ["x=5"])
    with pytest.raises(UsageError, match="pattern a has no parameter `p`"):
        load_pattern(two, "a", ["p=5"])
    with pytest.raises(DiagnosticError, match="`require p > 2` does not hold"):
        load_pattern(two, "b", ["p=1"])


def test_wrong_calls_exit_with_2(files: Path) -> None:
    for arguments in (["check"], ["chekc"], ["check", "--wrong"], ["check", str(files / "good.pat"), "-D", "k"]):
        result = run(*arguments)
        assert result.returncode == 2, arguments
        assert result.stderr
        assert "Traceback" not in result.stderr


def test_help_lists_all_commands() -> None:
    result = run("--help")
    assert result.returncode == 0
    for name, command in available().items():
        assert any(li.split()[:1] == [name] and command.summary[:30] in li for li in result.stdout.splitlines())
    assert "check" in COMMANDS
    assert "-D, --define NAME=INTEGER" in run("check", "--help").stdout
    assert run("--version").stdout.startswith("patternc ")


def test_reader_that_goes_away(files: Path) -> None:
    command = f"{sys.executable} -m patternc check --json {files / 'bad.pat'} | true; exit ${{PIPESTATUS[0]}}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=environment, check=False)
    assert result.stderr == ""
    assert result.returncode in (1, 141)


def test_internal_errors_have_no_traceback(tmp_path: Path) -> None:
    code = "import patternc.driver as d; d.decode = None; from patternc.cli import main; main(['check', '-'])"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for wanted in ("0", "1"):
        result = subprocess.run(
            [sys.executable, "-c", code],
            input="",
            capture_output=True,
            text=True,
            env={**environment, "PATTERNC_TRACEBACK": wanted},
            check=False,
        )
        assert result.returncode == 70
        assert "patternc: internal error (TypeError" in result.stderr
        assert ("Traceback" in result.stderr) == (wanted == "1")
