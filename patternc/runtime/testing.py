"""Property-tests emitted kernels against the dense reference.

A `Case` is one call: shapes, dtype, parameters and what the tensors look like.  `run_case` compares the kernels with
the reference in float64; the error allowed is that of an eager run of the reference in the same precision, so that
nothing is measured against what happens to pass.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import torch

from patternc.pattern import Pattern

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
MEAN_FACTOR, MAX_FACTOR = 1.1, 2.0
"""How far the mean and largest error may exceed those of the eager run; one unit in the last place comes on top."""


@dataclass(frozen=True)
class Case:
    """One call of a pattern, and how its tensors are drawn."""

    values: tuple[tuple[str, int], ...]
    batch: int = 1
    kv_heads: int = 1
    group: int = 1
    nq: int = 1
    nk: int = 1
    head_dim: int = 16
    dtype: str = "float32"
    magnitude: float = 1.0
    transposed: bool = False
    """Whether the tensors are laid out as (B, N, H, D)."""
    lengths: tuple[int, ...] | None = None
    cu_seqlens: tuple[int, ...] | None = None
    seed: int = 0

    def text(self) -> str:
        """The case on one line, as `--case` takes it."""
        return json.dumps({k: v for k, v in asdict(self).items() if v != _DEFAULTS.get(k, ...)}, separators=(",", ":"))

    @staticmethod
    def parse(text: str) -> Case:
        """The case of a line.  Raises `ValueError` that says what is wrong."""
        try:
            raw = json.loads(text)
        except (json.JSONDecodeError, RecursionError) as error:
            raise ValueError(f"--case: not JSON: {error}") from error
        if not isinstance(raw, dict):
            raise ValueError("--case: expected an object, as a failing test prints it")
        unknown = set(raw) - set(asdict(Case(()))) | {k for k in raw if not isinstance(k, str)}
        if unknown:
            raise ValueError(f"--case: unknown key `{sorted(unknown)[0]}`")
        for name, value in raw.items():
            if not _fits(name, value):
                raise ValueError(f"--case: `{name}` cannot be {value!r}")
        raw["values"] = tuple((name, value) for name, value in raw.get("values", ()))
        for name in ("lengths", "cu_seqlens"):
            if raw.get(name) is not None:
                raw[name] = tuple(raw[name])
        return Case(**raw)


def _fits(name: str, value: Any) -> bool:
    """Whether a value can be what a case has under this name."""

    def whole(x: Any) -> bool:
        return isinstance(x, int) and not isinstance(x, bool)

    if name == "values":
        return isinstance(value, list) and all(
            isinstance(v, list) and len(v) == 2 and isinstance(v[0], str) and whole(v[1]) for v in value
        )
    if name in ("lengths", "cu_seqlens"):
        return value is None or (isinstance(value, list) and all(map(whole, value)))
    if name == "dtype":
        return value in DTYPES
    if name == "transposed":
        return isinstance(value, bool)
    if name == "magnitude":
        return isinstance(value, int | float) and not isinstance(value, bool)
    return whole(value) and 0 <= value <= 2**31


_DEFAULTS = {k: v for k, v in asdict(Case(())).items() if k != "values"}


class CaseFailureError(AssertionError):
    """The kernels disagree with the reference."""


@contextlib.contextmanager
def counted(module: Any) -> Generator[Counter[str]]:
    """Counts the launches of an emitted file's kernels, by name."""
    launches: Counter[str] = Counter()
    kinds = ("forward", "backward_q", "backward_kv", "backward", "hopper", "hopper_q", "hopper_kv")
    names = {id(getattr(p, kind)): f"{p.name}_{kind}" for p in module.PARTS for kind in kinds if hasattr(p, kind)}
    names |= {id(getattr(module, name, None)): name for name in ("combine", "sum_slices")}
    plain = module._Launch.__call__

    def launch(self: Any, tensors: dict[str, torch.Tensor], addresses: list[int]) -> None:
        if 0 not in self.grid:
            launches[names[id(self.kernel)]] += 1
        plain(self, tensors, addresses)

    module._Launch.__call__ = launch
    try:
        yield launches
    finally:
        module._Launch.__call__ = plain


