"""Kernels for Hopper: which patterns have them, which calls they serve, and what they compute.

They run on one kind of device only, and wait for each other there: a test that runs them does so in a process of its
own, which a watchdog ends.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import patternc
from patternc.lowering.hopper import TRITON
from patternc.runtime.ahead import HOPPER_KERNELS
from tests.kernels.schedules import HEADS, PATTERNS, pattern
from tests.runtime.ahead import Config, found

ROOT = Path(__file__).parents[2]
SERVED = {
    **{name: PATTERNS[name] for name in ("band", "band_both_sides", "dense", "residue", "residue_hops")},
    "causal": "pattern all_before { attend causal }",
    "offset": "pattern offset { attend where(k <= q - 3 and q - k <= 700) }",
    "wide": "causal pattern wide(w = 1300) { attend window(w) }",
    "phase": "pattern phased { attend where((q - k) % 4 == 3 and q - k <= 3000) }",
}
FORWARD = {
    "sink": PATTERNS["sink"],
    "sink_wide": "causal pattern wide { attend sink(70) | window(1300) }",
    "runs": """pattern runs {
        attend where((-9 <= q - k and q - k <= 40) or (300 <= q - k and q - k <= 900 and k <= 777))
    }""",
}
"""These have no kernels for their gradients."""
SPILLING = {(SERVED["residue_hops"], 128): "hopper_kv"}
"""What gives way to portable kernels, as it turns out to spill, for heads of so many columns."""


@pytest.mark.parametrize("name", PATTERNS)
def test_few_runs_of_keys_have_one(name: str) -> None:
    text = pattern(name).emit(HEADS)
    assert ("gluon" in text.lower()) == (name in (*SERVED, *FORWARD, "union", "gate"))
    assert ("_hopper_q(" in text) == (name in (*SERVED, "gate"))


@pytest.mark.parametrize("text", [*SERVED.values(), *FORWARD.values()], ids=[*SERVED, *FORWARD])
def test_so_have_these(text: str) -> None:
    (part,) = patternc.loads(text).module(HEADS).PARTS
    why = None if text in SERVED.values() else "its tiles are not one run"
    assert part.not_hopper == {"hopper": None, "hopper_q": why, "hopper_kv": why}


class _Part:
    """Stands for a part whose kernel for Hopper this Triton can compile."""

    not_hopper = dict.fromkeys(HOPPER_KERNELS)
    hopper = hopper_q = hopper_kv = object()
    span, periods, columns, guarded, three_groups, first, fuses = 9, (1,), (), False, False, True, False


class _Class(_Part):
    """One of a residue class."""

    span, periods = None, (8,)


def refused(module: Any, monkeypatch: pytest.MonkeyPatch, **given: Any) -> str | None:
    """Why a call takes the portable kernel, on a device of ``capability``."""
    made: dict[str, Any] = {"capability": (9, 0), "dtype": torch.bfloat16, "head_dim": 128, "lengths": None, **given}
    monkeypatch.setattr(module, "_capability", lambda device: made["capability"])
    q, k, v = (torch.empty(1, 2, 256, made["head_dim"], dtype=made["dtype"]) for _ in range(3))
    if made.get("askew"):
        k = torch.empty(1, 2, 256, 129, dtype=made["dtype"])[..., :128]
    call = module._Call(q, k, v, 0.1, made["lengths"])
    return module._hopper_refusal(call, made.get("part", _Part()), made.get("kernel", "hopper"), q, k, v, q)


REFUSED = {
    "another chip": (dict(capability=(10, 0)), "compute capability 9.0"),
    "no GPU": (dict(capability=None), "compute capability 9.0"),
    "float32": (dict(dtype=torch.float32), "bfloat16 and float16"),
    "another head": (dict(head_dim=32), "heads of 64 or 128 columns"),
    "heads for which it is no faster": (dict(head_dim=64), "no faster than the portable kernel for heads of 64"),
    "another head, backward": (dict(head_dim=32, kernel="hopper_kv"), "heads of 64 or 128 columns"),
    "lengths": (dict(lengths=torch.tensor([3], dtype=torch.int32)), "rows of one length"),
    "strides": (dict(askew=True), "multiples of 16 bytes"),
    "a backward over few keys": (dict(kernel="hopper_kv"), "so few keys"),
    "a short class": (dict(part=_Class()), "so few keys"),
}


@pytest.mark.parametrize(("given", "why"), REFUSED.values(), ids=REFUSED)
def test_what_it_does_not_serve_takes_the_portable_kernel(
    given: dict[str, Any], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = pattern("band").module(HEADS)
    monkeypatch.setattr(module, "DESCRIPTORS", True)
    assert refused(module, monkeypatch) is None
    assert why in (refused(module, monkeypatch, **given) or "")


@pytest.mark.parametrize(("kernel", "served"), [("hopper", {128}), ("hopper_q", {128}), ("hopper_kv", {64, 128})])
@pytest.mark.parametrize("name", ["wide", "causal"])
def test_heads_that_it_serves(name: str, kernel: str, served: set[int], monkeypatch: pytest.MonkeyPatch) -> None:
    if (name, kernel) == ("causal", "hopper"):
        served = served | {64}  # over all keys, by three groups of warps
    module = patternc.loads(SERVED[name]).module(HEADS)
    (part,) = (p._replace(**dict.fromkeys(HOPPER_KERNELS, object())) for p in module.PARTS)
    monkeypatch.setattr(module, "USUAL_PARTS", (part,))
    monkeypatch.setattr(module, "DESCRIPTORS", True)
    given = dict(part=part, kernel=kernel)
    assert {d for d in (32, 64, 128, 256) if refused(module, monkeypatch, head_dim=d, **given) is None} == served


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
    found = module.kernels_of(q, k, v)
    assert [kernel for kernel, _ in found] == ["band_forward", "band_backward_q", "band_backward_kv"]
    assert all(f"Triton {TRITON}" in reason for _, reason in found)


def test_residue_classes_too_far_apart_for_a_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    """A class is a column, and a descriptor's columns are counted in 32 bits."""
    module = pattern("residue").module(HEADS)
    monkeypatch.setattr(module, "DESCRIPTORS", True)

    def described(stride: int) -> bool:
        x = torch.empty_strided((1, 1, 2**21, 128), (2**60, 2**60, stride, 1), dtype=torch.bfloat16, device="meta")
        part = module.PARTS[0]._replace(periods=(2**20,))
        return module._use_descriptors(module._Call(x, x, x, 1.0, None), part, x)

    assert described(2**10)
    assert not described(2**11)


