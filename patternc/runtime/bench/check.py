"""Checks what is timed against float64, at full size and cheaply: on sampled query rows.

The output is compared row by row.  For the gradients the output's gradient is random in the sampled rows and 0
elsewhere, so that the gradients of all keys and values follow exactly from those rows.  With a gradient that is random
everywhere two runs must agree bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from patternc.runtime.bench.problem import DTYPES, Problem

if TYPE_CHECKING:
    from patternc.runtime.bench.variants import Variant

OUTPUT_UNITS, GRADIENT_UNITS = 1.5, 3.0
"""Errors allowed, in units of the dtype: of each output row relative to its size, and of a gradient as a whole relative
to the largest gradient.  A row's own rounding and that of its weights come to about a third of a unit."""
LEAST_UNIT = 1e-5
"""Of float32: its sums, and what a matrix unit does to them."""
LSE_ERROR = 1e-4
"""Allowed of a log-sum-exp, which is float32 whatever the inputs are: a key too many or too few shows."""
NAMES = ("q", "k", "v", "gate")

Mask = Callable[[int, int], torch.Tensor]


class CheckFailedError(AssertionError):
    """A variant does not compute what it should."""


@dataclass(frozen=True)
class Checked:
    """The largest relative errors found, and whether two runs agreed bit for bit."""

    output: float
    gradient: float | None
    repeatable: bool


@dataclass(frozen=True)
class HeadTruth:
    """One head in float64: the sampled rows' output and log-sum-exp, and the gradients, which the sample determines."""

    head: int
    output: torch.Tensor
    lse: torch.Tensor
    gradients: list[torch.Tensor]


