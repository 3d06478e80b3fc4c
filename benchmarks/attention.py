"""The table: every pattern of attention.pat against FlexAttention, dense attention and the permute trick.

    python benchmarks/attention.py --csv benchmarks/results/attention.csv --plot benchmarks/results/attention.png

bf16, one sequence; 16 heads of 128 or 32 of 64, a quarter of them at a million tokens.  A row is one pattern at one
shape, all its variants checked and then timed together in this process; its lines are appended to the CSV as soon as
it is done, and rows that are there already (on this device, by these versions) are skipped.  `time` rows hold the
timings, `tuned` rows the windows beside FlexAttention with max-autotune, `cold` rows the time to a first result from
empty caches.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from patternc import driver
from patternc.ir.instantiate import instantiate
from patternc.pattern import Pattern
from patternc.runtime import bench

PATTERNS = Path(__file__).with_name("attention.pat")
LABELS = {
    "stride_64": "stride(64)",
    "gate_window_stride": "gate(window(256), stride(64))",
    "window_256": "window(256)",
    "window_stride_64": "window(256) | stride(64)",
    "window_1024": "window(1024)",
    "stride_64_64": "stride(64, 64)",
    "window_stride_512": "window(256) | stride(512, 8)",
    "sink_window": "sink(64) | window(1024)",
    "window_4096": "window(4096)",
    "dense": "causal",
}
"""By importance: what is measured first where time is short."""
WINDOWS = ("window_256", "window_1024", "window_4096")
MILLION = 2**20
HEADS = {128: 16, 64: 32}
COOL = bench.Bursts()
TRIAL = bench.Bursts(rounds=1, repetitions=2, longest=0.01, pause=0.0)


@dataclass(frozen=True)
class Row:
    kind: str
    pattern: str
    n: int
    head_dim: int

    @property
    def name(self) -> str:
        return f"{self.kind}-n{self.n}-d{self.head_dim}-{self.pattern}"

    @property
    def shape(self) -> bench.Shape:
        heads = HEADS[self.head_dim]
        return bench.Shape(self.n, heads // 4 if self.n == MILLION else heads, self.head_dim)


def rows() -> Iterator[Row]:
    """All rows, by importance."""
    sparse = [name for name in LABELS if name != "dense"]
    yield from (Row("time", name, 16384, 128) for name in LABELS)
    yield from (Row("time", name, 65536, 128) for name in sparse)
    yield from (Row("time", name, 16384, 64) for name in LABELS)
    yield from (Row("cold", name, 16384, 128) for name in LABELS)
    yield from (Row("tuned", name, 16384, 128) for name in WINDOWS)
    yield from (Row("time", name, MILLION, 128) for name in sparse)
    yield from (Row("time", name, 65536, 64) for name in sparse)
    yield from (Row("time", name, MILLION, 64) for name in sparse)


def chosen(patterns: Sequence[str]) -> list[Row]:
    """The rows whose name one of the patterns matches, in the order of the patterns."""
    found = [row for p in patterns for row in rows() if fnmatch(row.name, p)]
    return list(dict.fromkeys(found))


def subject(name: str) -> bench.Subject:
    source = driver.read_source(str(PATTERNS))
    program = driver.load_program(source)
    instance = instantiate(driver.select_pattern(program, name), {})
    return bench.Subject(Pattern(instance, program, source), instance, source.text, LABELS[name])


def shape_of(row: Row, arguments: argparse.Namespace) -> bench.Shape:
    return bench.Shape(256, 2, 16) if arguments.trial else row.shape


def peers_of(row: Row, arguments: argparse.Namespace) -> tuple[str, ...]:
    """FlexAttention is tuned in rows of its own, and dense attention is timed once a shape."""
    left_out = {"sdpa", "permute"} if row.kind == "tuned" else {"flex-tuned"}
    if row.pattern != "dense" and not arguments.dense:
        left_out.add("sdpa")
    return tuple(p for p in arguments.peers if p not in left_out)


def measure(row: Row, arguments: argparse.Namespace) -> list[bench.Line]:
    """A row's lines.  Raises `bench.DeviceLostError`."""
    cool = TRIAL if arguments.trial else bench.Bursts(arguments.rounds, arguments.repetitions)
    hot = None if arguments.no_hot or arguments.trial else bench.Options().hot
    options = bench.Options(peers=peers_of(row, arguments), cool=cool, hot=hot, command=arguments.command)
    what = bench.measure_cold if row.kind == "cold" else bench.measure
    return what(subject(row.pattern), shape_of(row, arguments), row.name, "cpu" if arguments.trial else "cuda", options)


def parse(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", default=["*"], help="names of rows, with * and ?; --list shows them")
    parser.add_argument("--list", action="store_true", help="print the names of the rows, and end")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="start no new row after this many")
    parser.add_argument("--csv", type=Path, help="append finished rows here, and skip those that it holds")
    parser.add_argument("--plot", type=Path, help="draw what the CSV then holds of this device")
    parser.add_argument("--peers", nargs="*", default=list(bench.PEERS), choices=bench.PEERS)
    parser.add_argument("--dense", action="store_true", help="dense attention in every row, not only beside `causal`")
    parser.add_argument("--rounds", type=int, default=COOL.rounds, help="bursts of each call")
    parser.add_argument("--repetitions", type=int, default=COOL.repetitions, help="calls in a burst")
    parser.add_argument("--no-hot", action="store_true", help="leave out the timings at the power limit")
    parser.add_argument("--trial", action="store_true", help="tiny sizes on the CPU, to try the script without a GPU")
    arguments = parser.parse_args(given)
    arguments.command = shlex.join(["python", "benchmarks/attention.py", *given])
    if arguments.plot and not arguments.csv:
        parser.error("--plot needs --csv")
    return arguments


def main(given: Sequence[str]) -> int:
    arguments = parse(given)
    wanted = chosen(arguments.rows)
    if arguments.list:
        print(*(row.name for row in wanted), sep="\n")
        return 0
    if not wanted:
        print("no row has such a name; --list shows them", file=sys.stderr)
        return 2
    if not arguments.trial and bench.gpu_name() is None:
        print("torch sees no GPU here; --trial tries the script without one", file=sys.stderr)
        return 1
    machine = bench.machine("cpu" if arguments.trial else "cuda")
    there: set[str] = bench.done(arguments.csv, machine) if arguments.csv else set()
    began = time.monotonic()
    wrong: list[str] = []
    for row in wanted:
        if row.name in there:
            continue
        if time.monotonic() - began > arguments.seconds:
            print(f"{arguments.seconds:.0f} s are over: {row.name} and what follows is left for another run")
            break
        try:
            lines = measure(row, arguments)
        except bench.DeviceLostError as lost:
            print(f"{row.name}: the GPU stopped answering, which ends this run: {lost}", file=sys.stderr)
            return 1
        if arguments.csv:
            bench.write(arguments.csv, lines)
        print(f"[{time.monotonic() - began:.0f} s] {row.name}: {LABELS[row.pattern]}, {shape_of(row, arguments)}")
        print((bench.cold_table if row.kind == "cold" else bench.table)(lines), flush=True)
        if lines[0].status != "ok":
            wrong.append(f"{row.name}: {lines[0].status}")
    if arguments.plot:
        own = [line for line in bench.load(arguments.csv) if line["device"] == machine.device]
        bench.plot(arguments.plot, [line for line in own if line["row"].startswith("time-")])
    for text in wrong:
        print(text, file=sys.stderr)
    print(f"{time.monotonic() - began:.0f} s on {machine.device}, torch {machine.torch}, triton {machine.triton}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