def test_where_they_pay() -> None:
    """Residue classes of a tile of 128 rows, over 64 keys; backward, spans of 256."""
    module = pattern("band").module(HEADS)

    def pays(kernel: str, n: int, span: int | None, period: int) -> bool:
        part = SimpleNamespace(span=span, periods=(period,))
        return module._pays(SimpleNamespace(n_q=n, n_k=n), part, kernel)

    assert pays("hopper", 16384, None, 128)
    assert not pays("hopper", 16384, None, 256)
    assert pays("hopper_kv", 16384, 65 * 64, 64)
    assert not pays("hopper_kv", 16384, 32 * 64, 64)
    assert [pays(kernel, 16384, 200, 1) for kernel in ("hopper", "hopper_q", "hopper_kv")] == [True, False, False]
    assert pays("hopper_q", 16384, 256, 1)
    assert pays("hopper_q", 100, None, 1)


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
    configs = [Config("band", 0, kernel, "sm_90") for kernel in HOPPER_KERNELS]
    configs += [Config("dense", 0, kernel, "sm_90", dtype="float16", extras=True) for kernel in HOPPER_KERNELS]
    configs += [Config("residue", 0, kernel, "sm_90") for kernel in HOPPER_KERNELS]
    of_64 = [Config("dense", 0, kernel, "sm_90", head_dim=64) for kernel in ("hopper", "hopper_kv")]
    configs += [*of_64, *(replace(config, extras=True) for config in of_64)]
    configs += [Config(name, i, "hopper", "sm_90", extras=True) for name, i in (("sink", 0), ("gate", 2), ("union", 2))]
    for config, result in zip(configs, found(configs), strict=True):
        assert result.spilled == 0, config
        assert result.shared <= result.limit // (2 if config.kind == "hopper_kv" else 1), config


SPILLS = """
import sys
import torch
import patternc
from patternc.lowering.hopper import HEAD_DIMS
from patternc.runtime.ahead import Use, compile_hopper

module = patternc.loads(sys.argv[1]).module(1)
for part in module.PARTS:
    for kernel in (kernel for kernel, why in part.not_hopper.items() if why is None):
        for head_dim in HEAD_DIMS[kernel]:
            if (sizes := module.hopper_tile(kernel, part, head_dim)) is None:
                continue
            for group in (1, 2):
                use = Use(head_dim, torch.bfloat16, group=group, lse_gradient=group > 1)
                if compile_hopper(part, kernel, sizes, use).spilled:
                    print(kernel, head_dim)
"""


@pytest.mark.slow
@pytest.mark.parametrize("text", [*SERVED.values(), *FORWARD.values()], ids=[*SERVED, *FORWARD])
def test_what_spills_is_known(text: str) -> None:
    check_spills(text, [f"{kernel} {head_dim}" for (one, head_dim), kernel in SPILLING.items() if one == text])


@pytest.mark.slow
def test_periods_that_are_no_powers_of_two_spill() -> None:
    check_spills("causal pattern weeks { attend stride(7) }", ["hopper 128", "hopper_kv 128"])


def check_spills(text: str, known: list[str]) -> None:
    if version() != TRITON:
        pytest.skip(f"Gluon kernels are written for Triton {TRITON}")
    assert sorted(set(in_its_own_process(SPILLS, text, seconds=300).splitlines())) == sorted(known)


