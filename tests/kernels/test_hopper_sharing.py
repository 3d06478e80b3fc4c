"""Parts that share rows with others, of unions and of gates, and have a forward kernel for Hopper all the same."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

import patternc
from patternc.lowering.hopper import TRITON
from patternc.runtime.testing import counted
from tests.kernels.schedules import HEADS, pattern
from tests.kernels.test_hopper import check_spills, in_its_own_process, version
from tests.runtime.ahead import Config, found

SHARING = {
    "union": "causal pattern union { attend window(300) | stride(64) }",
    "union_long": "causal pattern union_long { attend window(1300) | stride(64) | columns(11) }",
    "gate": "causal pattern gated { attend gate(window(300), stride(64)) }",
    "gate_of_three": "pattern three { attend gate(stride(64), window(1300, 20), columns(11, 3)) }",
    "gate_of_bands": "causal pattern bands { attend gate(window(9), window(900)) }",
    "gate_of_union": "causal pattern unions { attend gate(stride(32), window(300) | stride(64)) }",
}


@pytest.mark.parametrize("text", SHARING.values(), ids=SHARING)
def test_their_bands_and_strides_have_a_forward_kernel(text: str) -> None:
    parts = patternc.loads(text).module(1).PARTS
    assert parts[-1].name.startswith("band")
    for part in parts:
        served = part.name.startswith(("band", "residue")) and not part.guarded
        assert (part.not_hopper["hopper"] is None) == served


@pytest.mark.parametrize("name", ["union", "gate"])
@pytest.mark.parametrize("n", [40, 200])
def test_the_report_names_what_is_launched(name: str, n: int) -> None:
    module = pattern(name).module(HEADS)
    q, k, v = (torch.randn(1, HEADS, n, 16, requires_grad=True) for _ in range(3))
    gate = torch.randn(1, HEADS, n, module.BRANCHES) if module.BRANCHES > 1 else None
    with counted(module) as launches:
        module.attention(q, k, v, gate).sum().backward()
    assert sorted(launches) == sorted(kernel for kernel, _ in module.kernels_of(q, k, v))
    assert module.kernels_of(q, k, v) == module.kernels_of(q, k, v, gate)


def test_the_report_knows_of_documents_and_of_other_parts() -> None:
    text = "causal pattern documented { attend gate(window(9), same_document & window(5)) }"
    module = patternc.loads(text).module(1)
    q, k, v = (torch.empty(1, 1, 64, 128, dtype=torch.bfloat16) for _ in range(3))
    reasons = dict(module.kernels_of(q, k, v, torch.empty(1, 1, 64, 2)))
    assert f"Triton {TRITON}" in reasons["band_0_forward"]
    assert f"Triton {TRITON}" in reasons["band_0_backward_q"]
    assert reasons["band_0_backward_kv"] == "it adds to the gradients of other parts"
    assert reasons["band_1_forward"] == "its bounds are more than positions and numbers"


def test_every_part_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    module = pattern("union").module(HEADS)
    monkeypatch.setattr(module, "_hopper_refusal", lambda call, part, *rest: part.not_hopper["hopper"])
    q, k, v = (torch.empty(1, HEADS, 64, 128, dtype=torch.bfloat16) for _ in range(3))
    call, strided = module._Call(q, k, v, 1.0, None), {"q": q, "k": k, "v": v, "o": q}
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(multi_processor_count=2))
    layouts = SimpleNamespace(get_default_for=lambda block, dtype: None)
    monkeypatch.setattr(module, "gl", SimpleNamespace(NVMMASharedLayout=layouts, bfloat16=None), raising=False)
    prepared = [module._prepare_hopper(call, part, "hopper", strided, strided) for part in module.PARTS]
    assert [found is not None for found in prepared] == [False, False, True]


def test_compiles_ahead_of_time() -> None:
    if version() != TRITON:
        pytest.skip(f"Gluon kernels are written for Triton {TRITON}")
    where = [("union", 2, "bfloat16", False), ("gate", 2, "bfloat16", False), ("gate", 2, "float16", True)]
    assert all(pattern(name).module(HEADS).PARTS[part].not_hopper["hopper"] is None for name, part, _, _ in where)
    configs = [Config(name, part, "hopper", "sm_90", dtype=dtype, extras=extras) for name, part, dtype, extras in where]
    for config, result in zip(configs, found(configs), strict=True):
        assert result.spilled == 0, config
        assert result.shared <= result.limit, config


@pytest.mark.slow
@pytest.mark.parametrize("text", SHARING.values(), ids=SHARING)
def test_none_spills(text: str) -> None:
    check_spills(text, [])


COMPARE = """
import sys
import torch
import patternc
from patternc.runtime.testing import counted, poisoned

