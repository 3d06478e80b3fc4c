"""Kernels for Hopper: which patterns have them, which calls they serve, and what they compute.

They run on one kind of device only, and wait for each other there: a test that runs them does so in a process of its
own, which a watchdog ends.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import patternc
from patternc.lowering.hopper import TRITON
from tests.kernels.schedules import HEADS, PATTERNS, pattern
from tests.runtime.ahead import Config, found

ROOT = Path(__file__).parents[2]
SERVED = {
    **{name: PATTERNS[name] for name in ("band", "band_both_sides", "dense")},
    "causal": "pattern all_before { attend causal }",
    "offset": "pattern offset { attend where(k <= q - 3 and q - k <= 700) }",
    "wide": "causal pattern wide(w = 1300) { attend window(w) }",
}


@pytest.mark.parametrize("name", PATTERNS)
def test_single_runs_of_keys_have_one(name: str) -> None:
    text = pattern(name).emit(HEADS)
    assert ("gluon" in text.lower()) == (name in SERVED)


@pytest.mark.parametrize("text", SERVED.values(), ids=SERVED)
def test_every_file_says_so(text: str) -> None:
    assert "_hopper if GLUON else None" in patternc.loads(text).emit(HEADS)


class _Part:
    """Stands for a part whose kernel for Hopper this Triton can compile."""

    hopper, span, periods, columns, guarded = object(), 9, (1,), (), False


def refused(module: Any, monkeypatch: pytest.MonkeyPatch, **given: Any) -> str | None:
    """Why a call takes the portable kernel, on a device of ``capability``."""
    made: dict[str, Any] = {"capability": (9, 0), "dtype": torch.bfloat16, "head_dim": 128, "lengths": None, **given}
    monkeypatch.setattr(module, "_capability", lambda device: made["capability"])
    q, k, v = (torch.empty(1, 2, 256, made["head_dim"], dtype=made["dtype"]) for _ in range(3))
    if made.get("askew"):
        k = torch.empty(1, 2, 256, 129, dtype=made["dtype"])[..., :128]
    call = module._Call(q, k, v, 0.1, made["lengths"])
    return module._hopper_refusal(call, made.get("part", _Part()), q, k, v, q)


REFUSED = {
    "another chip": (dict(capability=(10, 0)), "compute capability 9.0"),
    "no GPU": (dict(capability=None), "compute capability 9.0"),
    "float32": (dict(dtype=torch.float32), "bfloat16 or float16"),
    "another head": (dict(head_dim=64), "128 columns"),
    "lengths": (dict(lengths=torch.tensor([3], dtype=torch.int32)), "rows of one length"),
    "strides": (dict(askew=True), "multiples of 16 bytes"),
}


@pytest.mark.parametrize(("given", "why"), REFUSED.values(), ids=REFUSED)
def test_what_it_does_not_serve_takes_the_portable_kernel(
    given: dict[str, Any], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = pattern("band").module(HEADS)
    monkeypatch.setattr(module, "DESCRIPTORS", True)
    assert refused(module, monkeypatch) is None
    assert why in (refused(module, monkeypatch, **given) or "")


def test_short_calls_and_other_versions_take_the_portable_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    module = pattern("band").module(HEADS)
    assert "short" in (refused(module, monkeypatch) or "")
    monkeypatch.setattr(module, "DESCRIPTORS", True)
    monkeypatch.setattr(module, "USE_GLUON", False)
    assert "USE_GLUON is False" in (refused(module, monkeypatch) or "")
    # The interpreter runs no Gluon, as other versions of Triton run no such Gluon.
    assert not module.GLUON
    assert module.PARTS[0].hopper is None
    assert f"Triton {TRITON}" in (refused(module, monkeypatch, part=module.PARTS[0]) or "")


def test_the_report_names_kernel_and_reason() -> None:
    module = pattern("band").module(HEADS)
    q, k, v = (torch.empty(1, 2, 256, 128) for _ in range(3))
    ((kernel, reason),) = module.forward_kernels(q, k, v)
    assert kernel == "band_forward"
    assert f"Triton {TRITON}" in reason


def in_its_own_process(code: str, *arguments: str, seconds: int) -> str:
    """What a program prints without Triton's interpreter; a program that hangs fails."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path, "TRITON_INTERPRET": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=environment, cwd=ROOT,
        check=False, timeout=seconds,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def version() -> str:
    return in_its_own_process("import triton; print(triton.__version__)", seconds=60).strip()


