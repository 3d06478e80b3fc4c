"""Short residue classes side by side in a tile, and all gradients of such a tile at once."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch

import patternc
from patternc.runtime.testing import Case, run_case

TEXTS = {
    "causal": "causal pattern a { attend stride(13) }",
    "both sides": "pattern a { attend stride(7, 3) }",
    "union": "causal pattern a { attend window(4) | stride(16, 3) }",
    "gate": "causal pattern a { attend gate(window(3), stride(10, 2), stride(12)) }",
}
LENGTHS = (5, 17, 104, 240)
"""The last is more rows a class than two of them find room for."""


def seen(module: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, set[int]]:
    """How many classes lay side by side in the tiles of each kernel, as launches come."""
    found: dict[str, set[int]] = {}
    plain = module._tile

    def tile(kernel: str, *rest: Any) -> Any:
        result = plain(kernel, *rest)
        found.setdefault(kernel, set()).add(result[1])
        return result

    monkeypatch.setattr(module, "_tile", tile)
    return found


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "one after the other"])
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_results(text: str, at_once: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    pattern = patternc.loads(text)
    module = pattern.module(2)
    classes = seen(module, monkeypatch)
    if not at_once:
        monkeypatch.setattr(module, "INTERPRETED", True)
        tile = module.Tiling(32, 32, 4, 1)
        monkeypatch.setattr(module, "packing", lambda kernel, *_: None if kernel == "backward" else tile)
    monkeypatch.setattr(module, "_LAUNCHES", {})
    launches: Counter[str] = Counter()
    for seed, n in enumerate(LENGTHS):
        run_case(pattern, Case((), 1, 1, 2, n, n, 16, "float16", transposed=seed % 2 == 1, seed=seed), "cpu", launches)
    run_case(pattern, Case((), 2, 2, 1, 41, 41, 16, lengths=(41, 38)), "cpu", launches)
    assert max(classes["forward"]) > 1
    assert 1 in classes["forward"]
    assert ("backward" in classes) == at_once
    assert max(classes["backward" if at_once else "backward_q"]) > 1
    assert any(name.startswith("residue") and name.endswith("backward") for name in launches) == at_once


def test_classes_beyond_the_last_do_not_exist() -> None:
    """13 classes of 5 rows, 4 to a tile: the rows that the 14th to 16th would have are others' rows."""
    pattern = patternc.loads(TEXTS["causal"])
    q, k, v = (torch.randn(1, 1, 65, 16) for _ in range(3))
    torch.testing.assert_close(pattern(q, k, v), pattern.reference(q, k, v), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("nq", "nk"), [(3, 40), (40, 3)])
def test_not_where_queries_and_keys_differ_in_number(nq: int, nk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pattern = patternc.loads(TEXTS["causal"])
    classes = seen(pattern.module(2), monkeypatch)
    monkeypatch.setattr(pattern.module(2), "_LAUNCHES", {})
    run_case(pattern, Case((), 1, 2, 1, nq, nk, 16), "cpu")
    assert all(found == {1} for found in classes.values())
    assert "backward" not in classes


@pytest.mark.gpu
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("kv_heads", [1, 2])
@pytest.mark.parametrize("head_dim", [40, 64, 128, 200])
def test_gpu(text: str, kv_heads: int, head_dim: int) -> None:
    pattern = patternc.loads(text)
    twice: list[Counter[str]] = []
    for _ in range(2):
        launches: Counter[str] = Counter()
        for seed, n in enumerate((*LENGTHS, 800)):
            case = Case((), 1, kv_heads, 2 // kv_heads, n, n, head_dim, "bfloat16", seed=seed)
            run_case(pattern, case, "cuda", launches)
        twice.append(launches)
    assert twice[0] == twice[1], "launches are counted whether they go through Triton or not"
    assert twice[0]["residue_forward" if "gate" not in text else "residue_0_forward"] == 2 * (len(LENGTHS) + 1)
