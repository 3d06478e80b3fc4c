"""The benchmark without a GPU: its counts, its peers' exactness, its checks, its files, and one run of all of it."""

from __future__ import annotations

import importlib.util
import itertools
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch.nn.attention.flex_attention import create_block_mask

from patternc import driver
from patternc.ir.instantiate import instantiate
from patternc.pattern import Pattern
from patternc.runtime import bench, loader
from patternc.runtime.bench import problem as problems
from patternc.runtime.bench import report, timing, variants
from patternc.runtime.bench.check import CheckFailedError, check, sample
from patternc.runtime.bench.problem import Problem, Shape, Subject, floor, live_pairs, pairs_by_rows
from patternc.source import Source

ROOT = Path(__file__).parents[2]
QUICK = bench.Bursts(rounds=1, repetitions=2, longest=0.01, pause=0.0)
OPTIONS = bench.Options(("flex", "sdpa", "permute"), cool=QUICK, hot=QUICK, sampled=16)
MACHINE = report.Machine("a device", "2.0", "3.0")

WINDOW = "causal pattern a { attend window(9) }"
STRIDE = "causal pattern a { attend stride(8) }"
HOPS = "causal pattern a { attend stride(4, 3) }"
GATE = "causal pattern a { attend gate(window(9), stride(8), stride(4, 2)) }"
HEADS = """pattern a { attend heads {
    0..2 : window(4 * (h + 1))
    else : gate(window(3, 2), stride(3, phase = h))
} }"""
DOCUMENTS = "pattern a { attend per_document(window(5, 3) | sink(2)) }"
SINK = "causal pattern a { attend sink(3) | window(9) }"


@pytest.fixture(autouse=True)
def plain_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patterns take their CPU path: Triton's interpreter would take minutes over so many calls."""
    monkeypatch.setenv("TRITON_INTERPRET", "0")
    monkeypatch.setattr(loader, "_modules", {})


def subject(text: str) -> Subject:
    source = Source("<test>", text)
    program = driver.load_program(source)
    instance = instantiate(driver.select_pattern(program, None), {})
    return Subject(Pattern(instance, program, source), instance, text, "a")


def problem(text: str, n: int = 64, heads: int = 2, dtype: str = "float32") -> Problem:
    return Problem(subject(text), Shape(n, heads, 16, dtype), "cpu")


def all_of(found: variants.Factories, *names: str) -> list[variants.Variant]:
    return [found[name]() for name in names]


# Counts and floors


@pytest.mark.parametrize("text", [WINDOW, STRIDE, HOPS, GATE, HEADS, DOCUMENTS, SINK])
@pytest.mark.parametrize("n", [1, 7, 40])
def test_live_pairs_are_those_of_the_mask(text: str, n: int) -> None:
    p = problem(text, n, 4)
    wanted = int(p.subject.pattern.mask(n, 4, **p.options).sum())
    assert live_pairs(p) == wanted
    assert pairs_by_rows(p) == wanted


def test_pairs_without_a_closed_form_are_counted_by_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_large(*_: object) -> int:
        raise problems.TooLarge("so many")

    wanted = live_pairs(problem(SINK))
    monkeypatch.setattr(problems, "count", too_large)
    monkeypatch.setattr(problems, "ROWS_AT_ONCE", 100)
    assert live_pairs(problem(SINK)) == wanted
    monkeypatch.setattr(problems, "MAX_COUNTED", 10)
    assert live_pairs(problem(SINK)) is None


def test_floor_is_the_larger_of_arithmetic_and_memory() -> None:
    shape = Shape(16384, 16, 128)
    tensor = 16384 * 16 * 128 * 2
    short = floor(16 * 1000, shape, 800e12, 4.24e12)
    assert short.forward == pytest.approx(4 * tensor / 4.24e12 * 1e3)
    assert short.backward == pytest.approx(8 * tensor / 4.24e12 * 1e3)
    pairs = 16 * 16384 * 4097
    long = floor(pairs, shape, 800e12, 4.24e12)
    assert long.forward == pytest.approx(4 * 128 * pairs / 800e12 * 1e3)
    assert long.backward == pytest.approx(10 * 128 * pairs / 800e12 * 1e3)
    assert problem(WINDOW).floor is None  # no device, no floor


# Peers


