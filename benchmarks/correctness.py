"""Every example on the GPU, forward and backward, against the dense reference in float64.

    python benchmarks/correctness.py --csv benchmarks/results/correctness.csv examples/*.pat

For each pattern: bf16 and f16, head dimensions 64 and 128, lengths 1, 17, 1000 and 4096.  The error allowed is that of
an eager run in the same precision (`patternc test` has the rule); two runs must agree bit for bit.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections import Counter
from pathlib import Path

import torch

import patternc
from patternc import driver
from patternc.runtime.testing import Case, run_case


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--csv", default=None)
    parser.add_argument("--lengths", type=int, nargs="+", default=[1, 17, 1000, 4096])
    parser.add_argument("--head-dims", type=int, nargs="+", default=[64, 128])
    parser.add_argument("--dtypes", nargs="+", default=["bfloat16", "float16"])
    parser.add_argument("--seconds", type=float, default=1e9, help="stop starting new cases after this many")
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    name = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    rows: list[dict[str, object]] = []
    failed = 0
    began = time.time()
    for file in options.files:
        program = driver.load_program(driver.read_source(file))
        for one in program.patterns:
            pattern = patternc.load(file, pattern=one.name)
            heads = pattern.heads or (8 if pattern.depends_on_head else 4)
            launches: Counter[str] = Counter()
            worst, wrong = 0.0, []
            for n in options.lengths:
                for dim in options.head_dims:
                    for dtype in options.dtypes:
                        if time.time() - began > options.seconds:
                            continue
                        case = Case(
                            values=tuple(pattern.values.items()), kv_heads=heads // 2, group=2, nq=n, nk=n,
                            head_dim=dim, dtype=dtype, seed=n + dim,
                            cu_seqlens=(0, n // 3, n) if pattern.needs_documents else None,
                        )  # fmt: skip
                        try:
                            share = max(run_case(pattern, case, device, launches).values())
                            verdict = "ok"
                            worst = max(worst, share)
                        except Exception as error:
                            verdict, share = f"{type(error).__name__}: {error}".splitlines()[0][:200], float("nan")
                            failed += 1
                            wrong.append(f"n={n} D={dim} {dtype}: {verdict}")
                        rows.append(
                            {"device": name, "file": file, "pattern": one.name, "heads": heads, "n": n, "head_dim": dim,
                             "dtype": dtype, "share_of_allowed_error": f"{share:.3f}", "verdict": verdict}
                        )  # fmt: skip
            kernels = ", ".join(sorted(launches))
            outcome = f"FAILED {wrong[:3]}" if wrong else "ok"
            print(f"{file} {one.name}: worst {worst:.2f} {outcome} [{kernels}]", flush=True)
            torch.cuda.empty_cache() if device == "cuda" else None
    if options.csv:
        Path(options.csv).parent.mkdir(parents=True, exist_ok=True)
        with open(options.csv, "w", newline="") as file:
            writer = csv.DictWriter(file, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)
    print(f"{len(rows)} cases, {failed} failed, {time.time() - began:.0f} s on {name}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