@contextlib.contextmanager
def poisoned() -> Generator[None]:
    """Fills fresh memory with NaN (`torch.empty` and its like), so that an element nobody writes shows."""
    plain, like, strided = torch.empty, torch.empty_like, torch.empty_strided

    def poison(x: torch.Tensor) -> torch.Tensor:
        return x.fill_(float("nan")) if x.is_floating_point() else x

    torch.empty = lambda *a, **k: poison(plain(*a, **k))
    torch.empty_like = lambda *a, **k: poison(like(*a, **k))
    torch.empty_strided = lambda *a, **k: poison(strided(*a, **k))
    try:
        yield
    finally:
        torch.empty, torch.empty_like, torch.empty_strided = plain, like, strided


def tensors(case: Case, heads: int, branches: int, device: str) -> tuple[list[torch.Tensor], torch.Tensor]:
    """The leaf tensors of a case (q, k, v and, for gates, logits), fresh and random, and the output's gradient."""
    generator = torch.Generator().manual_seed(case.seed)
    dtype = DTYPES[case.dtype]

    def draw(h: int, n: int, scale: float) -> torch.Tensor:
        shape = (case.batch, n, h, case.head_dim) if case.transposed else (case.batch, h, n, case.head_dim)
        x = (torch.randn(shape, generator=generator) * scale).to(device=device, dtype=dtype)
        return (x.transpose(1, 2) if case.transposed else x).detach()

    # A magnitude moves the scores: queries grow with it, keys and values stay as they are.
    leaves = [
        draw(heads, case.nq, case.magnitude),
        draw(case.kv_heads, case.nk, 1.0),
        draw(case.kv_heads, case.nk, 1.0),
    ]
    if branches > 1:
        logits = torch.randn((case.batch, heads, case.nq, branches), generator=generator)
        leaves.append(logits.to(device))
    gradient = torch.randn((case.batch, heads, case.nq, case.head_dim), generator=generator).to(device, dtype)
    return [x.requires_grad_() for x in leaves], gradient


def heads_of(case: Case) -> int:
    """The query heads of a case."""
    return case.kv_heads * case.group


def run_case(pattern: Pattern, case: Case, device: str, launches: Counter[str] | None = None) -> dict[str, float]:
    """Runs the kernels and the reference, forward and backward.

    Returns the kernels' largest error as a share of what is allowed, for each result.  Raises `CaseFailureError`.
    """
    heads = heads_of(case)
    module = pattern.module(heads)
    leaves, gradient = tensors(case, heads, pattern.branches, device)
    options: dict[str, Any] = {}
    if case.lengths is not None:
        options["lengths"] = torch.tensor(case.lengths, device=device)
    if case.cu_seqlens is not None:
        options["cu_seqlens"] = torch.tensor(case.cu_seqlens, device=device)
    lse_gradient = torch.randn(
        (case.batch, heads, case.nq, *([pattern.branches] if pattern.gated else [])),
        generator=torch.Generator().manual_seed(case.seed + 1),
    ).to(device)

    def outcome(function: Any, dtype: torch.dtype | None) -> list[torch.Tensor]:
        inputs = [x.detach().clone(memory_format=torch.preserve_format) for x in leaves]
        if dtype is not None:
            # The gate's logits stay in float32, as the kernels take them.
            inputs = [x.to(dtype) if i < 3 or dtype == torch.float64 else x for i, x in enumerate(inputs)]
        inputs = [x.requires_grad_() for x in inputs]
        out, lse = function(*inputs, return_lse=True, **options)
        finite = torch.where(torch.isinf(lse), torch.zeros_like(lse), lse)
        total = (out * gradient.to(out.dtype)).sum() + (finite * lse_gradient.to(lse.dtype)).sum()
        return [out, lse, *torch.autograd.grad(total, inputs)]

    with counted(module) as counts, poisoned():
        got = outcome(module.attention, None)
        again = outcome(module.attention, None)
    if launches is not None:
        launches.update(counts)
    eager = outcome(module.reference, DTYPES[case.dtype])
    exact = outcome(module.reference, torch.float64)
    names = ["output", "log-sum-exp", "gradient of q", "gradient of k", "gradient of v", "gradient of gate"]
    margins: dict[str, float] = {}
    for name, mine, twice, theirs, truth in zip(names, got, again, eager, exact, strict=False):
        if not torch.equal(mine, twice) and not (torch.isnan(mine) & torch.isnan(twice)).any():
            raise CaseFailureError(f"{name}: two runs differ")
        margins[name] = _margin(name, mine, theirs, truth, _terms(name, case, leaves, gradient), _units(case, leaves))
    return margins


