"""Prepared launches hand a compiled kernel the same arguments as Triton itself would.

There is no GPU here: kernels are compiled for one, and a driver takes their launches down instead of running them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = """
import gc
import sys
import weakref
import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.runtime import driver
import patternc

class Utils:
    def load_binary(self, *arguments): return 1, 1, 0, 0, 1024
    def unload_module(self, *arguments): pass
    def get_device_properties(self, device): return {"max_shared_mem": 1 << 20}
    def fill_tma_descriptor(self, *layout): return layout

DIRECT = triton.__version__ == "3.6.0"  # whose launcher in C is called without Triton

class Launcher:
    global_scratch_size = profile_scratch_size = 0
    launch_cooperative_grid = launch_pdl = False
    def __init__(self, source, metadata):
        self.hash, self.types = metadata.hash, list(source.signature.values())
        self.launch = self.record
        if DIRECT:
            from triton.backends.nvidia.driver import wrap_handle_tensordesc
            described = getattr(metadata, "tensordesc_meta", None)
            self.launch = wrap_handle_tensordesc(self.record, source.signature, described)
            expanded = [["map", *["i64"] * 8] if x.startswith("tensordesc") else [x] for x in self.types]
            self.types = sum(expanded, [])
    def record(self, *arguments):
        taken = [told(x, type) for x, type in zip(arguments[13:], self.types, strict=True)]
        launches.append((self.hash, arguments[:13], taken))
    def __call__(self, x, y, z, stream, function, packed, metadata, enter, leave, *arguments):
        # Nobody wants to hear of launches, so that it is all one what would be said.
        self.launch(x, y, z, stream, function, False, False, None, None, packed, None, None, None, *arguments)

class Driver:
    utils, launcher_cls = Utils(), Launcher
    def get_current_device(self): return 0
    def get_current_stream(self, device): return 0
    def get_current_target(self): return GPUTarget("cuda", 90, 32)

def told(argument, type):
    # What a kernel gets of an argument; an address is that of an input, or of the first, second ... other tensor.
    if hasattr(argument, "block_shape"):
        return told(argument.base, "*"), argument.shape, argument.strides, argument.block_shape, argument.padding
    if type == "map":
        return told(argument[0], "*"), argument[1:]
    if type[0] != "*" or argument is None:
        return argument
    address = argument.data_ptr() if isinstance(argument, torch.Tensor) else argument
    return inputs.setdefault(address, len(inputs))

driver.set_active(Driver())
torch.cuda.current_device = lambda: 0
torch._C._cuda_getCurrentRawStream = lambda device: 0
module = patternc.loads("causal pattern w(l = 20, p = 4) { attend " + sys.argv[1] + " }").module()
module._runs_kernels = lambda call: True
gated = module.BRANCHES > 1
launches, inputs, through_triton = [], {}, []

class Counted(dict):
    # What the prepared launches are kept in; a launch that is not found prepared goes through Triton.
    def get(self, key):
        found = dict.get(self, key)
        through_triton.append(found is None or found.compiled is None)
        return found

def tensors(n, dtype, layout):
    shape = (1, n, 2, 16) if layout == "transposed" else (1, 2, n, 16)
    made = [torch.randn(2 * n * 16 + 1, dtype=torch.float32).to(dtype) for _ in range(4)]
    made = [x[1:] if layout == "askew" else x[:-1] for x in made]
    return [x.view(shape).transpose(1, 2) if layout == "transposed" else x.view(shape) for x in made]

def call(q, k, v, do, scale, lengths):
    inputs.clear()
    inputs.update({x.data_ptr(): name for x, name in ((do, "do"), (v, "v"), (k, "k"), (q, "q"))})
    launches.clear()
    given = module._Call(q, k, v, scale, lengths)
    weight = [torch.rand(1, 2, q.shape[2], 2)] if gated else []
    out, lse, *outs = module._kernels_forward(given, *weight, True)
    module._kernels_backward(given, outs[0] if gated else out[None], lse, *weight, do, None)
    return list(launches)

