"""The dense mask with numpy alone, for pictures and for `compile --emit mask`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from patternc.diagnostics import UsageError
from patternc.ir.instantiate import Instance
from patternc.ir.relation import Relation, member
from patternc.lowering.arrays import evaluate

MAX_PAIRS = 1 << 32
"""The largest mask, in pairs over heads and branches."""
SLICE = 1 << 21


def mask_array(
    instance: Instance, n: int, heads: int | None = None, documents: Sequence[int] | None = None
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """The mask of a pattern: bool (branches, heads, n, n), the axes those of `Pattern.mask`.

    ``documents`` is where documents begin and end, ``0 ... n``; a pattern that speaks of documents needs it.
    Raises `UsageError` where it is missing, or the mask is beyond what fits in memory, and `InstantiationError` for a
    head count that the pattern does not take.
    """
    if heads is None:
        heads = instance.default_heads() if instance.depends_on_head else 1
    if instance.needs_documents and documents is None:
        raise UsageError(f"{instance.name} speaks of documents: its mask is known only where they begin and end")
    size = instance.branches * heads * n * n
    if size > MAX_PAIRS:
        raise UsageError(
            f"--n {n}: a mask of {instance.branches} x {heads} x {n} x {n} pairs is more than {MAX_PAIRS}, the most "
            "that is written"
        )
    result = np.empty((instance.branches, heads, n, n), dtype=np.bool_)
    made: dict[Relation, tuple[int, int]] = {}
    for h, head in enumerate(instance.heads(heads)):
        for b, relation in enumerate(head.branches):
            place = made.setdefault(relation, (b, h))
            result[b, h] = relation_mask(relation, n, documents) if place == (b, h) else result[place]
    return result


def relation_mask(
    relation: Relation, n: int, documents: Sequence[int] | None = None
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """The pairs of one relation: bool (n, n).  Without ``documents`` the sequence is one."""
    result = np.empty((n, n), dtype=np.bool_)
    test, values, k = member(relation), document_bounds(n, documents or (0, n)), np.arange(n)[None, :]
    step = max(1, SLICE // max(n, 1))
    for start in range(0, n, step):
        q = np.arange(start, min(start + step, n))[:, None]
        result[start : start + step] = evaluate(test, pair_values(q, k, n, values))
    return result


def pair_values(q: Any, k: Any, n: int, documents: tuple[Any, Any]) -> dict[str, Any]:
    """What the symbols of membership are for queries ``q`` and keys ``k``, arrays of positions that broadcast."""
    start, end = documents
    return {
        ".q": q,
        ".k": k,
        ".n": n,
        ".same_document": start[q] == start[k],
        ".qd": q - start[q],
        ".kd": k - start[k],
        ".nd": end[k] - start[k],
    }


def document_bounds(n: int, documents: Sequence[int]) -> tuple[Any, Any]:
    """Where the document of each token starts, and where it ends (exclusive), as arrays.  Raises `UsageError`."""
    ends = np.asarray(documents, dtype=np.int64)
    if len(ends) < 2 or ends[0] != 0 or ends[-1] != n or bool(np.any(np.diff(ends) < 0)):
        raise UsageError(f"documents: expected numbers that grow from 0 to {n}, not {list(documents)}")
    index = np.minimum(np.searchsorted(ends[1:], np.arange(n), side="right"), len(ends) - 2)
    return ends[index], ends[index + 1]
