"""Which parts of a plan have kernels for Hopper beside the portable ones, which every part has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from patternc.ir.expr import Arith, Expr, Int
from patternc.ir.plan import FIRST_K, FIRST_Q, LAST_K, LAST_Q, SHIFT, Part, PerHead, Plan
from patternc.lowering.schedules import launch_order
from patternc.lowering.schedules.band import BAND
from patternc.lowering.schedules.residue import RESIDUE

HEAD_DIMS = {"hopper": (64, 128), "hopper_q": (128,), "hopper_kv": (64, 128)}
"""By kernel, those of which one for Hopper is faster than the portable one, if not for every part."""
RUNS = 2
"""The most runs of keys that a tile of queries may have, as a window and sinks are."""
TRITON = "3.6.0"
"""The version whose Gluon they are written in: the language changes from version to version."""
Refusals: TypeAlias = dict[str, str | None]
"""By kernel (`hopper`, and `hopper_q` and `hopper_kv` of its gradients) why there is none; None where there is."""
_NAMES = frozenset({".q", ".k", ".d", ".n"}) | {s.name for s in (FIRST_Q, LAST_Q, FIRST_K, LAST_K, SHIFT)}
_ROUNDING = frozenset({"//", "%"})


def refusal(part: Part) -> str | None:
    """Why a part has no forward kernel for Hopper; None where it has one."""
    if part.kind not in (BAND.kind, RESIDUE.kind):
        return "its keys are neither consecutive nor one residue class"
    if part.heads is not None:
        return "it serves some of the heads"
    if part.guarded or len(part.segments) > RUNS:
        return "its tiles are not a few runs"
    if not all(isinstance(e, Int) for e in (part.period, *(s.phase for s in part.segments)) if e is not None):
        return "its period differs from head to head"
    exprs = [e for s in part.segments for e in _within(s.key_lo, s.key_hi, s.queries_live, s.full, s.mask)]
    if any(s.wide for s in part.segments) or any(isinstance(e, PerHead) or not e.symbols <= _NAMES for e in exprs):
        return "its bounds are more than positions and numbers"
    if any(isinstance(e, Arith) and e.op in _ROUNDING for e in exprs):
        return "its bounds are rounded"
    return None


def refusals(plan: Plan) -> tuple[tuple[Refusals, ...], ...]:
    """For each part of each branch, why it has no kernel for Hopper of each kind; None where it has.

    Gradients that others have begun are added to by portable kernels alone, so a part has a kernel for those of the
    queries where it is the first to leave some, and for those of keys and values likewise.
    """
    parts = [(b, i, part) for b, branch in enumerate(plan.branches) for i, part in enumerate(branch.parts)]
    parts = [x for x in sorted(parts, key=lambda x: launch_order(x[2].kind)) if not x[2].below_zero]
    queries = [x for x in parts if x[2].heads is None and x[2].first][:1]
    parts = queries + [x for x in parts if x not in queries]
    keys = [x for x in parts if x[2].heads is None and x[2].gather is None][-1:]
    return tuple(
        tuple(
            {
                "hopper": refusal(part),
                "hopper_q": _gradient_refusal(part, begins=(b, i, part) in queries),
                "hopper_kv": _gradient_refusal(part, begins=(b, i, part) in keys) or _sliced(part),
            }
            for i, part in enumerate(branch.parts)
        )
        for b, branch in enumerate(plan.branches)
    )


def _sliced(part: Part) -> str | None:
    return "its first keys have gradients that are summed in slices" if part.sinks else None


def _gradient_refusal(part: Part, *, begins: bool) -> str | None:
    if (why := refusal(part)) is not None:
        return why
    if len(part.segments) > 1:
        return "its tiles are not one run"
    return None if begins else "it adds to the gradients of other parts"


def _within(*exprs: Expr) -> Iterator[Expr]:
    for e in exprs:
        yield e
        yield from _within(*e.children())
