"""`compile --emit mask`: the dense mask as a .npy file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import patternc
from patternc.cli import main

PLAIN = "causal pattern a(l = 3) { attend gate(window(l), stride(7)) }"
BY_HEAD = "pattern a { attend heads { 0..2 : window(h); 2..3 : sink(2) } }"
DOCUMENTS = "causal pattern a { attend per_document(window(3) | sink(1)) }"


def run(capsys: pytest.CaptureFixture[str], folder: Path, text: str, *arguments: str) -> tuple[int, str, str]:
    (folder / "a.pat").write_text(text)
    with pytest.raises(SystemExit) as end:
        main(["compile", str(folder / "a.pat"), "--emit", "mask", *arguments])
    captured = capsys.readouterr()
    return int(end.value.code or 0), captured.out, captured.err


@pytest.mark.parametrize(
    ("text", "options", "heads", "values", "ends"),
    [
        (PLAIN, ["--n", "50", "-D", "l=5"], 1, {"l": 5}, None),
        (BY_HEAD, ["--n", "33"], 3, {}, None),
        (DOCUMENTS, ["--cu-seqlens", "0,9,9,40"], 1, {}, [0, 9, 9, 40]),
    ],
)
def test_the_file_holds_the_mask(
    text: str,
    options: list[str],
    heads: int,
    values: dict[str, int],
    ends: list[int] | None,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    code, out, err = run(capsys, tmp_path, text, "-o", str(tmp_path), *options)
    assert (code, err) == (0, "")
    mask = np.load(tmp_path / "a.mask.npy")
    n = mask.shape[-1]
    documents = None if ends is None else torch.tensor(ends)
    expected = patternc.loads(text, **values).mask(n, heads=heads, cu_seqlens=documents)
    assert mask.dtype == np.bool_
    assert np.array_equal(mask, expected.numpy())
    shape = " x ".join(map(str, mask.shape))
    assert out.splitlines()[1] == f"{tmp_path / 'a.mask.npy'}  (bool {shape}: branches, heads, queries, keys)"


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        (PLAIN, [], "--emit mask writes a file: give -o DIR"),
        (PLAIN, ["-o", ".", "--n", "100000"], "--n 100000: a mask of 2 x 1 x 100000 x 100000 pairs is more than"),
        (PLAIN, ["-o", ".", "--cu-seqlens", "0,4"], "--cu-seqlens: a does not speak of documents"),
        (DOCUMENTS, ["-o", "."], "a speaks of documents; say where they begin and end: --cu-seqlens 0,...,N"),
        (DOCUMENTS, ["-o", ".", "--cu-seqlens", "0,9,4"], "--cu-seqlens 0,9,4: expected numbers that grow from 0"),
        (DOCUMENTS, ["-o", ".", "--cu-seqlens", "0,x"], "--cu-seqlens 0,x: expected numbers that grow from 0"),
        (DOCUMENTS, ["-o", ".", "--cu-seqlens", "0,9", "--n", "8"], "the last document ends at 9, and --n is 8"),
    ],
)
def test_what_cannot_be_written_is_said(
    text: str,
    options: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capsys, tmp_path, text, *options)
    assert code == 2
    assert said in err
    assert not list(tmp_path.glob("*.npy"))


def test_its_options_are_for_the_mask_only(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "a.pat").write_text(PLAIN)
    with pytest.raises(SystemExit):
        main(["compile", str(tmp_path / "a.pat"), "--emit", "ir", "--n", "5"])
    assert "--n is for --emit mask" in capsys.readouterr().err
