"""What a kernel's error may be: measured against float64, beside a dense run in the kernel's own precision."""

from __future__ import annotations

import torch

SINGLE = torch.finfo(torch.float32).eps


def assert_close(
    name: str,
    mine: torch.Tensor,
    eager: torch.Tensor,
    truth: torch.Tensor,
    *,
    mean: float = 1.1,
    largest: float = 2.0,
    scores: float = 1.0,
    terms: int = 1,
) -> None:
    """The mean error is at most ``mean`` times that of the eager run, the largest one at most ``largest`` times.

    One unit in the last place of the result comes on top, and, for sums in float32 that cancel, some of those;
    ``scores`` is how large the scores are, ``terms`` how many rows add up to one of the result.
    """
    assert mine.shape == truth.shape, name
    assert torch.equal(torch.isinf(mine), torch.isinf(truth)), f"{name}: infinite where it should not be, or finite"
    finite = torch.isfinite(truth)
    unit = torch.finfo(mine.dtype).eps
    mine, eager, truth = (x.detach().double()[finite] for x in (mine, eager, truth))
    assert torch.isfinite(mine).all(), f"{name}: not finite"
    if mine.numel() == 0:
        return
    size = float(truth.abs().max())
    slack = unit * size + 64 * SINGLE * max(1.0, size) * max(1.0, scores) * max(1.0, (terms / 64) ** 0.5)
    error, theirs = (mine - truth).abs(), (eager - truth).abs().nan_to_num(nan=0.0)
    assert float(error.mean()) <= mean * float(theirs.mean()) + slack, (
        f"{name}: the mean error is {float(error.mean()):.3g}, the eager run's {float(theirs.mean()):.3g}"
    )
    assert float(error.max()) <= largest * float(theirs.max()) + slack, (
        f"{name}: the largest error is {float(error.max()):.3g}, the eager run's {float(theirs.max()):.3g}"
    )
