"""`patternc explain`: the table, the JSON, and its exit status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from patternc.cli import main
from patternc.lowering.devices import DEVICES

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(["explain", *arguments])
    captured = capsys.readouterr()
    return int(end.value.code or 0), captured.out, captured.err


def report(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    code, out, err = run(capsys, *arguments, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


def test_pi_attention_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, str(EXAMPLES / "pi_attention.pat"))
    assert (code, err) == (0, "")
    text = " ".join(out.split())
    assert "n = 16,384, 8 heads of 128 columns, bfloat16" in text
    assert "1. band branch 0, every head" in text
    assert "0 <= lag <= 64" in text
    assert "2. residue branch 1, every head" in text
    assert "the lag congruence leaves 1 key in 256" in text
    assert "dense, causal 1.07 G" in text
    assert "On NVIDIA H200 no kernel is faster" in text
    assert all(len(line) <= 80 for line in out.splitlines())


def test_the_floor_is_that_of_the_table_it_is_measured_against(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Exact FLOPs at 800 TFLOP/s, Q, K, V and O once at 4.24 TB/s: B = 1, H = 16, D = 128, bf16."""
    path = tmp_path / "a.pat"
    path.write_text("causal pattern dense { attend full }\ncausal pattern short { attend window(256) }\n")
    dense, short = report(capsys, str(path), "--heads", "16", "--n", "65536")
    pairs = 65536 * 65537 // 2
    assert dense["live"]["pairs"] == 16 * pairs
    assert dense["live"]["floor_seconds"] == pytest.approx(16 * pairs * 512 / 800e12)
    assert dense["bound"] == "arithmetic"
    assert short["bound"] == "memory"
    assert short["live"]["floor_seconds"] == pytest.approx(0.253e-3, rel=0.01)
    assert short["bytes"] == 4 * 16 * 65536 * 128 * 2


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = report(capsys, str(EXAMPLES / "pi_staggered.pat"), "--n", "4096", "--heads", "4", "--head-dim", "64")
    assert found["name"] == "pi_staggered"
    assert (found["n"], found["heads"], found["head_dim"], found["dtype"]) == (4096, 4, 64, "bfloat16")
    assert found["parts"][0]["schedule"] == "band"
    assert found["live"]["pairs"] == sum(p["live_pairs"] for p in found["parts"])
    assert found["computed"]["pairs"] == sum(p["computed_pairs"] for p in found["parts"])
    assert found["live"]["flops"] == 4 * 64 * found["live"]["pairs"]
    assert 0 < found["tile_waste"] < 1
    assert found["block_sparse_128"]["pairs"] > found["computed"]["pairs"] > found["live"]["pairs"]
    assert found["dense_full"]["pairs"] == 4 * 4096**2
    assert found["dense_causal"]["pairs"] == 4 * 4096 * 4097 // 2
    assert found["device"]["source"]


@pytest.mark.parametrize(("text", "sinks"), [("sink(4) | window(9)", 4), ("sink(1)", 1), ("window(9)", 0)])
def test_gradients_of_first_keys(text: str, sinks: int, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "a.pat"
    file.write_text(f"causal pattern a {{ attend {text} }}")
    (found,) = report(capsys, str(file), "--n", "500")
    assert [part["sinks"] for part in found["parts"]] == [sinks]
    words = " ".join(run(capsys, str(file), "--n", "500")[1].split())
    assert ("summed in slices of the queries" in words) == (sinks > 0)
    assert ("the first 4 keys have" in words, "the first key has" in words) == (sinks == 4, sinks == 1)


def test_which_parts_have_a_kernel_for_hopper(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "a.pat"
    path.write_text("causal pattern one { attend window(5) }\ncausal pattern two { attend window(5) | columns(7) }\n")
    one, two = report(capsys, str(path), "--n", "500")
    kernels = ("hopper", "hopper_q", "hopper_kv")
    assert [p["not_hopper"] for p in one["parts"]] == [dict.fromkeys(kernels)]
    why = ["its keys are neither consecutive nor one residue class", "it adds to the gradients of other parts"]
    assert [p["not_hopper"] for p in two["parts"]] == [
        dict.fromkeys(kernels, why[0]),
        {"hopper": None, "hopper_q": why[1], "hopper_kv": None},
    ]
    _, out, _ = run(capsys, str(path), "--n", "500")
    words = " ".join(out.split())
    assert words.count("output, dQ, dK and dV also by kernels for Hopper, in Gluon: with Triton 3.6.0") == 1
    assert words.count("output, dK and dV also by kernels for Hopper, in Gluon: with Triton 3.6.0") == 1
    assert words.count(f"not dQ: {why[1]}") == 1


@pytest.mark.parametrize("device", DEVICES)
def test_every_device_has_a_source(device: str, capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = report(capsys, str(EXAMPLES / "dense.pat"), "--device", device, "--n", "1000")
    assert found["device"]["name"] == DEVICES[device].name
    assert DEVICES[device].source


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.pat")), ids=lambda p: p.stem)
def test_examples(example: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, str(example), "--n", "2000")
    assert (code, err) == (0, "")
    assert "in 128 x 128 blocks" in out


def test_documents_are_counted_as_one(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "a.pat"
    path.write_text("causal pattern a { attend same_document & window(5) }")
    assert "the sequence is counted as one" in run(capsys, str(path))[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--device", "abacus"], "--device abacus: expected one of h200"),
        (["--dtype", "int8"], "--dtype int8: expected one of bfloat16"),
        (["--pattern", "nothing"], "no pattern `nothing`"),
        (["-D", "zz=1"], "no parameter `zz`"),
        (["--n", "0"], "--n"),
    ],
)
def test_what_is_wrong_is_said(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, str(EXAMPLES / "pi_attention.pat"), *arguments)
    assert (code, out) == (2, "")
    assert said in " ".join(err.split())


def test_too_long_for_a_condition(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "a.pat"
    path.write_text("pattern a { attend where((q + 2 * k) % 7 == 3) }")
    code, _, err = run(capsys, str(path), "--n", "1000000")
    assert code == 2
    assert "up to n = 65536" in err


def test_the_cache_for_decoding_is_said_or_why_there_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, str(EXAMPLES / "streaming_llm.pat"))
    assert code == 0
    assert (
        "Cache for decoding: 1,024 of 16,384 keys a head (keys 0 to 3, to the end; every key, up to 1019 tokens back)."
        in " ".join(out.split())
    )
    assert all(len(line) <= 80 for line in out.splitlines())
    fixed = report(
        capsys, str(EXAMPLES / "sparse_transformer.pat"), "--pattern", "strided", "--n", "1024", "--heads", "2"
    )
    assert fixed[0]["cache"] == {
        "keys": [129, 897],
        "of": 1024,
        "share": (129 + 897) / 2048,
        "why": ["every key, up to 128 tokens back", "every key, up to 896 tokens back"],
    }
    ring = report(capsys, str(EXAMPLES / "ring_local.pat"), "--n", "1024")
    assert "depends on the length n of the sequence" in ring[0]["cache"]["refused"]