def _units(case: Case, leaves: list[torch.Tensor]) -> float:
    """How many units of float32's last place a result may be off by.

    A unit of a score's last place is a relative error of its probability: a bound of the scores, from 1 up.  And a sum
    of N terms, one after the other, is N independent roundings.
    """
    q, k = (x.detach().double() for x in leaves[:2])
    scores = float(q.norm(dim=-1).max() * k.norm(dim=-1).max()) * case.head_dim**-0.5
    return max(1.0, scores) + max(case.nq, case.nk) ** 0.5


def _terms(name: str, case: Case, leaves: list[torch.Tensor], gradient: torch.Tensor) -> float:
    """The largest term that a result is summed of, where such terms may cancel: `dO . V`, times a row of Q or K."""
    q, k, v = (x.detach().double() for x in leaves[:3])
    product = float(gradient.double().norm(dim=-1).max() * v.norm(dim=-1).max())
    other = {"gradient of q": k, "gradient of k": q}.get(name)
    if other is not None:
        return product * float(other.abs().max()) * case.head_dim**-0.5
    if name == "gradient of gate":
        # It is dO . O, and O is kept in the dtype of the inputs: D independent roundings.
        share = torch.finfo(DTYPES[case.dtype]).eps / torch.finfo(torch.float32).eps
        return product * max(1.0, share * case.head_dim**-0.5)
    return 0.0


def _margin(
    name: str, mine: torch.Tensor, eager: torch.Tensor, truth: torch.Tensor, terms: float, units: float
) -> float:
    """The error as a share of what is allowed; more than 1 raises `CaseFailureError`."""
    truth = truth.detach()
    if not torch.equal(torch.isinf(mine), torch.isinf(truth)):
        raise CaseFailureError(f"{name}: infinite where the reference is not, or finite where it is infinite")
    finite = torch.isfinite(truth)
    unit = torch.finfo(mine.dtype).eps
    mine, eager, truth = (x.detach().double()[finite] for x in (mine, eager, truth))
    if mine.numel() == 0:
        return 0.0
    if not torch.isfinite(mine).all():
        raise CaseFailureError(f"{name}: {int((~torch.isfinite(mine)).sum())} elements are not finite")
    # A log-sum-exp is a largest score plus a logarithm; where they cancel, its unit is still that of the larger one.
    size = truth.abs().clamp_min(1.0) if name == "log-sum-exp" else truth.abs()
    error, theirs = (mine - truth).abs(), (eager - truth).abs().nan_to_num(nan=0.0)
    # Scores and sums are float32: a score's last place moves its probability, and terms that cancel leave a unit,
    # where an eager run may cancel exactly.
    sums = torch.finfo(torch.float32).eps * max(float(size.max()) * units, terms)
    shares = [
        ("mean", error.mean(), MEAN_FACTOR * theirs.mean() + unit * size.mean() + sums),
        ("largest", error.max(), MAX_FACTOR * theirs.max() + unit * size.max() + sums),
    ]
    worst = 0.0
    for what, value, allowed in shares:
        share = float(value / allowed.clamp_min(1e-30))
        if share > 1:
            raise CaseFailureError(f"{name}: the {what} error is {float(value):.3g}, allowed is {float(allowed):.3g}")
        worst = max(worst, share)
    return worst


@dataclass(frozen=True)
class Limits:
    """How large the cases may be; the interpreter is slow."""

    tokens: int
    heads: int
    batch: int
    head_dims: tuple[int, ...]
    dtypes: tuple[str, ...]
    parameter: int


INTERPRETER = Limits(80, 4, 2, (8, 16, 24, 32), ("float32", "float16", "bfloat16"), 24)
GPU = Limits(1500, 6, 3, (8, 16, 40, 64, 80, 128, 192, 256), ("float32", "float16", "bfloat16"), 300)