@pytest.mark.parametrize("period", [1, 4, 16])
def test_scatter_undoes_gather(period: int) -> None:
    x = torch.randn(2, 3, 32, 8)
    gathered = variants.gather(x, period)
    assert gathered.shape == (2 * period, 32 // period, 3, 8)
    assert torch.equal(gathered[1 % period, 0, 2], x[0, 2, 1 % period])
    assert torch.equal(variants.scatter(gathered, period), x)


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        (WINDOW, [(1, 9)]),
        (STRIDE, [(8, None)]),
        (HOPS, [(4, 3)]),
        (GATE, [(1, 9), (8, None), (4, 2)]),
        ("causal pattern a { attend causal }", [(1, None)]),
        ("causal pattern a { attend window(100) }", [(1, None)]),
        ("causal pattern a { attend stride(8, 100) }", [(8, None)]),
        ("pattern a { attend full }", None),
        ("pattern a { attend window(3, 3) }", None),
        ("causal pattern a { attend stride(3) }", None),
        ("causal pattern a { attend stride(8, 3, 1) }", None),
        ("causal pattern a { attend window(9) | stride(8) }", None),
        (SINK, None),
        (HEADS, None),
        (DOCUMENTS, None),
    ],
)
def test_where_the_permute_trick_is_exact(text: str, classes: list[variants.Class] | None) -> None:
    assert variants.residue_classes(subject(text).instance, 4, 64) == classes


