"""The cache of emitted files: keyed by content, written whole, private, and never run once somebody changed it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from patternc.runtime import loader

ROOT = Path(__file__).parents[2]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("PATTERNC_CACHE_DIR", str(folder))
    monkeypatch.setattr(loader, "_modules", {})
    return folder


def test_the_content_is_the_key(cache: Path) -> None:
    one, again, other = loader.load("a", "x = 1\n"), loader.load("a", "x = 1\n"), loader.load("a", "x = 2\n")
    assert one is again
    assert (one.x, other.x) == (1, 2)
    assert one.__file__ != other.__file__
    assert Path(one.__file__).read_text() == "x = 1\n"
    assert len(list(cache.iterdir())) == 2


def test_a_file_that_somebody_changed_is_never_run(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(loader.load("a", "x = 1\n").__file__)
    path.write_text("raise SystemExit('ran')\n")
    monkeypatch.setattr(loader, "_modules", {})
    assert loader.load("a", "x = 1\n").x == 1
    assert path.read_text() == "x = 1\n"
    path.write_bytes(b"\xff\x00")
    monkeypatch.setattr(loader, "_modules", {})
    assert loader.load("a", "x = 1\n").x == 1
    assert path.read_text() == "x = 1\n"


def test_the_folder_and_its_files_are_private(cache: Path) -> None:
    cache.mkdir(mode=0o755)
    cache.chmod(0o755)
    path = Path(loader.load("a", "x = 1\n").__file__)
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_folder_of_somebody_else_is_not_used(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.mkdir()
    monkeypatch.setattr(os, "getuid", lambda: cache.stat().st_uid + 1)
    module = loader.load("a", "x = 1\n")
    assert module.x == 1
    assert cache not in Path(module.__file__).parents
    assert not list(cache.iterdir())


def test_a_folder_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PATTERNC_CACHE_DIR", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr(loader, "_modules", {})
    assert loader.load("a", "x = 5\n").x == 5


def test_a_long_name(cache: Path) -> None:
    assert loader.load("a" * 5000, "x = 1\n").x == 1


def test_a_text_that_does_not_run_leaves_no_module(cache: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        loader.load("broken", "1 / 0\n")
    assert not [name for name in sys.modules if name.startswith("patternc_emitted_broken")]


def test_many_processes_at_once(cache: Path) -> None:
    """All of them write the same file, and each finds it whole."""
    code = """
import sys
from patternc.runtime import loader
text = "".join(f"x{i} = {i}\\n" for i in range(20000))
sys.stdin.readline()
module = loader.load("many", text)
assert module.x19999 == 19999 and open(module.__file__).read() == text
print("right")
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        for _ in range(8)
    ]
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    assert [worker.communicate(timeout=60)[0].strip() for worker in workers] == ["right"] * 8
    assert len(list(cache.iterdir())) == 1, "a temporary file was left"
