"""`patternc compile` and `patternc test`, run as a user runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.pat"))
SMALL = "causal pattern small(l = 3, p = 4) { attend gate(window(l), stride(p)) }\n"


def patternc(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    variables.pop("TRITON_INTERPRET", None)
    command = [sys.executable, "-m", "patternc", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=variables, cwd=cwd, timeout=280, check=False)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda p: p.stem)
def test_every_example_compiles_to_a_file_of_its_own(example: Path, tmp_path: Path) -> None:
    done = patternc("compile", str(example), "-o", str(tmp_path))
    assert done.returncode == 0, done.stderr
    written = [Path(line) for line in done.stdout.splitlines()]
    assert written
    assert all(p.parent == tmp_path for p in written)
    for path in written:
        text = path.read_text()
        compile(text, str(path), "exec")
        imports = [line for line in text.splitlines() if line.startswith(("import ", "from "))]
        assert imports
        assert not [line for line in imports if "patternc" in line]
        assert "{{" not in text
        assert "{%" not in text
        assert max(len(line) for line in text.splitlines()) <= 120


def test_stages_are_printed(tmp_path: Path) -> None:
    file = tmp_path / "small.pat"
    file.write_text(SMALL)
    done = patternc("compile", str(file), "--emit", "ast,ir,plan")
    assert done.returncode == 0, done.stderr
    assert "function: Name(text='window')" in done.stdout
    assert "causal pattern small(l = 3, p = 4)" in done.stdout
    assert "branch 1: residue modulo 4" in done.stdout
    assert "keys        max(0, first_q - 3) .. min(n - 1, last_q)" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--emit", "rust", "-o", "out"], "--emit rust: expected some of ast, ir, plan"),
        (["--target", "sm_12", "-o", "out"], "--target sm_12: expected one of sm_80, sm_89, sm_90, sm_100, gfx942"),
        (["--emit", "ptx", "-o", "out"], "--emit ptx needs --target"),
        (["--target", "gfx942", "--emit", "ptx", "-o", "out"], "--emit ptx: gfx942 has hsaco"),
        ([], "nothing to do"),
        (["-o", "out", "-D", "l=-1"], "error[require]"),
        (["-o", "out", "-D", "q=1"], "no parameter `q`"),
        (["-o", "out", "--pattern", "other"], "no pattern `other`"),
        (["-o", "taken"], "cannot write"),
    ],
)
def test_wrong_calls_exit_with_2_and_say_why(arguments: list[str], says: str, tmp_path: Path) -> None:
    (tmp_path / "small.pat").write_text(SMALL)
    (tmp_path / "taken").write_text("a file, not a folder")
    done = patternc("compile", "small.pat", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_heads_that_differ_need_a_head_count(tmp_path: Path) -> None:
    (tmp_path / "h.pat").write_text("pattern h1(w = 2) { attend window(w * h) }")
    done = patternc("compile", "h.pat", "-o", "out", cwd=tmp_path)
    assert done.returncode == 0
    assert "compiled for 8 of them" in done.stderr
    done = patternc("compile", "h.pat", "-o", "out", "--heads", "6", cwd=tmp_path)
    assert "HEADS: int | None = 6" in (tmp_path / "out" / "h1.py").read_text()


def test_ahead_of_time_without_a_gpu(tmp_path: Path) -> None:
    (tmp_path / "small.pat").write_text(SMALL)
    for target, forms in (("sm_90", ("ptx", "cubin")), ("gfx942", ("hsaco",))):
        options = ["-o", "out", "--target", target, "--emit", ",".join(forms), "--head-dim", "64"]
        done = patternc("compile", "small.pat", *options, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        for kernel in ("band_forward", "band_backward_q", "band_backward_kv", "residue_forward", "residue_backward_kv"):
            for form in forms:
                assert (tmp_path / "out" / f"small.{kernel}.{target}.{form}").stat().st_size > 1000
    assert "wgmma" in (tmp_path / "out" / "small.band_forward.sm_90.ptx").read_text()


def test_ahead_of_time_for_what_parts_share(tmp_path: Path) -> None:
    """The kernels that belong to no part: one adds up slices, one the branches where heads have others."""
    (tmp_path / "shared.pat").write_text("""pattern shared {
        attend heads { 0..1 : gate(sink(2), window(3)); else : gate(columns(3), stride(3)) }
    }""")
    options = ["-o", "out", "--target", "sm_90", "--emit", "ptx", "--head-dim", "64", "--heads", "2"]
    done = patternc("compile", "shared.pat", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for kernel in ("sum_slices", "combine"):
        assert (tmp_path / "out" / f"shared.{kernel}.sm_90.ptx").stat().st_size > 1000
