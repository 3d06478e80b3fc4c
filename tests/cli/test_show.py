"""`patternc show`: its options, its files, and its exit status."""

from __future__ import annotations

from pathlib import Path

import pytest

from patternc.cli import main

TEXT = """causal pattern pi(k = 4, p = 16) { require p > k; attend gate(window(k), stride(p, 1)) }
pattern other { attend heads { 0..4 : window(3) } }
stack lm(depth = 3) { layers depth: pi }
"""


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(["show", *arguments])
    captured = capsys.readouterr()
    return int(end.value.code or 0), captured.out, captured.err


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "a.pat"
    path.write_text(TEXT, encoding="utf-8")
    return str(path)


def test_every_pattern_of_a_file(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, file)
    assert (code, err) == (0, "")
    assert "pi(k = 4, p = 16)" in out
    assert "receptive field of the last of 129 tokens, pi" in out
    assert "other" in out


def test_options(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, file, "--pattern", "pi", "-D", "k=7", "--n", "40", "--layers", "2", "--heads", "3")
    assert code == 0
    assert "pi(k = 7, p = 16)" in out
    assert "mask at n = 40" in out
    assert "layer 2" in out
    assert "layer 3" not in out
    assert "other" not in out


def test_a_stack(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, file, "--pattern", "lm", "-D", "depth=2")
    assert code == 0
    assert "of the last of 33 tokens, stack lm" in out


@pytest.mark.parametrize("suffix", ["png", "svg", "html", "HTML"])
def test_files(suffix: str, file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / f"picture.{suffix}"
    code, out, err = run(capsys, file, "--pattern", "pi", "-o", str(place))
    assert (code, out.strip(), err) == (0, str(place), "")
    assert place.stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "a.pdf"], "expected a name that ends in .png, .svg or .html"),
        (["-o", "a.html"], "a page shows one pattern, "),
        (["-o", "a.html"], "pick with --pattern: pi, other"),
        (["--pattern", "pj"], "no pattern `pj`"),
        (["-D", "q=1"], "no parameter `q`"),
        (["--pattern", "pi", "-D", "p=2"], "`require p > k` does not hold"),
        (["--pattern", "other", "--heads", "5"], "has 4 heads, not 5"),
        (["--pattern", "lm", "--layers", "4"], "stack lm has 3 layers"),
        (["--pattern", "lm", "-D", "depth=0"], "has no layers"),
        (["--pattern", "pi", "-o", "/nowhere/a.html"], "No such file or directory"),
        (["--n", "0"], "--n"),
    ],
)
def test_what_is_wrong_is_said(arguments: list[str], said: str, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, file, *arguments)
    assert (code, out) == (2, "")
    assert said in " ".join(err.split())
    assert "Traceback" not in err


def test_a_picture_of_several_patterns(file: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(capsys, file, "-o", str(tmp_path / "a.svg")) == (0, f"{tmp_path / 'a.svg'}\n", "")
    text = (tmp_path / "a.svg").read_text()
    assert "pi(k = 4, p = 16)" in text
    assert ">other<" in text


@pytest.mark.parametrize("suffix", ["", ".svg", ".html"])
def test_a_field_that_is_too_long_leaves_the_mask(
    suffix: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "a.pat"
    path.write_text("causal pattern a { attend sink(4) | window(3) }")
    output = ["-o", str(tmp_path / f"a{suffix}")] if suffix else []
    code, out, err = run(capsys, str(path), "--n", "100000", *output)
    assert (code, err) == (0, "")
    text = (tmp_path / f"a{suffix}").read_text() if suffix else out
    if suffix == ".html":
        # The page follows tokens by itself.
        assert '"n":100000' in text
    else:
        assert "what a token of a sees depends on where it stands" in text
        assert "sink(4) | window(3)" in text