@pytest.mark.parametrize("text", [WINDOW, STRIDE, HOPS, GATE])
def test_permute_trick_computes_the_pattern(text: str) -> None:
    p = problem(text)
    name = "flash" if text == WINDOW else "permute+flash"
    (trick,) = all_of(variants.factories(p, ("permute",), 1.0), name)
    leaves = [x.double().requires_grad_() for x in p.leaves]
    mine = trick.attend(*leaves)
    exact = p.subject.pattern.reference(*leaves)
    torch.testing.assert_close(mine, exact, check_dtype=False, rtol=1e-6, atol=1e-6)
    gradient = torch.randn_like(exact)
    got = torch.autograd.grad(mine, leaves, gradient.to(mine.dtype))
    for a, b in zip(got, torch.autograd.grad(exact, leaves, gradient), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("text", [WINDOW, GATE, HEADS, DOCUMENTS])
@pytest.mark.parametrize("n", [300, 512])
def test_block_lists_are_those_of_flex_attention(text: str, n: int) -> None:
    p = problem(text, n, 4)
    heads = 4 if p.subject.pattern.depends_on_head else None
    for branch in range(p.branches):
        mine = variants.block_mask(p, branch)
        theirs = create_block_mask(variants.mask_mod(p, branch), None, heads, n, n, "cpu")
        for a, b in zip(mine.as_tuple(), theirs.as_tuple(), strict=True):
            if isinstance(a, torch.Tensor):
                assert torch.equal(a, b)
                assert a.dtype == b.dtype


def test_peers_there_are() -> None:
    names = {text: list(variants.factories(problem(text), bench.PEERS, 1.0)) for text in (WINDOW, STRIDE, SINK)}
    dense = ["sdpa-flash (dense)", "sdpa-cudnn (dense)"]
    assert names[WINDOW] == ["patternc", "flex", "flex-tuned", "flash", *dense]
    assert names[STRIDE] == ["patternc", "flex", "flex-tuned", "permute+flash", "permute+cudnn", *dense]
    assert names[SINK] == ["patternc", "flex", "flex-tuned", *dense]
    for text in ("causal pattern a { attend causal }", "pattern a { attend full }"):
        found = variants.factories(problem(text), ("sdpa", "permute"), 1.0)
        assert list(found) == ["patternc", "sdpa-flash", "sdpa-cudnn"]
        assert found["sdpa-flash"]().exact


def test_a_call_that_would_take_too_long_is_not_tried() -> None:
    p = problem(WINDOW)
    p.device = "cuda"
    variants._refuse_slow(p, 10**6, 1.0)
    with pytest.raises(variants.NotTriedError, match="it would compute"):
        variants._refuse_slow(p, 10**13, 1.0)


# Checks


@pytest.mark.parametrize("text", [WINDOW, GATE, HEADS, DOCUMENTS, SINK])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_ours_passes(text: str, dtype: str) -> None:
    p = problem(text, 50, 4, dtype)
    (ours,) = all_of(variants.factories(p, (), 1.0), variants.OURS)
    found = check(p, ours, backward=True, sampled=16)
    assert found.repeatable
    assert found.gradient is not None
    assert 0 < found.output < 0.02


def test_a_row_that_sees_nothing_and_a_gradient_that_is_0_pass() -> None:
    for text in ("causal pattern a { attend stride(8, 3, 5) }", "causal pattern a { attend window(0) }"):
        p = problem(text, dtype="bfloat16")
        check(p, variants.Variant(p.ours), backward=True, sampled=64)


def test_a_window_that_is_one_token_off_fails() -> None:
    wrong = problem("causal pattern a { attend window(200) }", 500, dtype="bfloat16")
    p = problem("causal pattern a { attend window(201) }", 500, dtype="bfloat16")
    with pytest.raises(CheckFailedError, match="an output row is off by"):
        check(p, variants.Variant(wrong.ours), backward=False, sampled=48)
    lse = all_of(variants.factories(wrong, (), 1.0), variants.OURS)[0].lse
    with pytest.raises(CheckFailedError, match="a log-sum-exp is off by"):
        check(p, variants.Variant(p.ours, lse=lse), backward=False, sampled=48)


class _Wrong(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, g):
        return g * 1.1


def test_a_wrong_gradient_fails() -> None:
    p = problem(WINDOW)
    with pytest.raises(CheckFailedError, match="the gradient of v is off by"):
        check(p, variants.Variant(lambda q, k, v: p.ours(q, k, _Wrong.apply(v))), backward=True, sampled=16)


def test_runs_that_differ_are_seen() -> None:
    p = problem(WINDOW)
    noise = itertools.count()
    found = check(p, variants.Variant(lambda q, k, v: p.ours(q, k, v) + 1e-7 * next(noise)), False, 16)
    assert not found.repeatable
    with pytest.raises(CheckFailedError, match="not finite"):
        check(p, variants.Variant(lambda q, k, v: p.ours(q, k, v) / 0), backward=False, sampled=16)


@pytest.mark.parametrize("n", [1, 2, 5, 1000])
def test_samples(n: int) -> None:
    rows = sample(n, 48, "cpu").tolist()
    assert rows == sorted(set(rows))
    assert {0, n - 1} <= set(rows) <= set(range(n))


# Timing


def test_calls_take_turns() -> None:
    turns: list[str] = []
    calls = {name: timing.Timed(lambda name=name: turns.append(name), 1e-3, 1e-5) for name in "ab"}
    found = timing.medians(timing.Clock(), calls, bench.Bursts(rounds=2, repetitions=2, longest=1.0, pause=0.0))
    assert "".join(turns) == "aabbaabb"
    assert all(isinstance(ms, float) and ms >= 0 for ms in found.values())


def test_long_calls_are_repeated_less_and_hot_ones_run_before() -> None:
    turns: list[str] = []
    calls = {"a": timing.Timed(lambda: turns.append("a"), 0.03, 1e-5)}
    timing.medians(timing.Clock(), calls, bench.Bursts(rounds=1, repetitions=10, longest=0.1, pause=0.0))
    assert len(turns) == 3
    timing.medians(timing.Clock(), calls, bench.Bursts(rounds=1, repetitions=1, pause=0.0, warm=0.15))
    assert len(turns) == 3 + 5 + 1


def test_a_call_that_fails_does_not_stop_the_others() -> None:
    def fail() -> None:
        raise RuntimeError("no")

    calls = {"bad": timing.Timed(fail, 1e-3, 1e-5), "good": timing.Timed(lambda: time.sleep(0), 1e-3, 1e-5)}
    found = timing.medians(timing.Clock(), calls, QUICK)
    assert isinstance(found["bad"], RuntimeError)
    assert isinstance(found["good"], float)


class _Event:
    """A device whose clock stands still between calls: each event is a millisecond after the one before."""

    recorded = 0

    def __init__(self, enable_timing: bool) -> None:
        assert enable_timing
        self.at = 0

    def record(self) -> None:
        _Event.recorded += 1
        self.at = _Event.recorded

    def elapsed_time(self, end: _Event) -> float:
        return float(end.at - self.at)


def test_a_gpus_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[int] = []
    for name, stand_in in {
        "Event": _Event,
        "_sleep": waits.append,
        "synchronize": lambda: None,
        "memory_allocated": lambda: 1000,
        "reset_peak_memory_stats": lambda: None,
        "max_memory_allocated": lambda: 1500,
    }.items():
        monkeypatch.setattr(torch.cuda, name, stand_in)
    clock = timing.clock_for("cuda")
    calls: list[int] = []
    assert clock.burst(lambda: calls.append(1), 3, 0.001) == [1.0, 1.0, 1.0]
    assert len(calls) == 3
    assert waits == [2_000_000]
    assert clock.extra_bytes(lambda: torch.zeros(50)) == 300
    assert clock.extra_bytes(lambda: (torch.zeros(50), torch.zeros(25))) == 200
    timed = timing.Timed(lambda: None, 1e-4, 5e-5)
    assert timing.medians(clock, {"a": timed}, bench.Bursts(pause=0.0)) == {"a": 1.0}
    assert waits[-1] * 1.0 > 10 * 5e-5 * timing.CYCLES_A_SECOND  # the device waits longer than queuing takes


# The whole


@pytest.mark.parametrize("text", [GATE, HEADS])
def test_measuring_on_the_cpu(text: str) -> None:
    lines = bench.measure(subject(text), Shape(64, 4, 16), "a row", "cpu", OPTIONS)
    by_name = {line.variant: line for line in lines}
    ours = by_name["patternc"]
    assert ours is lines[0]
    assert ours.status == "ok"
    assert ours.repeatable is True
    for name in ("forward_ms", "forward_hot_ms", "backward_ms", "backward_hot_ms", "forward_host_us", "setup_s"):
        assert getattr(ours, name) > 0, name
    flex = by_name["flex"]
    assert flex.status == "ok"
    assert flex.backward_ms is None  # FlexAttention has none on the CPU
    assert by_name["sdpa-cudnn (dense)"].status.startswith("failed: RuntimeError")
    assert ours.forward_best_peer in ("flex", "permute+flash")
    assert report.table(lines).count("\n") > len(lines)


def test_a_peer_that_is_wrong_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    def window_of_all(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, hops: int | None) -> torch.Tensor:
        return masked(q, k, v, None)

    masked = variants.masked_window
    monkeypatch.setattr(variants, "masked_window", window_of_all)
    options = replace(OPTIONS, peers=("permute",), backward=False, hot=None)
    ours, flash = bench.measure(subject(WINDOW), Shape(64, 2, 16), "a row", "cpu", options)
    assert ours.status == "ok"
    assert ours.forward_ratio is None
    assert flash.status.startswith("wrong: an output row is off by")
    assert flash.forward_ms is None


def test_ours_is_reported_where_it_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Problem, "ours", lambda self, q, k, v, gate=None: q + k + v)
    (ours,) = bench.measure(subject(WINDOW), Shape(64, 2, 16), "a row", "cpu", replace(OPTIONS, peers=()))
    assert ours.status.startswith("wrong: ")


