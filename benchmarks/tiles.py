"""Tile sizes: each candidate of `autotune` for each kernel, checked against float64, then timed; a CSV line each.

    python benchmarks/tiles.py --rows window_256 --csv benchmarks/results/tiles.csv    # on a GPU
    python benchmarks/tiles.py --rows window_256 --ahead sm_90                         # registers, without one

A candidate changes the tile sizes of one kernel; the others keep those that the emitted file chooses.  Where that
puts short residue classes side by side in a tile (`backward` is the kernel of all gradients of such a tile), the
others have one class a tile.  What spills or does not fit is listed and never launched.  A pass is timed as a whole:
the candidates of dQ differ by the time of dQ, and `descriptors` holds for both kernels of a backward pass.  Lines
that the CSV holds for this device and these versions are skipped.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import inspect
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
import triton

sys.path.insert(0, str(Path(__file__).parent))
import attention as table

from patternc.runtime import ahead, bench
from patternc.runtime.bench.check import CheckFailedError, check
from patternc.runtime.bench.problem import DTYPES, Problem
from patternc.runtime.bench.timing import Timed, clock_for, medians
from patternc.runtime.bench.variants import Variant

STAGES = {"forward": "forward", "backward_q": "backward", "backward_kv": "backward", "backward": "backward"}


@dataclass
class Line:
    """One candidate: what its programs take, and the time of the whole forward or backward pass, in milliseconds."""

    device: str
    torch: str
    triton: str
    pattern: str
    n: int
    heads: int
    head_dim: int
    dtype: str
    part: str
    kernel: str
    descriptors: bool
    BLOCK_Q: int
    BLOCK_K: int
    num_warps: int
    num_stages: int
    chosen: bool
    registers: int | None = None
    spilled: int | None = None
    shared: int | None = None
    status: str = "ok"
    ms: float | None = None

    @property
    def name(self) -> tuple[str, ...]:
        """What a line is found by again: all that comes before the measurements."""
        return tuple(str(getattr(self, f.name)) for f in fields(self)[: COLUMNS.index("chosen")])


COLUMNS = [f.name for f in fields(Line)]


def sizes_for(module: ModuleType, kernel: str, rows: int) -> tuple[tuple[int, ...], ...]:
    """Queries, keys, warps, stages of what is tried where a residue class has so many rows."""
    return module.SMALL_CANDIDATES if rows <= 32 else module.CANDIDATES[kernel]


def candidates(module: ModuleType, part: Any, kernel: str, shape: bench.Shape, descriptors: bool, target: str) -> Any:
    """The tile sizes to try for a kernel of a part, and which the emitted file chooses."""
    rows = -(-shape.n // min(part.periods))
    chip, dtype = ahead.chip_of(module, target), DTYPES[shape.dtype]
    chosen = module.tiling(kernel, shape.head_dim, dtype, descriptors, rows, chip, module._heavy(part, descriptors))
    return chosen, list(dict.fromkeys([chosen, *(module.Tiling(*sizes) for sizes in sizes_for(module, kernel, rows))]))


def packed(module: ModuleType, part: Any, kernel: str, shape: bench.Shape, chip: Any) -> tuple[Any, int]:
    """The tile sizes where residue classes lie side by side, and how many do; 0 where the emitted file packs none.

    Gradients one after the other stand for the kernel that computes them at once.
    """
    kernel = STAGES[kernel]
    tile = module.packing(kernel, shape.head_dim, DTYPES[shape.dtype], chip)
    if tile is None or part.backward is None:
        return None, 0
    rows, period = module._cdiv(shape.n, part.periods[0]), part.periods[0]
    classes = min(tile.BLOCK_Q // module._power(rows), module._power(period))
    return tile, classes if classes > (kernel != "backward") else 0


def lines_of(subject: bench.Subject, shape: bench.Shape, machine: tuple[str, str, str], target: str) -> Iterator[Line]:
    """A line for every candidate of every kernel, with nothing measured yet."""
    module = subject.pattern.module(shape.heads)
    chip = ahead.chip_of(module, target)
    for part in module.PARTS:
        for kernel in ("forward", "backward"):
            tile, classes = packed(module, part, kernel, shape, chip)
            if classes:
                yield Line(
                    *machine, subject.label, shape.n, shape.heads, shape.head_dim, shape.dtype,
                    part.name, kernel, False, *tile, chosen=True,
                )  # fmt: skip
        for kernel in module.CANDIDATES:
            alone = not packed(module, part, kernel, shape, chip)[1]
            for descriptors in (True, False):
                use = ahead.Use(shape.head_dim, DTYPES[shape.dtype], descriptors)
                if descriptors and (target not in ahead.DESCRIPTORS or not ahead.describable(part, use)):
                    continue
                chosen, tried = candidates(module, part, kernel, shape, descriptors, target)
                for tile in tried:
                    yield Line(
                        *machine, subject.label, shape.n, shape.heads, shape.head_dim, shape.dtype,
                        part.name, kernel, descriptors, *tile, chosen=alone and tile == chosen,
                    )  # fmt: skip


def resources(line: Line, module: ModuleType, target: str) -> None:
    """Fills in what the compiler says of a candidate; what may not be launched says so in its status."""
    part = next(p for p in module.PARTS if p.name == line.part)
    shape = bench.Shape(line.n, line.heads, line.head_dim, line.dtype)
    tile, classes = packed(module, part, line.kernel, shape, ahead.chip_of(module, target))
    side_by_side = line.chosen and classes and tile == tile_of(module, line)
    use = ahead.Use(line.head_dim, DTYPES[line.dtype], line.descriptors, classes=classes if side_by_side else 1)
    try:
        built = ahead.compile_kernel("", line.kernel, getattr(part, line.kernel), tile_of(module, line), use, target)
    except Exception as failure:  # whatever Triton makes of sizes that it does not take
        line.status = f"does not compile: {type(failure).__name__}"
        return
    line.registers, line.spilled, line.shared = built.registers, built.spilled, built.shared
    if built.spilled:
        line.status = "spills"
    elif built.shared > ahead.SHARED[target]:
        line.status = "does not fit"


def tile_of(module: ModuleType, line: Line) -> Any:
    return module.Tiling(line.BLOCK_Q, line.BLOCK_K, line.num_warps, line.num_stages)


def altered(problem: Problem, line: Line) -> ModuleType:
    """A module of its own with the candidate's sizes for its kernel, in the parts whose classes have as many rows."""
    spec = importlib.util.spec_from_file_location("candidate", str(problem.module.__file__))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    plain, wanted = module.tiling, tile_of(module, line)
    part = next(p for p in module.PARTS if p.name == line.part)
    own = -(-problem.shape.n // min(part.periods))
    signature = inspect.signature(plain)

    def tiling(*given: Any, **named: Any) -> Any:
        asked = signature.bind(*given, **named).arguments
        return wanted if asked["kernel"] == line.kernel and asked.get("rows") == own else plain(*given, **named)

    if packed(module, part, line.kernel, problem.shape, module._chip(problem.leaves[0].device))[1] and not line.chosen:
        module.packing = lambda *_, **__: None  # type: ignore[attr-defined]
    module.tiling = tiling  # type: ignore[attr-defined]
    module.DESCRIPTORS = line.descriptors  # type: ignore[attr-defined]
    module.USE_GLUON = False  # type: ignore[attr-defined]
    return module


def call_of(problem: Problem, variant: Variant, stage: str) -> Callable[[], Any]:
    if stage == "forward":
        return partial(variant.attend, *problem.leaves)
    leaves = [x.detach().requires_grad_() for x in problem.leaves]
    output = variant.attend(*leaves)
    return lambda: torch.autograd.grad(output, leaves, problem.gradient, retain_graph=True)


def measure(problem: Problem, lines: Sequence[Line], bursts: bench.Bursts) -> None:
    """Checks the candidates of one kernel and times those that are right, interleaved."""
    clock = clock_for(problem.device)
    timed: dict[str, Timed] = {}
    for i, line in enumerate(lines):
        if line.status != "ok":
            continue
        module = altered(problem, line)
        variant = Variant(lambda *leaves, module=module: module.attention(*leaves, **problem.options))
        stage = STAGES[line.kernel]
        try:
            checked = check(problem, variant, stage == "backward", sampled=16)
            if not checked.repeatable:
                raise CheckFailedError("two runs differ")
            call = call_of(problem, variant, stage)
            call()
        except Exception as failure:  # the other candidates go on
            line.status = f"{type(failure).__name__}: {failure}"[:120]
            continue
        timed[str(i)] = Timed(call, min(clock.seconds(call) for _ in range(2)), clock.host_seconds(call))
    for i, result in medians(clock, timed, bursts).items():
        line = lines[int(i)]
        if isinstance(result, Exception):
            line.status = f"{type(result).__name__}: {result}"[:120]
        else:
            line.ms = result


def groups(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """The candidates of one kernel, or of all that stand for one: what is timed together."""
    at_once = {x.part for x in lines if x.kernel == "backward"}
    keys = {x.name: (x.part, STAGES[x.kernel] if x.part in at_once else x.kernel) for x in lines}
    for key in dict.fromkeys(keys.values()):
        yield [x for x in lines if keys[x.name] == key]


def known(path: Path | None) -> set[tuple[str, ...]]:
    """The lines that a CSV holds."""
    if path is None or not path.exists():
        return set()
    with path.open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    if found and list(found[0]) != COLUMNS:
        raise SystemExit(f"{path} has other columns; name another file")
    return {tuple(row[c] for c in COLUMNS[: COLUMNS.index("chosen")]) for row in found}


def write(path: Path, lines: Sequence[Line]) -> None:
    fresh = not path.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if fresh:
            writer.writeheader()
        writer.writerows(asdict(line) for line in lines)


def shown(line: Line) -> str:
    sizes = f"{line.BLOCK_Q} x {line.BLOCK_K}, {line.num_warps} warps, {line.num_stages} stages"
    takes = f"{line.registers} registers, {(line.shared or 0) / 1024:.0f} KiB"
    form = "descriptors" if line.descriptors else "pointers"
    told = f"{line.ms:.4f} ms" if line.ms is not None else line.status
    return f"  {line.part} {line.kernel}, {form}, {sizes}: {takes}; {told}{' (chosen)' if line.chosen else ''}"


def parse(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", default=list(table.LABELS), choices=list(table.LABELS), metavar="PATTERN")
    parser.add_argument("--kernels", nargs="+", default=list(STAGES), choices=list(STAGES))
    parser.add_argument("--n", type=int, default=16384)
    parser.add_argument("--head-dim", type=int, default=128, choices=table.HEADS)
    parser.add_argument("--csv", type=Path, help="append the lines here, and skip those that it holds")
    parser.add_argument("--rounds", type=int, default=table.COOL.rounds, help="bursts of each candidate")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="start no new kernel after this many")
    parser.add_argument("--ahead", choices=ahead.TARGETS, help="compile only, for this target; needs no GPU")
    parser.add_argument("--trial", action="store_true", help="tiny sizes on the CPU, to try the script without a GPU")
    return parser.parse_args(given)


def main(given: Sequence[str]) -> int:
    arguments = parse(given)
    on_gpu = not (arguments.ahead or arguments.trial)
    if on_gpu and bench.gpu_name() is None:
        print("torch sees no GPU here; --ahead TARGET compiles without one", file=sys.stderr)
        return 1
    target = arguments.ahead or ("sm_90" if arguments.trial else f"sm_{torch.cuda.get_device_capability()[0]}0")
    if target not in ahead.TARGETS:
        print(f"{target} is none of {', '.join(ahead.TARGETS)}", file=sys.stderr)
        return 1
    machine = bench.machine("cuda" if on_gpu else "cpu")
    if arguments.ahead:
        machine = machine._replace(device=f"{target}, compiled only")
    there, began = known(arguments.csv), time.monotonic()
    for name in arguments.rows:
        subject = table.subject(name)
        shape = bench.Shape(arguments.n, table.HEADS[arguments.head_dim], arguments.head_dim)
        if arguments.trial:
            shape = bench.Shape(256, 2, 16)
        module = subject.pattern.module(shape.heads)
        problem = None if arguments.ahead else Problem(subject, shape, "cuda" if on_gpu else "cpu")
        found = lines_of(subject, shape, machine, target)
        todo = [x for x in found if x.kernel in arguments.kernels and x.name not in there]
        for group in groups(todo):
            if time.monotonic() - began > arguments.seconds:
                print(f"{arguments.seconds:.0f} s are over; the same command goes on from here")
                return 0
            for line in group:
                resources(line, module, target)
            if problem is not None:
                measure(problem, group, table.TRIAL if arguments.trial else bench.Bursts(arguments.rounds))
            if arguments.csv:
                write(arguments.csv, group)
            print(f"[{time.monotonic() - began:.0f} s] {subject.label}, {shape}")
            print(*map(shown, group), sep="\n", flush=True)
    print(f"{time.monotonic() - began:.0f} s on {machine.device}, torch {machine.torch}, triton {triton.__version__}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
