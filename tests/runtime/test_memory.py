"""The CPU path's memory grows with the live pairs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = """
import torch
import patternc

torch.set_num_threads(1)
pattern = patternc.loads("causal pattern local(w = 64) { attend window(w) }")
pattern.module()
def peak():
    # Of this program alone: what getrusage gives begins with what its parent had.
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))  # KiB

before = peak()
q, k, v = (torch.randn(1, 1, 131072, 64, requires_grad=True) for _ in range(3))
out = pattern(q, k, v)
out.square().mean().backward()
assert all(torch.isfinite(x.grad).all() for x in (q, k, v))
print((peak() - before) // 1024)
"""


def test_forward_and_backward_of_a_window_at_131072_tokens_stay_under_1_gib() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TRITON_INTERPRET": "0"}
    done = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    used = int(done.stdout)
    # 32 MiB for each of q, k, v, the output and their gradients are the least.
    assert 32 * 4 <= used < 1024, f"{used} MiB"