def test_compiles_ahead_of_time() -> None:
    if version() != TRITON:
        pytest.skip(f"Gluon kernels are written for Triton {TRITON}")
    configs = [
        Config("band", 0, "hopper", "sm_90"),
        Config("dense", 0, "hopper", "sm_90", dtype="float16"),
        Config("dense", 0, "hopper", "sm_90", extras=True),
    ]
    for config, result in zip(configs, found(configs), strict=True):
        assert result.spilled <= 16, config
        assert result.shared <= result.limit, config


COMPARE = """
import sys
import torch
import patternc
from patternc.runtime.testing import counted

text, dtype = sys.argv[1], getattr(torch, sys.argv[2])
pattern = patternc.loads(text)
module = pattern.module(1)
module.DESCRIPTORS = True
generator = torch.Generator("cuda").manual_seed(5)

def tensor(heads, n, transposed):
    shape = (2, n, heads, 128) if transposed else (2, heads, n, 128)
    x = torch.randn(shape, generator=generator, device="cuda").to(dtype)
    return x.transpose(1, 2) if transposed else x

def relative(mine, truth):
    return float((mine.double() - truth).norm() / truth.norm().clamp_min(1e-30))

sizes = [(1, 1), (5, 5), (64, 64), (65, 65), (128, 128), (129, 129), (200, 200), (113, 203), (300, 77), (1, 500),
         (1000, 1000), (777, 2600), (2900, 2900)]
for i, (n_q, n_k) in enumerate(sizes):
    for heads, kv_heads in ((1, 1), (6, 2), (9, 3)):
        q, k, v = tensor(heads, n_q, i % 2), tensor(kv_heads, n_k, i % 2), tensor(kv_heads, n_k, i % 2)
        scale = (128**-0.5, 0.3)[i % 2]
        results = {}
        for hopper in (True, True, False):
            module.USE_GLUON = hopper
            with counted(module) as launches:
                out, lse = module.attention(q, k, v, scale=scale, return_lse=True)
            assert launches == {"band_hopper" if hopper else "band_forward": 1}, launches
            if hopper in results:
                assert all(torch.equal(a, b) for a, b in zip(results[hopper], (out, lse))), "two runs differ"
            results[hopper] = out, lse
        exact, exact_lse = module.reference(q.double(), k.double(), v.double(), scale=scale, return_lse=True)
        (mine, my_lse), (portable, portable_lse) = results[True], results[False]
        assert torch.equal(my_lse.isinf(), exact_lse.isinf()), (n_q, n_k)
        assert not mine[exact_lse.isinf()].any(), (n_q, n_k)
        errors = relative(mine, exact), relative(portable, exact)
        assert errors[0] <= 1.1 * errors[1] + 1e-6, (n_q, n_k, heads, errors)
        alive = exact_lse.isfinite()
        assert float((my_lse - exact_lse)[alive].abs().max()) <= 1e-4 if alive.any() else True, (n_q, n_k)
# Gradients run from what it left.
q, k, v = (tensor(4, 1500, False).requires_grad_() for _ in range(3))
module.USE_GLUON = True
mine = torch.autograd.grad(module.attention(q, k, v).float().square().sum(), (q, k, v))
module.USE_GLUON = False
other = torch.autograd.grad(module.attention(q, k, v).float().square().sum(), (q, k, v))
assert all(relative(a, b.double()) < 1e-2 for a, b in zip(mine, other))
print("agreed")
"""


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("text", SERVED.values(), ids=SERVED)
def test_gpu(text: str, dtype: str) -> None:
    if version() != TRITON or torch.cuda.get_device_capability() != (9, 0):
        pytest.skip(f"needs Triton {TRITON} and a device of compute capability 9.0")
    assert in_its_own_process(COMPARE, text, dtype, seconds=120) == "agreed\n"
