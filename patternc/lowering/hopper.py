"""Which parts of a plan have kernels for Hopper beside the portable ones, which every part has."""

from __future__ import annotations

from collections.abc import Iterator

from patternc.ir.expr import Arith, Expr
from patternc.ir.plan import FIRST_K, FIRST_Q, LAST_K, LAST_Q, SHIFT, Branch, Part, PerHead
from patternc.lowering.schedules.band import BAND

HEAD_DIM = 128
"""The only one whose kernels for Hopper are faster than the portable ones."""
TRITON = "3.6.0"
"""The version whose Gluon they are written in: the language changes from version to version."""
_NAMES = frozenset({".q", ".k", ".d", ".n"}) | {s.name for s in (FIRST_Q, LAST_Q, FIRST_K, LAST_K, SHIFT)}
_ROUNDING = frozenset({"//", "%"})


def refusal(part: Part) -> str | None:
    """Why a part has no forward kernel for Hopper; None where it has one."""
    if part.kind != BAND.kind:
        return "its keys are not consecutive"
    if part.heads is not None:
        return "it serves some of the heads"
    segment, *more = part.segments
    if more or part.guarded:
        return "its tiles are not one run"
    exprs = list(_within(segment.key_lo, segment.key_hi, segment.queries_live, segment.full, segment.mask))
    if segment.wide or any(isinstance(e, PerHead) or not e.symbols <= _NAMES for e in exprs):
        return "its bounds are more than positions and numbers"
    if any(isinstance(e, Arith) and e.op in _ROUNDING for e in exprs):
        return "its bounds are rounded"
    return None


def backward_refusal(part: Part, branch: Branch, *, gated: bool) -> str | None:
    """Why a part of a branch has no backward kernels for Hopper; None where it has them."""
    alone = len(branch.parts) == 1 and not gated
    return refusal(part) or (None if alone else "it shares its rows with other parts")


def _within(*exprs: Expr) -> Iterator[Expr]:
    for e in exprs:
        yield e
        yield from _within(*e.children())
