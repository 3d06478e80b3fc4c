"""`autotune=True` tries tile sizes on copies, launches the fastest, and remembers it for later runs."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

import patternc

SIZES = ("BLOCK_Q", "BLOCK_K", "num_warps", "num_stages")
TEXT = "causal pattern tuned { attend gate(window(20), stride(8)) }"


def draw(n: int = 34, device: str = "cpu", dtype: torch.dtype = torch.float32) -> list[torch.Tensor]:
    shapes = [(1, 2, n, 16), (1, 1, n, 16), (1, 1, n, 16), (1, 2, n, 2)]
    made = [
        torch.randn(shape, device=device, dtype=dtype if i < 3 else torch.float32) for i, shape in enumerate(shapes)
    ]
    return [x.requires_grad_() for x in made]


def passes(function: Any, inputs: list[torch.Tensor], **options: Any) -> list[torch.Tensor]:
    out = function(*inputs, **options)
    return [out, *torch.autograd.grad(out.float().square().sum(), inputs)]


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """An emitted file whose kernels run in the interpreter, with nothing remembered."""
    found = patternc.loads(TEXT).module()
    monkeypatch.setenv("PATTERNC_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(found, "INTERPRETED", True)
    monkeypatch.setattr(found, "_may_search", lambda q: True)
    monkeypatch.setattr(found, "_LAUNCHES", {})
    return found


class Stopwatch:
    """Runs each candidate, twice as a clock would, and makes up how long it took."""

    def __init__(self, seconds: Any) -> None:
        self.seconds, self.tried = seconds, []

    def __call__(self, launch: Any, tensors: dict[str, torch.Tensor]) -> float:
        addresses = [x.data_ptr() for x in tensors.values()]
        given = launch.constants
        self.tried.append((launch.kernel.fn.__name__, *(given[x] for x in SIZES)))
        for _ in range(2):
            launch(tensors, addresses)
        return self.seconds(given)


def test_the_fastest_is_launched_and_remembered(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clock = Stopwatch(lambda given: abs(given["BLOCK_Q"] - 16) + abs(given["BLOCK_K"] - 32))
    monkeypatch.setattr(module, "_seconds", clock)
    inputs = draw()
    expected = passes(module.attention, inputs)
    assert not clock.tried, "nobody asked"
    got = passes(module.attention, inputs, autotune=True)
    for a, b in zip(got, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    kernels = {name for name, *_ in clock.tried}
    assert kernels == {f"band_{kind}" for kind in ("forward", "backward_q", "backward_kv")}, "classes share tiles"
    assert len(clock.tried) == len(set(clock.tried)) > 3 * 3
    remembered = json.loads((tmp_path / "tiles.json").read_text())
    assert [x[:2] for x in remembered.values()] == [[16, 32]] * 3
    launched = {
        (x.constants["BLOCK_Q"], x.constants["BLOCK_K"])
        for x in module._LAUNCHES.values()
        if x.kernel.fn.__name__ in kernels and len(module._choices(x)) > 1
    }
    assert (16, 32) in launched
    # A later run, and another length of the same kind, find it.
    clock.tried.clear()
    module._LAUNCHES.clear()
    passes(module.attention, draw(), autotune=True)
    passes(module.attention, draw(60), autotune=True)
    assert not clock.tried
    passes(module.attention, draw(70), autotune=True)
    assert clock.tried


def test_what_was_remembered_wrongly_is_searched_again(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "_seconds", Stopwatch(lambda given: 1.0))
    inputs = [x.detach() for x in draw(20)]
    expected = module.attention(*inputs, autotune=True)
    path = tmp_path / "tiles.json"
    keys = json.loads(path.read_text())
    for text in (
        "",
        "[]",
        "{",
        json.dumps({key: [7, 7, 1, 1, False] for key in keys}),
        json.dumps(dict.fromkeys(keys)),
    ):
        path.write_text(text)
        module._LAUNCHES.clear()
        assert torch.equal(module.attention(*inputs, autotune=True), expected)
        assert json.loads(path.read_text()) == keys


def test_a_candidate_that_fails_is_not_chosen(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here none can be timed, as there is no device: the usual sizes stay."""
    monkeypatch.setattr(module._Launch, "ahead", lambda self, tensors: type("Spilled", (), {"n_spills": 9}))
    inputs = draw()
    assert module._seconds(module._Launch(None, (1, 1, 1), {}, {}), {}) == math.inf
    got, expected = passes(module.attention, inputs, autotune=True), passes(module.attention, inputs)
    assert all(torch.equal(a, b) for a, b in zip(got, expected, strict=True))


def test_layers_pass_it_on(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Stopwatch(lambda given: 1.0)
    monkeypatch.setattr(module, "_seconds", clock)
    layers = (
        patternc.nn.PatternAttention(32, 2, pattern=patternc.loads(TEXT), autotune=True),
        module.Attention(32, 2, autotune=True),
    )
    for layer in layers:
        clock.tried.clear()
        monkeypatch.setattr(module, "_searches", dict)
        module._LAUNCHES.clear()
        layer(torch.randn(1, 9, 32))
        assert clock.tried


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_gpu(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pattern = patternc.loads(TEXT)
    module = pattern.module()
    monkeypatch.setenv("PATTERNC_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(module, "_LAUNCHES", {})
    inputs = draw(1000, "cuda", dtype)
    expected = passes(pattern.reference, [x.detach().double().requires_grad_() for x in inputs])
    got = passes(pattern, inputs, autotune=True)
    for a, b in zip(got, expected, strict=True):
        torch.testing.assert_close(a.double(), b, rtol=0.05, atol=0.05 if dtype == torch.bfloat16 else 1e-3)
    remembered = json.loads((tmp_path / "tiles.json").read_text())
    assert len(remembered) >= 3
    again = passes(pattern, inputs, autotune=True)
    assert all(torch.equal(a, b) for a, b in zip(again, got, strict=True))