COMPARE = """
import sys
import torch
import patternc
from patternc.runtime.testing import counted, poisoned

text, dtype, head_dim, spilling = sys.argv[1], getattr(torch, sys.argv[2]), int(sys.argv[3]), sys.argv[4]
pattern = patternc.loads(text)
module = pattern.module(1)
module.DESCRIPTORS, module._pays = True, lambda *_: True
(part,) = module.PARTS
(period,) = part.periods
generator = torch.Generator("cuda").manual_seed(5)

def tensor(heads, n, transposed):
    shape = (2, n, heads, head_dim) if transposed else (2, heads, n, head_dim)
    x = torch.randn(shape, generator=generator, device="cuda").to(dtype)
    return x.transpose(1, 2) if transposed else x

def run(attention, q, k, v, do, dlse, scale):
    leaves = [x.detach().requires_grad_() for x in (q, k, v)]
    out, lse = attention(*leaves, scale=scale, return_lse=True)
    outputs, given = ((out,), (do,)) if dlse is None else ((out, lse.masked_fill(lse.isinf(), 0.0)), (do, dlse))
    return [out.detach(), lse.detach(), *torch.autograd.grad(outputs, leaves, given)]

sizes = [(1, 1), (5, 5), (64, 64), (65, 65), (128, 128), (129, 129), (200, 200), (113, 203), (300, 77), (1, 500),
         (1000, 1000), (777, 2600), (2900, 2900)]
for i, (n_q, n_k) in enumerate(sizes):
    n_q, n_k = (-(-n // period) * period for n in (n_q, n_k))
    for heads, kv_heads in ((1, 1), (6, 2), (9, 3)):
        q, k, v = tensor(heads, n_q, i % 2), tensor(kv_heads, n_k, i % 2), tensor(kv_heads, n_k, i % 2)
        scale = (head_dim**-0.5, 0.3)[i % 2]
        do, dlse = tensor(heads, n_q, i % 2), torch.randn((2, heads, n_q), generator=generator, device="cuda")
        with_lse = i % 3 == 0
        results = {}
        for hopper in (True, True, False):
            module.USE_GLUON = hopper
            with counted(module) as launches, poisoned():
                found = run(module.attention, q, k, v, do, dlse if with_lse else None, scale)
            kernels = [kernel for kernel, _ in module.kernels_of(q, k, v)]
            assert launches == dict.fromkeys(kernels, 1), launches
            # Short classes lie side by side, and have all gradients at once.
            gradients = part.not_hopper["hopper_q"] is None and f"{part.name}_backward" not in kernels
            served = [] if not hopper else ["hopper"] * (module.hopper_tile("hopper", part, head_dim) is not None)
            if hopper and gradients:
                served += ["hopper_kv"] if head_dim == 64 else ["hopper_q", "hopper_kv"]
            served = [kernel for kernel in served if kernel != spilling]
            assert [k for k in kernels if "hopper" in k] == [f"{part.name}_{kernel}" for kernel in served], kernels
            if hopper in results:
                assert all(torch.equal(a, b) for a, b in zip(results[hopper], found)), "two runs differ"
            results[hopper] = found
        wide = [x.double() for x in (q, k, v, do)]
        exact = run(module.reference, *wide, dlse.double() if with_lse else None, scale)
        dead = exact[1].isinf()
        assert torch.equal(results[True][1].isinf(), dead), (n_q, n_k)
        assert not results[True][0][dead].any(), (n_q, n_k)
        for name, mine, portable, truth in zip(("out", "lse", "dq", "dk", "dv"), results[True], results[False], exact):
            assert not mine.isnan().any(), (name, n_q, n_k)
            alive = truth.isfinite()
            errors = [float((x.double() - truth)[alive].norm()) for x in (mine, portable)]
            # One key a row leaves no gradient but what rounding makes of it.
            slack = 1e-5 * max(1.0, float(truth[alive].norm())) + (1e-2 if n_k == 1 else 0.0)
            # A single row is a small sample.
            assert errors[0] <= (1.1 if n_q > 1 else 1.3) * errors[1] + slack, (name, n_q, n_k, heads, errors)
print("agreed")
"""


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("text", [*SERVED.values(), *FORWARD.values()], ids=[*SERVED, *FORWARD])
def test_gpu(text: str, dtype: str) -> None:
    agree(text, dtype, 128)


@pytest.mark.gpu
@pytest.mark.parametrize("text", SERVED.values(), ids=SERVED)
def test_gpu_with_heads_of_64(text: str) -> None:
    agree(text, "bfloat16", 64)


def agree(text: str, dtype: str, head_dim: int) -> None:
    """The kernels for Hopper and the portable ones agree with float64 on the device."""
    if version() != TRITON or torch.cuda.get_device_capability() != (9, 0):
        pytest.skip(f"needs Triton {TRITON} and a device of compute capability 9.0")
    spilling = SPILLING.get((text, head_dim), "none")
    assert in_its_own_process(COMPARE, text, dtype, str(head_dim), spilling, seconds=150) == "agreed\n"
