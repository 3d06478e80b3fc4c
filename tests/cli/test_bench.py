"""`patternc bench`: what it says and how it exits, with and without a device."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from patternc.cli import main
from patternc.runtime import bench, loader

TWO = "causal pattern a(l = 9) { attend window(l) }\ncausal pattern b { attend stride(8) }\n"
QUICK = bench.Bursts(rounds=1, repetitions=2, longest=0.01, pause=0.0)
REAL = bench.measure


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["bench", *arguments])
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


@pytest.fixture(autouse=True)
def plain_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patterns take their CPU path: Triton's interpreter would take minutes over so many calls."""
    monkeypatch.setenv("TRITON_INTERPRET", "0")
    monkeypatch.setattr(loader, "_modules", {})


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "two.pat"
    path.write_text(TWO, encoding="utf-8")
    return str(path)


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU in a GPU's place, at tiny sizes."""

    def measure(subject, shape, row, device="cuda", options=None, progress=lambda text: None):
        quick = replace(options, cool=QUICK, hot=None, sampled=8, peers=("permute",))
        return REAL(subject, shape, row, "cpu", quick, progress)

    monkeypatch.setattr(bench, "gpu_name", lambda: "a device")
    monkeypatch.setattr(bench, "measure", measure)


@pytest.mark.skipif(bench.gpu_name() is not None, reason="there is a GPU")
def test_without_a_gpu(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, file)
    assert (code, out) == (1, "")
    assert err.startswith("patternc: error: bench needs a GPU, and torch sees none here")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dtype", "int8"], "--dtype int8: expected one of bfloat16, float16, float32"),
        (["--pattern", "c"], "the file has no pattern `c`"),
        (["-D", "x=3"], "no parameter `x`"),
        (["--n", "0"], "--n"),
        (["--heads", "0"], "--heads"),
    ],
)
def test_wrong_calls(file: str, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    code, out, err = run(capsys, file, *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


def test_a_head_count_that_the_pattern_does_not_take(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "heads.pat"
    path.write_text("pattern a { attend heads { 0..4 : window(3) } }", encoding="utf-8")
    code, _, err = run(capsys, str(path), "--heads", "3")
    assert code == 2
    assert "heads" in err


@pytest.mark.usefixtures("device")
def test_a_table_a_csv_and_a_plot(file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    table, picture = tmp_path / "out.csv", tmp_path / "out.png"
    shape = ["--n", "64", "--n", "128", "--heads", "2", "--head-dim", "16"]
    for _ in range(2):  # the second call replaces what the first wrote
        code, out, err = run(capsys, file, *shape, "-D", "l=5", "--csv", str(table), "--plot", str(picture))
        assert (code, err) == (0, "")
        with table.open(encoding="utf-8", newline="") as given:
            lines = list(csv.DictReader(given))
    assert "a(l = 5), n = 64, 2 heads of 16, bfloat16; 738 live pairs" in out
    assert "of the time of the best peer, permute+flash" in out
    assert [(x["pattern"], x["n"]) for x in lines if x["variant"] == "patternc"] == [
        ("a(l = 5)", "64"), ("a(l = 5)", "128"), ("b", "64"), ("b", "128")
    ]  # fmt: skip
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("device")
def test_json(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, file, "--pattern", "b", "--n", "64", "--heads", "2", "--json", "--forward")
    assert code == 0
    lines = json.loads(out)
    assert lines[0]["variant"] == "patternc"
    assert lines[0]["forward_ms"] > 0
    assert lines[0]["backward_ms"] is None


@pytest.mark.usefixtures("device")
def test_a_check_that_fails(file: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.Problem, "ours", lambda self, q, k, v, gate=None: q + k + v)
    code, _, err = run(capsys, file, "--pattern", "a", "--n", "64", "--heads", "2")
    assert code == 1
    assert "patternc: wrong: an output row is off by" in err


@pytest.mark.usefixtures("device")
def test_places_that_cannot_be_written(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, file, "--pattern", "a", "--n", "64", "--heads", "2", "--csv", f"{file}/out.csv")
    assert code == 1
    assert "Not a directory" in err
    assert "Traceback" not in err


@pytest.mark.usefixtures("device")
def test_a_device_that_is_lost(file: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: object, **__: object) -> list[bench.Line]:
        raise bench.DeviceLostError("failed: AcceleratorError: gone")

    monkeypatch.setattr(bench, "measure", lost)
    code, _, err = run(capsys, file, "--pattern", "a")
    assert code == 1
    assert "the GPU stopped answering" in err