def sample(n: int, count: int, device: str, seed: int = 0) -> torch.Tensor:
    """So many rows, in order: the first, the last, the middle, and others at random."""
    generator = torch.Generator().manual_seed(seed)
    always = torch.tensor([0, 1, n // 2, n - 2, n - 1]).clamp(0, n - 1)
    drawn = torch.randint(0, n, (max(0, count - always.numel()),), generator=generator)
    return torch.cat([always, drawn]).unique().to(device)


def truths(problem: Problem, rows: torch.Tensor, mask: Mask, fused: bool, backward: bool) -> Iterator[HeadTruth]:
    """Every head in float64; ``fused`` says that the branches are fused by the gate, else there is one."""
    scale = problem.shape.head_dim**-0.5
    for h in range(problem.shape.heads):
        whole = [x[0, h].double().requires_grad_(backward) for x in problem.leaves]
        q, k, v = whole[0][rows], whole[1], whole[2]
        scores = (q @ k.T) * scale
        outputs: list[torch.Tensor] = []
        logs: list[torch.Tensor] = []
        for branch in range(problem.branches if fused else 1):
            pairs = mask(branch, h)
            some = pairs.any(-1, keepdim=True)
            masked = scores.masked_fill(~pairs, -math.inf).masked_fill(~some, 0.0)
            outputs.append(torch.softmax(masked, -1).masked_fill(~some, 0.0) @ v)
            logs.append(torch.logsumexp(masked.detach(), -1).masked_fill(~some[:, 0], -math.inf))
        output = outputs[0]
        if fused and problem.gated:
            logits = whole[3][rows]
            if problem.missing is not None:
                logits = logits.masked_fill(problem.missing[h], -math.inf)
            weight = torch.softmax(logits, -1)
            output = torch.stack([weight[:, b, None] * o for b, o in enumerate(outputs)]).sum(0)
        gradients: list[torch.Tensor] = []
        if backward:
            sources = whole if fused else whole[:3]
            gradients = list(torch.autograd.grad(output, sources, problem.gradient[0, h, rows].double()))
        yield HeadTruth(h, output.detach(), torch.stack(logs, -1), gradients)


def check(problem: Problem, variant: Variant, backward: bool, sampled: int) -> Checked:
    """Compares a variant with float64.  Raises `CheckFailedError`, and whatever the variant raises."""
    rows = sample(problem.shape.n, sampled, problem.device)
    backward = backward and variant.differentiable
    leaves = [x.detach().requires_grad_(backward) for x in problem.leaves]
    sources = leaves if variant.exact else leaves[:3]
    output = variant.attend(*leaves)
    again = variant.attend(*leaves)
    repeatable = torch.equal(output, again)
    del again
    gradients: tuple[torch.Tensor, ...] = ()
    if backward:
        first, second = (torch.autograd.grad(output, sources, problem.gradient, retain_graph=True) for _ in range(2))
        repeatable = repeatable and all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
        if not all(bool(torch.isfinite(x).all()) for x in first):
            raise CheckFailedError("a gradient is not finite")
        del first, second
        sparse = torch.zeros_like(problem.gradient)
        sparse[:, :, rows] = problem.gradient[:, :, rows]
        gradients = torch.autograd.grad(output, sources, sparse)
    return _compared(problem, variant, rows, output.detach(), gradients, repeatable)


def _compared(
    problem: Problem,
    variant: Variant,
    rows: torch.Tensor,
    output: torch.Tensor,
    gradients: tuple[torch.Tensor, ...],
    repeatable: bool,
) -> Checked:
    if not bool(torch.isfinite(output).all()):
        raise CheckFailedError("the output is not finite")
    mask = problem.rows(rows) if variant.exact else _dense(problem, rows)
    lse = None if variant.lse is None else variant.lse(*problem.leaves)
    worst = 0.0
    errors = [0.0] * len(gradients)
    sizes = [0.0] * len(gradients)
    for truth in truths(problem, rows, mask, variant.exact, bool(gradients)):
        worst = max(worst, _row_error(output[0, truth.head, rows].double(), truth.output))
        if lse is not None:
            _check_lse(lse[0, truth.head, rows].reshape(truth.lse.shape).double(), truth.lse)
        for i, exact in enumerate(truth.gradients):
            errors[i] += float((gradients[i][0, truth.head].double() - exact).square().sum())
            sizes[i] += float(exact.square().sum())
    unit = max(torch.finfo(DTYPES[problem.shape.dtype]).eps, LEAST_UNIT)
    if worst > OUTPUT_UNITS * unit:
        raise CheckFailedError(f"an output row is off by {worst:.2g}; {OUTPUT_UNITS * unit:.2g} is allowed")
    # All gradients are of one size, but for those that cancel: where a query sees one key, that of q is 0.
    size = math.sqrt(max(sizes, default=0.0)) or 1.0
    relative = [math.sqrt(error) / size for error in errors]
    for name, error in zip(NAMES, relative, strict=False):
        if error > GRADIENT_UNITS * unit:
            allowed = f"{GRADIENT_UNITS * unit:.2g}"
            raise CheckFailedError(f"the gradient of {name} is off by {error:.2g}; {allowed} is allowed")
    return Checked(worst, max(relative) if relative else None, repeatable)


def _dense(problem: Problem, rows: torch.Tensor) -> Mask:
    """What a dense variant computes in place of the pattern."""
    keys = torch.arange(problem.shape.n, device=problem.device)[None, :]
    seen = keys <= rows[:, None] if problem.causal else torch.ones_like(keys <= rows[:, None])
    return lambda branch, head: seen


def _row_error(got: torch.Tensor, exact: torch.Tensor) -> float:
    """The largest relative error of a row; a row of zeros must be exactly that."""
    size = exact.norm(dim=-1)
    error = (got - exact).norm(dim=-1)
    relative = torch.where(size > 0, error / size.clamp_min(1e-30), torch.where(error > 0, math.inf, 0.0))
    return float(relative.max())


def _check_lse(got: torch.Tensor, exact: torch.Tensor) -> None:
    if not torch.equal(torch.isinf(got), torch.isinf(exact)):
        raise CheckFailedError("a log-sum-exp is infinite where it should be finite, or finite where it should not be")
    finite = torch.isfinite(exact)
    error = (got - exact)[finite].abs().max() if bool(finite.any()) else torch.zeros(())
    if float(error) > LSE_ERROR:
        raise CheckFailedError(f"a log-sum-exp is off by {float(error):.2g}; {LSE_ERROR} is allowed")