cases = 0
module._LAUNCHES = Counted()
small = sys.argv[2] == "small"
layouts = [(64, "plain"), (64, "transposed"), (63, "plain"), (64, "askew")]
for module.DESCRIPTORS in (False,) if small else (False, True):
    for n, layout in layouts[:1] if small else layouts:
        # The second one's address is not divided by 16.
        for lengths in (None, *torch.tensor([n - 3, n - 5, n - 7], dtype=torch.int32).view(3, 1)[:2]):
            q, k, v, do = first = tensors(n, torch.bfloat16, layout)
            other = tensors(n, torch.bfloat16, "plain" if layout == "transposed" else "transposed")[2]
            arguments = [
                (*first, 0.25), (*tensors(n, torch.bfloat16, layout), 0.25), (q, q, v, do, 0.25), (q, k, v, do, 0.5),
                (q, k, other, do, 0.25), (q, k, v, other, 0.25),
            ]
            for given in arguments:
                prepared = [call(*given, lengths) for _ in range(2)]
                through_triton.clear()
                prepared.append(call(*given, lengths))
                assert through_triton, "launches are looked for elsewhere"
                assert not any(through_triton), (n, layout, lengths)
                kept, module._LAUNCHES = module._LAUNCHES, {}
                triton_only = call(*given, lengths)
                module._LAUNCHES = kept
                assert len(triton_only) >= 3
                assert all(p == triton_only for p in prepared), (prepared, triton_only)
                cases += 1

# What is prepared outlives the tensors that it was prepared with, and does not keep them.
module._LAUNCHES.clear()
given = tensors(64, torch.bfloat16, "plain")
alive = [weakref.ref(x) for x in given]
launched = [call(*given, 0.25, None) for _ in range(2)]
assert launched[0] == launched[1]
assert len(module._LAUNCHES) >= 3
del given
gc.collect()
assert not any(x() is not None for x in alive), "a prepared launch keeps tensors"
assert all((x.direct is not None) == DIRECT for x in module._LAUNCHES.values())
assert not DIRECT or small or any(x.direct.described for x in module._LAUNCHES.values())
print(cases)
"""


@pytest.mark.parametrize(
    ("body", "size", "cases"),
    [
        ("window(l)", "small", 18),
        pytest.param("window(l)", "full", 144, marks=pytest.mark.slow),
        pytest.param("gate(window(l), stride(p))", "full", 144, marks=pytest.mark.slow),
    ],
    ids=["small", "window", "gate"],
)
def test_prepared_launches_are_those_of_triton(body: str, size: str, cases: int, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TRITON_INTERPRET": "0",
        "TRITON_CACHE_DIR": str(tmp_path / "triton"),
    }
    done = subprocess.run(
        [sys.executable, "-c", CODE, body, size],
        env=environment, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == [str(cases)]


@pytest.mark.gpu
@pytest.mark.parametrize("body", ["window(300)", "gate(window(300), stride(4))"])
def test_a_hook_hears_of_every_launch(body: str) -> None:
    """With a hook, as a profiler sets it, launches go through Triton; the results are the same to the bit."""
    import torch
    import triton

    import patternc
    from patternc.runtime.testing import counted

    pattern = patternc.loads(f"causal pattern a {{ attend {body} }}")
    module = pattern.module()
    shape = (1, 2, 4096, 128)
    leaves = [torch.randn(shape, device="cuda", dtype=torch.bfloat16, requires_grad=True) for _ in range(3)]
    leaves += [torch.randn(*shape[:3], 2, device="cuda", requires_grad=True)] if pattern.gated else []

    def passes() -> list[torch.Tensor]:
        out = pattern(*leaves)
        return [out.detach(), *torch.autograd.grad(out, leaves, torch.ones_like(out))]

    first, plain = passes(), passes()
    direct = [launch.direct is not None for launch in module._LAUNCHES.values()]
    assert all(direct) if triton.__version__ == module.DIRECT_TRITON else not any(direct)
    heard: list[object] = []
    triton.knobs.runtime.launch_enter_hook.add(heard.append)
    try:
        with counted(module) as launches:
            hooked = passes()
    finally:
        triton.knobs.runtime.launch_enter_hook.remove(heard.append)
    assert len(heard) == sum(launches.values()) >= 3
    for some in (first, hooked):
        assert all(torch.equal(a, b) for a, b in zip(some, plain, strict=True))
