"""A long run of random programs: ``python -m tests.fuzz.campaign --programs 20000 --seed 1``.

Prints figures for each check, and every failure with its program, shrunk.  Exit 1 where there is a failure.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from random import Random

os.environ.setdefault("TRITON_INTERPRET", "1")
os.environ.setdefault("PATTERNC_CACHE_DIR", tempfile.mkdtemp(prefix="patternc-fuzz-"))

from tests.fuzz.checks import check_call, check_mask, check_text
from tests.fuzz.programs import LENGTH, Sample, sample
from tests.interpreter import prepare

Check = Callable[[Sample], object]
MOST_FAILURES = 10
"""A check ends after so many."""

CHECKS: dict[str, tuple[int, int, Check]] = {
    "text": (1, 16, check_text),
    "masks": (1, 16, check_mask),
    "cpu": (4, 40, lambda s: check_call(s, kernels=False)),
    "kernels": (10, 24, lambda s: check_call(s, kernels=True)),
}
"""For each check: it takes one program of so many, tokens, and what is done."""


def failure(data: bytes, tokens: int, check: Check) -> str | None:
    """How the check fails, or None."""
    try:
        check(sample(data, tokens))
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def shrunk(data: bytes, tokens: int, check: Check, seconds: float) -> bytes:
    """The bytes with as many zeros as leave the check failing: zeros choose what is simplest."""
    end = time.monotonic() + seconds
    size = len(data) // 2
    while size:
        for at in range(0, len(data), size):
            simpler = data[:at] + bytes(len(data[at : at + size])) + data[at + size :]
            if time.monotonic() > end:
                return data
            if simpler != data and failure(simpler, tokens, check) is not None:
                data = simpler
        size //= 2
    return data


def run(name: str, programs: int, seed: int) -> int:
    """Runs one check; how many programs failed."""
    _, tokens, check = CHECKS[name]
    begun, failed = time.monotonic(), 0
    for i in range(programs):
        data = Random(f"{seed} {name} {i}").randbytes(LENGTH)
        if failure(data, tokens, check) is None:
            continue
        failed += 1
        data = shrunk(data, tokens, check, seconds=60)
        print(f"\n{name}: program {i} of seed {seed} fails: {failure(data, tokens, check)}")
        print(f"{sample(data, tokens)}\n  --check {name} --data {data.rstrip(bytes(1)).hex()}")
        if failed == MOST_FAILURES:
            print(f"{name}: {MOST_FAILURES} failures, that is enough")
            programs = i + 1
            break
    print(f"{name}: {programs} programs, {failed} failures, {time.monotonic() - begun:.0f} s", flush=True)
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(description="Random programs against the brute-force oracle and the reference.")
    parser.add_argument("--programs", type=int, default=20000, help="for text and masks; fewer for cpu and kernels")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="the time unless given")
    parser.add_argument("--check", choices=CHECKS, help="one check alone")
    parser.add_argument("--data", help="the bytes of one program, as a failure prints them")
    arguments = parser.parse_args()
    prepare()
    names = [arguments.check] if arguments.check else list(CHECKS)
    if arguments.data:
        _, tokens, check = CHECKS[names[0]]
        data = bytes.fromhex(arguments.data)
        print(sample(data, tokens))
        check(sample(data, tokens))
        return 0
    print(f"seed {arguments.seed}", flush=True)
    failed = [run(name, max(1, arguments.programs // CHECKS[name][0]), arguments.seed) for name in names]
    print(f"fuzz: {sum(failed)} failures")
    return 1 if any(failed) else 0


if __name__ == "__main__":
    sys.exit(main())
