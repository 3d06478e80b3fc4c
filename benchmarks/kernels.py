"""Where the time of a pass goes: the device time of each kernel of a pattern of attention.pat.

    python benchmarks/kernels.py --rows stride_64 window_stride_512 --csv benchmarks/results/kernels.csv

bf16, one sequence; medians of what torch's profiler says, after a pause before each pair of passes.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

import patternc
from patternc.runtime import bench

sys.path.insert(0, str(Path(__file__).parent))
import attention as table

OURS = ("forward", "backward", "hopper", "combine")
"""What the names of emitted kernels say: `band_forward`, `residue_hopper_kv`."""


def kernel_times(pattern: patternc.Pattern, heads: int, n: int, head_dim: int, rounds: int) -> dict[str, float]:
    """Microseconds of each kernel in a forward and a backward pass, by name, in the order of launches."""
    module = pattern.module(heads)
    q, k, v = (
        torch.randn(1, heads, n, head_dim, device="cuda", dtype=torch.bfloat16, requires_grad=True) for _ in "qkv"
    )
    gate = torch.randn(1, heads, n, pattern.branches, device="cuda", requires_grad=True) if pattern.gated else None
    gradient, leaves = torch.randn_like(q), [x for x in (q, k, v, gate) if x is not None]

    def passes() -> None:
        torch.autograd.grad(module.attention(q, k, v, gate), leaves, gradient)

    passes()
    torch.cuda.synchronize()
    with profile(activities=[ProfilerActivity.CUDA]) as seen:
        for _ in range(rounds):
            time.sleep(0.15)
            passes()
            passes()
            torch.cuda.synchronize()
    times: dict[str, list[float]] = defaultdict(list)
    for event in seen.events() or ():
        if event.device_type.name == "CUDA" and any(x in event.name for x in OURS):
            times[event.name].append(event.time_range.elapsed_us())
    return {name: statistics.median(found) for name, found in times.items()}


def main(given: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", choices=table.LABELS, default=list(table.LABELS))
    parser.add_argument("--n", type=int, default=16384)
    parser.add_argument("--head-dim", type=int, choices=table.HEADS, default=128)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--csv", type=Path, help="append a line a kernel here")
    options = parser.parse_args(given)
    device = bench.gpu_name()
    if device is None:
        print("kernels.py: there is no GPU to measure", file=sys.stderr)
        return 1
    lines: list[list[object]] = []
    for name in options.rows:
        pattern = patternc.load(table.PATTERNS, pattern=name)
        heads = table.HEADS[options.head_dim]
        for kernel, found in kernel_times(pattern, heads, options.n, options.head_dim, options.rounds).items():
            lines.append(
                [
                    device,
                    torch.__version__,
                    table.LABELS[name],
                    options.n,
                    heads,
                    options.head_dim,
                    kernel,
                    round(found, 1),
                ]
            )
            print(f"{table.LABELS[name]:32} {kernel:24} {found:9.1f} us", flush=True)
    if options.csv is not None:
        new = not options.csv.exists()
        with options.csv.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(["device", "torch", "pattern", "n", "heads", "head_dim", "kernel", "microseconds"])
            writer.writerows(lines)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
