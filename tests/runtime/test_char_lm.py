"""examples/char_lm.py at a tiny size: it trains all three models alike, and writes what it promises."""

from __future__ import annotations

import csv
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "examples" / "char_lm.py"
TINY = {
    "context": 32, "dim": 16, "layers": 1, "heads": 2, "window": 4, "period": 8, "hops": 3, "batch": 4, "steps": 20,
    "rate": 0.005, "evaluations": 2, "validation": 4, "characters": 60_000, "threads": 1,
}  # fmt: skip


def test_it_trains_three_models_and_writes_its_result(tmp_path: Path) -> None:
    out = tmp_path / "folder" / "result"
    given = [text for name, value in TINY.items() for text in (f"--{name}", str(value))]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *given, "--device", "cpu", "--out", str(out)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TRITON_INTERPRET": "0"},
        capture_output=True, text=True, timeout=250, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "silent in a pipe but for the result"
    with out.with_suffix(".csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(r["model"], r["step"]) for r in rows] == [
        (model, step) for model in ("dense", "ring-local", "pi-Attention") for step in ("10", "20")
    ]
    for early, late in zip(rows[::2], rows[1::2], strict=True):
        assert 0 < float(late["training_bits"]) < float(early["training_bits"]) < 7.1, "log2 of 128 characters is 7"
        assert 0 < float(late["validation_bits"]) < 7.1
    assert out.with_suffix(".png").stat().st_size > 10_000
    result = out.with_suffix(".md").read_text(encoding="utf-8")
    assert done.stdout == result
    assert "--steps 20" in result
    assert all(f"| {model} |" in result for model in ("dense", "ring-local", "pi-Attention"))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("--steps 0", "--steps: expected a number above 0, got 0"),
        ("--dim 18 --heads 2", "--dim: expected a multiple of twice the 2 heads, got 18"),
        ("--period 4 --window 4", "--period: expected more than the window of 4, got 4"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(given: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(SCRIPT))["parsed"](given.split())
    assert end.value.code == 2
    assert says in capsys.readouterr().err