def test_tensors_that_do_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> list[torch.Tensor]:
        raise torch.OutOfMemoryError("Tried to allocate a lot")

    monkeypatch.setattr(problems, "draw", full)
    (ours,) = bench.measure(subject(WINDOW), Shape(64, 2, 16), "a row", "cpu", OPTIONS)
    assert (ours.variant, ours.status) == ("patternc", "failed: OutOfMemoryError: Tried to allocate a lot")


def test_a_cold_start() -> None:
    options = replace(OPTIONS, peers=())
    (ours,) = bench.measure_cold(subject(GATE), Shape(64, 2, 16), "a row", "cpu", options)
    assert ours.status == "ok"
    assert ours.variant == "patternc (cold start)"
    assert ours.first_result_s is not None
    assert ours.first_result_s > 0
    assert (ours.other_n, ours.other_n_kernels, ours.odd_n_kernels) == (32, 0, 0)
    assert "first output" in report.cold_table([ours])


@pytest.mark.parametrize("ends", ["late", "fails"])
def test_a_cold_start_that_does_not_end_keeps_what_it_found(ends: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = b'a warning\n{"first_result_s": 1.5}\n{"first_result_s": 1.5, "first_gradient_s": 2.5}\n{"first_res'

    def run(*_: object, timeout: float, **__: object) -> subprocess.CompletedProcess[bytes]:
        if ends == "late":
            raise subprocess.TimeoutExpired("a command", timeout, said)
        return subprocess.CompletedProcess("a command", 1, said, b"Traceback\nValueError: no\n")

    monkeypatch.setattr(subprocess, "run", run)
    (ours,) = bench.measure_cold(subject(WINDOW), Shape(64, 2, 16), "a row", "cpu", replace(OPTIONS, peers=()))
    assert (ours.first_result_s, ours.first_gradient_s, ours.other_n_s) == (1.5, 2.5, None)
    assert ours.status == {"late": "failed: not done after 300 s", "fails": "failed: ValueError: no"}[ends]
    assert ours.status in report.cold_table([ours])


# Files


def line(row: str, variant: str, **more: object) -> bench.Line:
    start = bench.Line(*MACHINE, "a command", row, "a", 64, 2, 16, "bfloat16", variant)
    return replace(start, **more)  # type: ignore[arg-type]


def test_rows_are_appended_and_found_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "table.csv"
    bench.write(path, [line("one", "patternc", forward_ms=0.123456), line("one", "flex", status="failed: x, y\nz")])
    bench.write(path, [line("two", "patternc", status="wrong: all of it")])
    bench.write(path, [line("three", "patternc (cold start)")])
    assert bench.done(path, MACHINE) == {"one", "three"}
    assert bench.done(path, MACHINE._replace(triton="3.1")) == set()
    bench.write(path, [line("two", "patternc", forward_ms=2.0)])
    assert bench.done(path, MACHINE) == {"one", "two", "three"}
    found = bench.load(path)
    assert len(found) == 4  # the later measurement of row two stands for both
    assert [x["forward_ms"] for x in found if x["variant"] == "patternc"] == ["0.12346", "2"]
    assert path.read_text(encoding="utf-8").count("forward_hot_ms") == 1
    assert bench.done(tmp_path / "missing.csv", MACHINE) == set()


def test_a_file_with_other_columns_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(ValueError, match="has other columns"):
        bench.write(path, [line("one", "patternc")])
    assert path.read_text(encoding="utf-8") == "a,b\n1,2\n"


def test_ratios_are_to_the_best_exact_peer() -> None:
    lines = [
        line("r", "patternc", forward_ms=1.0, backward_ms=3.0, forward_floor_ms=0.5),
        line("r", "flex", forward_ms=4.0, backward_ms=6.0, forward_floor_ms=0.5),
        line("r", "permute+flash", forward_ms=2.0, forward_floor_ms=0.5),
        line("r", "sdpa-flash (dense)", forward_ms=0.1, exact=False, forward_floor_ms=0.5),
        line("r", "flash", forward_ms=0.1, status="failed: later"),
    ]
    report.compare(lines)
    assert (lines[0].forward_ratio, lines[0].forward_best_peer) == (0.5, "permute+flash")
    assert (lines[0].backward_ratio, lines[0].backward_best_peer) == (0.5, "flex")
    assert [x.forward_of_floor for x in lines[:4]] == [0.5, 0.125, 0.25, None]


def test_the_plot(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    lines = [line("r", "patternc", forward_ms=1.0, backward_ms=3.0), line("r", "flex", forward_ms=4.0)]
    report.compare(lines)
    bench.write(tmp_path / "t.csv", lines)
    bench.plot(tmp_path / "t.png", bench.load(tmp_path / "t.csv"))
    assert (tmp_path / "t.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="nothing to plot"):
        bench.plot(tmp_path / "u.png", [])


# The table


@pytest.fixture(scope="module")
def table() -> ModuleType:
    spec = importlib.util.spec_from_file_location("attention_table", ROOT / "benchmarks" / "attention.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_table_has_the_patterns_of_its_file(table: ModuleType) -> None:
    program = driver.load_program(driver.read_source(str(table.PATTERNS)))
    assert {p.name for p in program.patterns} == set(table.LABELS)
    names = [row.name for row in table.rows()]
    assert len(names) == len(set(names))
    assert len(table.chosen(["time-n16384-d128-*"])) == 10
    assert table.chosen(["tuned-*", "time-n16384-d128-dense"])[-1].pattern == "dense"


def test_the_table_resumes(
    table: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.csv"
    call = ["--trial", "--rows", "time-n16384-d128-stride_64*", "--peers", "permute", "--csv", str(path)]
    assert table.main([*call, "--seconds", "-1"]) == 0
    assert "is left for another run" in capsys.readouterr().out
    assert not path.exists()
    assert table.main(call) == 0
    rows = [x["row"] for x in bench.load(path) if x["variant"] == "patternc"]
    assert rows == ["time-n16384-d128-stride_64", "time-n16384-d128-stride_64_64"]
    before = path.read_text(encoding="utf-8")
    assert "benchmarks/attention.py --trial" in before
    assert table.main(call) == 0
    assert path.read_text(encoding="utf-8") == before

    def lost(*_: object) -> list[bench.Line]:
        raise bench.DeviceLostError("gone")

    monkeypatch.setattr(table, "measure", lost)
    assert table.main([*call, "--csv", str(tmp_path / "u.csv")]) == 1
    assert "the GPU stopped answering" in capsys.readouterr().err


def test_the_table_says_what_is_wrong(table: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert table.main(["--rows", "nothing-*"]) == 2
    assert table.main(["--list", "--rows", "cold-*window_256"]) == 0
    assert capsys.readouterr().out == "cold-n16384-d128-window_256\n"
    if not torch.cuda.is_available():
        assert table.main(["--rows", "*"]) == 1
        assert "torch sees no GPU here" in capsys.readouterr().err