text, dtype = sys.argv[1], getattr(torch, sys.argv[2])
module = patternc.loads(text).module(1)
module.DESCRIPTORS, module._pays = True, lambda *_: True
branches = module.BRANCHES
generator = torch.Generator("cuda").manual_seed(5)

def drawn(*shape):
    return torch.randn(shape, generator=generator, device="cuda")

def tensor(heads, n, transposed):
    x = drawn(2, n, heads, 128) if transposed else drawn(2, heads, n, 128)
    return (x.transpose(1, 2) if transposed else x).to(dtype)

def run(attention, leaves, do, scale):
    leaves = [x.detach().requires_grad_() for x in leaves]
    out, lse = attention(*leaves, scale=scale, return_lse=True)
    return [out.detach(), lse.detach(), *(torch.autograd.grad(out, leaves, do) if do is not None else ())]

sizes = [(1, 1), (64, 64), (65, 65), (128, 128), (200, 200), (113, 203), (300, 77), (1, 500), (777, 2600), (2880, 2880),
         (128, 640)]
for i, (n_q, n_k) in enumerate(sizes):
    for heads, kv_heads in ((1, 1), (6, 2), (9, 3)):
        q, k, v = tensor(heads, n_q, i % 2), tensor(kv_heads, n_k, i % 2), tensor(kv_heads, n_k, i % 2)
        leaves = [q, k, v, *([2 * drawn(2, heads, n_q, branches)] if branches > 1 else [])]
        scale = (128**-0.5, 0.3)[i % 2]
        do = tensor(heads, n_q, i % 2) if (n_q, heads) in ((200, 6), (777, 6), (2880, 6)) else None
        results = {}
        for hopper in (True, True, False):
            module.USE_GLUON = hopper
            names = [kernel for kernel, _ in module.kernels_of(q, k, v)]
            expected = {name for name in names if do is not None or name.endswith(("forward", "hopper", "combine"))}
            assert any("hopper" in kernel for kernel in expected) == hopper, expected
            with counted(module) as launches, poisoned():
                found = run(module.attention, leaves, do, scale)
                with torch.no_grad():
                    alone = module.attention(*leaves, scale=scale)
            assert set(launches) == expected, (launches, expected)
            assert float((alone - found[0]).norm()) <= 1e-3 * float(found[0].norm()), ("not kept", n_q, n_k)
            if hopper in results:
                assert all(torch.equal(a, b) for a, b in zip(results[hopper], found)), "two runs differ"
            results[hopper] = found
        exact = run(module.reference, [x.double() for x in leaves], None if do is None else do.double(), scale)
        assert torch.equal(results[True][1].isinf(), exact[1].isinf()), (n_q, n_k)
        names = ("out", "lse", "dq", "dk", "dv", "dgate")
        for name, mine, portable, truth in zip(names, results[True], results[False], exact):
            assert not mine.isnan().any(), (name, n_q, n_k)
            alive = truth.isfinite()
            errors = [float((x.double() - truth)[alive].norm()) for x in (mine, portable)]
            slack = 1e-5 * max(1.0, float(truth[alive].norm()))
            # A single row is a small sample.
            assert errors[0] <= (1.1 if n_q > 1 else 1.3) * errors[1] + slack, (name, n_q, n_k, heads, errors)
print("agreed")
"""


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("text", SHARING.values(), ids=SHARING)
def test_gpu(text: str, dtype: str) -> None:
    if version() != TRITON or torch.cuda.get_device_capability() != (9, 0):
        pytest.skip(f"needs Triton {TRITON} and a device of compute capability 9.0")
    assert in_its_own_process(COMPARE, text, dtype, seconds=400) == "agreed\n"
