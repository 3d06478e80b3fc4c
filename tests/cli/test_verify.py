"""``patternc verify``: what it prints and how it exits, for certificates and for what is none."""

from __future__ import annotations

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from patternc.cli import main

SOURCE = """
causal pattern one(k = 2, p = 5) { require k >= 1; attend window(k) | stride(p, 1) }
prove one: reach(L) == L * max(k, p)
prove one: reach(L) <= k*L + p*ceil_log2(L)
"""


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: bytes
    stderr: bytes


def run(*arguments: str, given: bytes = b"") -> Done:
    """The command in this process, with ``given`` on its standard input."""
    before = sys.stdin
    sys.stdin = io.TextIOWrapper(io.BytesIO(given))
    out, err = io.StringIO(), io.StringIO()
    try:
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as end:
            main(list(arguments))
    finally:
        sys.stdin = before
    return Done(int(end.value.code or 0), out.getvalue().encode(), err.getvalue().encode())


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    (folder / "one.pat").write_text(SOURCE, encoding="utf-8")
    done = run("prove", str(folder / "one.pat"), "--certificate", str(folder / "one.json"))
    assert done.returncode == 1, done.stderr
    return folder / "one.json"


def test_a_valid_certificate(certificate: Path) -> None:
    done = run("verify", str(certificate))
    assert done.returncode == 0
    lines = done.stdout.decode().splitlines()
    assert lines[:2] == [
        "valid    one: lags {0..k | m*p (0 <= m <= 1)}; for all L, k, p with k >= 1: reach(L) == L * max(k, p)",
        "valid    one: lags {0..k | m*p (0 <= m <= 1)}; for L = 1, k = 1, p = 2, with k >= 1: "
        "reach(L) > k * L + p * ceil_log2(L)",
    ]
    assert lines[2] == "2 statements: all shown"
    assert run("verify", "-", given=certificate.read_bytes()).stdout == done.stdout


def test_json(certificate: Path) -> None:
    done = run("verify", str(certificate), "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 0
    assert [entry["valid"] for entry in report] == [True, True]
    assert all(entry["reason"] == "" for entry in report)


def test_a_changed_certificate(certificate: Path) -> None:
    document = json.loads(certificate.read_bytes())
    document["statements"][1]["values"]["p"] = 1
    document["statements"][0]["proof"] = {"goals": [], "evidence": []}
    done = run("verify", "-", given=json.dumps(document).encode())
    assert done.returncode == 1
    text = done.stdout.decode()
    assert text.count("INVALID") == 2
    assert "a hop that is none" in text
    assert "2 statements: 2 not shown" in text


def statement() -> dict[str, Any]:
    proof = {"goals": [], "evidence": []}
    layers = [[[0, 1, 1, 0]]]
    return {
        "pattern": "x",
        "layers": layers,
        "given": [],
        "values": {},
        "claim": ["==", ["reach", 1], 1],
        "proof": proof,
    }


def document(**changes: Any) -> bytes:
    changed = deepcopy(statement())
    changed.update(changes)
    return json.dumps({"format": "patternc certificate", "version": 4, "statements": [changed]}).encode()


def nested(depth: int) -> Any:
    tree: Any = 1
    for _ in range(depth):
        tree = ["+", tree, 1]
    return tree


@pytest.mark.parametrize(
    "given",
    [
        document(claim=["==", ["reach", 1], 2]),
        document(claim=["==", ["reach", 10**9], 2]),
        document(claim=["==", nested(900), 2]),
        document(claim="reach(1) == 1"),
        document(claim=["==", ["__class__", 1], 1]),
        document(layers=5),
        document(layers=[[[0, 1, 1]]]),
        document(layers=[[[0, 10**400, 1, 0]]]),
        document(layers=[[[0, 1.5, 1, 0]]]),
        document(values=[1]),
        document(values={"k": 1.5}, claim=["==", "k", 1]),
        document(given=[["<", 1, 0]]),
        document(proof=None),
        document(values=None, claim=["<=", "k", 3], proof={"goals": [[[1, [0, 99]]]], "evidence": []}),
        document(values=None, claim=["<=", "k", 3], proof={"split": nested(500), "yes": 1, "no": 2}),
        json.dumps({"format": "patternc certificate", "version": 4, "statements": [3, None, []]}).encode(),
    ],
)
def test_what_shows_nothing_is_invalid(given: bytes) -> None:
    done = run("verify", "-", given=given)
    assert done.returncode == 1, done
    assert b"INVALID" in done.stdout
    assert b"Traceback" not in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b"9" * 10_000, "not JSON that a certificate holds"),
        (b"NaN", "NaN is not a number"),
        (b"[]", "not a certificate"),
        (b"null", "not a certificate"),
        (b'{"format": "something"}', "not a certificate"),
        (b'{"format": "patternc certificate", "version": 1}', "another version"),
        (b'{"format": "patternc certificate", "version": true}', "another version"),
        (b'{"format": "patternc certificate", "version": 3}', "another version"),
        (b'{"format": "patternc certificate", "version": 4}', "not a list"),
    ],
)
def test_what_is_no_certificate(given: bytes, message: str) -> None:
    done = run("verify", "-", given=given)
    assert done.returncode == 2, done
    assert message in done.stderr.decode()
    assert b"Traceback" not in done.stderr
    assert not done.stdout


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    done = run("verify", str(tmp_path / "none.json"))
    assert done.returncode == 2
    assert b"No such file" in done.stderr


def test_nothing_to_check() -> None:
    done = run("verify", "-", given=b'{"format": "patternc certificate", "version": 4, "statements": []}')
    assert done.returncode == 0
    assert done.stdout.decode() == "0 statements: nothing to check\n"
