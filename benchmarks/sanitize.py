"""Launches the kernels of every pattern once, forward and backward, for compute-sanitizer to watch.

    PYTORCH_NO_CUDA_MEMORY_CACHING=1 compute-sanitizer --tool memcheck --kernel-name kernel_substring=ward \\
        python benchmarks/sanitize.py examples/*.pat

(`--tool racecheck` likewise.)  Without the caching allocator every tensor is an allocation of its own, so that a read
past its end is seen.  The filter keeps the tool to our kernels: forward, backward_q, backward_kv.  For the kernels for
Hopper it is `kernel_substring=hopper`, with `--head-dims 128 --hopper` after the files.
"""

from __future__ import annotations

import argparse

import torch

import patternc
from patternc import driver
from patternc.runtime.testing import counted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--lengths", type=int, nargs="+", default=[1, 17, 133, 2048])
    parser.add_argument("--head-dims", type=int, nargs="+", default=[64, 80])
    parser.add_argument("--hopper", action="store_true", help="kernels for Hopper in short calls, too")
    options = parser.parse_args()
    for file in options.files:
        for one in driver.load_program(driver.read_source(file)).patterns:
            pattern = patternc.load(file, pattern=one.name)
            heads = pattern.heads or (8 if pattern.depends_on_head else 2)
            if options.hopper:
                vars(pattern.module(heads)).update(DESCRIPTORS=True, _pays=lambda *_: True)
            with counted(pattern.module(heads)) as launches:
                for n in options.lengths:
                    for dim in options.head_dims:
                        run(pattern, heads, n, dim)
            print(f"{file} {one.name}: {sum(launches.values())} launches of {', '.join(sorted(launches))}", flush=True)


def run(pattern: patternc.Pattern, heads: int, n: int, dim: int) -> None:
    shape = (1, heads, n, dim)
    q = torch.randn(shape, device="cuda", dtype=torch.bfloat16, requires_grad=True)
    k, v = (torch.randn((1, heads // 2, n, dim), device="cuda", dtype=torch.bfloat16, requires_grad=True) for _ in "kv")
    gate = torch.randn((1, heads, n, pattern.branches), device="cuda", requires_grad=True) if pattern.gated else None
    ends = torch.tensor([0, n // 3, n], device="cuda") if pattern.needs_documents else None
    out, lse = pattern(q, k, v, gate, cu_seqlens=ends, return_lse=True)
    (out.float().sum() + torch.where(torch.isinf(lse), 0.0, lse).sum()).backward()
    torch.cuda.synchronize()


if __name__ == "__main__":
    main()
