"""The search for tile sizes without a GPU: what may not be launched is not, what is wrong is not timed."""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from patternc.runtime import ahead, loader

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tiles(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, with few candidates, and a compiler that says without compiling what they take."""
    monkeypatch.setenv("TRITON_INTERPRET", "0")
    monkeypatch.setattr(loader, "_modules", {})
    spec = importlib.util.spec_from_file_location("tiles", ROOT / "benchmarks" / "tiles.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(__import__("sys").modules, "tiles", module)
    spec.loader.exec_module(module)
    some = ((64, 64, 4, 2), (32, 64, 4, 2), (64, 32, 4, 2), (64, 128, 8, 2))
    monkeypatch.setattr(module, "sizes_for", lambda *given: some)

    def compiled(name: str, kind: str, function: Any, tile: Any, use: ahead.Use, target: str) -> ahead.Compiled:
        shared = 2**20 if tile.BLOCK_K == 128 else 1024
        return ahead.Compiled(name, {}, shared, 100, 8 if tile.BLOCK_K == 32 else 0)

    monkeypatch.setattr(ahead, "compile_kernel", compiled)
    return module


def lines(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_what_spills_or_does_not_fit_is_never_launched(
    tiles: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launched: list[Any] = []
    plain = tiles.altered

    def altered(problem: Any, line: Any) -> ModuleType:
        launched.append(line)
        return plain(problem, line)

    monkeypatch.setattr(tiles, "altered", altered)
    out = tmp_path / "tiles.csv"
    given = ["--rows", "window_256", "--kernels", "backward_kv", "--trial", "--csv", str(out)]
    assert tiles.main(given) == 0
    found = lines(out)
    assert len(found) == 10  # five sizes, with descriptors and with pointers
    for line in found:
        wanted = {"32": "spills", "128": "does not fit"}.get(line["BLOCK_K"], "ok")
        assert line["status"] == wanted
        assert bool(line["ms"]) == (wanted == "ok")
    assert {line.BLOCK_K for line in launched} == {64}
    assert [line["chosen"] for line in found].count("True") == 2
    assert tiles.main(given) == 0
    assert lines(out) == found  # nothing is measured twice


def test_what_is_wrong_is_not_timed(tiles: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def check(problem: Any, variant: Any, backward: bool, sampled: int) -> None:
        raise tiles.CheckFailedError("off by one")

    monkeypatch.setattr(tiles, "check", check)
    out = tmp_path / "tiles.csv"
    assert tiles.main(["--rows", "window_256", "--kernels", "forward", "--trial", "--csv", str(out)]) == 0
    right = [line for line in lines(out) if line["BLOCK_K"] == "64"]
    assert right
    assert all(line["status"].startswith("CheckFailedError: off by one") and not line["ms"] for line in right)


def test_a_candidate_changes_its_own_kernel_only(tiles: ModuleType) -> None:
    shape = tiles.bench.Shape(256, 2, 16)
    subject = tiles.table.subject("gate_window_stride")
    found = list(tiles.lines_of(subject, shape, ("a", "b", "c"), "sm_90"))
    line = next(
        x for x in found if x.part == "band" and x.kernel == "backward_q" and (x.BLOCK_Q, x.BLOCK_K) == (64, 32)
    )
    problem = tiles.Problem(subject, shape, "cpu")
    module, plain = tiles.altered(problem, line), problem.module
    bfloat16 = tiles.DTYPES["bfloat16"]
    assert module.tiling("backward_q", 16, bfloat16, rows=256) == (64, 32, 4, 2)
    for kernel, rows in (("forward", 256), ("backward_kv", 256), ("backward_q", 4)):
        assert module.tiling(kernel, 16, bfloat16, rows=rows) == plain.tiling(kernel, 16, bfloat16, rows=rows)


def test_without_a_gpu_it_says_so(tiles: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    if tiles.bench.gpu_name() is None:
        assert tiles.main(["--rows", "window_256"]) == 1
        assert "--ahead TARGET compiles without one" in capsys.readouterr().err