@dataclass
class Report:
    """What a run of many cases found."""

    cases: int
    launches: Counter[str]
    worst: float
    failure: str | None = None
    failing: Case | None = None


def cases(load: Callable[[dict[str, int]], Pattern], parameters: dict[str, int], limits: Limits) -> Any:
    """A hypothesis strategy of cases: lengths, heads, dtypes, parameters that satisfy `require`, and tensors."""
    from hypothesis import assume
    from hypothesis import strategies as st

    @st.composite
    def one(draw: Any) -> Case:
        values = dict(parameters)
        for name in parameters:
            if draw(st.booleans()):
                values[name] = draw(st.integers(0, limits.parameter))
        try:
            pattern = load(values)
            heads = pattern.heads or draw(st.integers(1, limits.heads))
            pattern.check_heads(heads)
        except ValueError:
            assume(False)
            raise
        group = draw(st.sampled_from([g for g in range(1, heads + 1) if heads % g == 0]))
        nk = draw(st.integers(1, limits.tokens))
        nq = nk if draw(st.booleans()) else draw(st.integers(1, limits.tokens))
        batch = draw(st.integers(1, limits.batch))
        lengths = None
        if draw(st.integers(0, 3)) == 0:
            lengths = tuple(draw(st.integers(0, nk)) for _ in range(batch))
        documents = None
        if pattern.needs_documents:
            cuts = sorted(draw(st.lists(st.integers(0, nk), max_size=4)))
            documents = (0, *cuts, nk)
        return Case(
            values=tuple(values.items()),
            batch=batch,
            kv_heads=heads // group,
            group=group,
            nq=nq,
            nk=nk,
            head_dim=draw(st.sampled_from(limits.head_dims)),
            dtype=draw(st.sampled_from(limits.dtypes)),
            magnitude=draw(st.sampled_from((1.0, 1.0, 1e-4, 30.0))),
            transposed=draw(st.booleans()),
            lengths=lengths,
            cu_seqlens=documents,
            seed=draw(st.integers(0, 2**31)),
        )

    return one()


def interpreter_problem() -> str | None:
    """Why Triton's interpreter cannot run kernels here, and what helps; None where it can."""
    triton, numpy = (tuple(int(n) for n in version(name).split(".")[:2]) for name in ("triton", "numpy"))
    if triton < (3, 7) and numpy >= (2, 4):
        return "the interpreter of triton 3.6 needs numpy below 2.4 (triton #9171); install numpy<2.4, or triton 3.7"
    return None


def run_one(load: Callable[[dict[str, int]], Pattern], case: Case, device: str) -> Report:
    """Runs one case."""
    report = Report(1, Counter(), 0.0)
    try:
        margins = run_case(load(dict(case.values)), case, device, report.launches)
        report.worst = max(margins.values())
    except Exception as error:
        report.failure, report.failing = f"{type(error).__name__}: {error}", case
    return report


def run_many(
    load: Callable[[dict[str, int]], Pattern],
    parameters: dict[str, int],
    device: str,
    examples: int,
    seed: int,
    progress: Callable[[int], None] = lambda done: None,
) -> Report:
    """Runs ``examples`` drawn cases; a failure is shrunk to the simplest case that still fails."""
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as seeded

    report = Report(0, Counter(), 0.0)
    limits = GPU if device == "cuda" else INTERPRETER

    @seeded(seed)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),  # type: ignore[arg-type]  # the library types them by their metaclass
        phases=(Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
    )
    @given(cases(load, parameters, limits))
    def property_holds(case: Case) -> None:
        report.cases += 1
        progress(report.cases)
        try:
            margins = run_case(load(dict(case.values)), case, device, report.launches)
        except Exception as error:
            # Hypothesis runs the simplest failing case last, so this is what stays.
            report.failure, report.failing = f"{type(error).__name__}: {error}", case
            raise
        report.worst = max(report.worst, *margins.values())

    try:
        property_holds()
    except Exception as error:
        if report.failing is None:
            report.failure = f"{type(error).__name__}: {error}"
    return report
