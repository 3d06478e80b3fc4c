"""Which residue classes can lie side by side in a tile, and how many do.

A class of a few rows leaves most of a tile empty; where nothing in a part depends on the class, classes share one.
"""

from __future__ import annotations

from collections.abc import Iterator

from patternc.ir.expr import TRUE, ZERO, Expr
from patternc.ir.plan import Part, PerHead


def shares_tiles(part: Part) -> bool:
    """Whether several residue classes of a part can share a tile: one term, the same for every class and head."""
    if part.period is None or part.guarded or part.heads is not None or len(part.segments) != 1:
        return False
    segment = part.segments[0]
    if segment.phase not in (None, ZERO) or segment.queries_live != TRUE or segment.keys_live != TRUE:
        return False
    bounds = (segment.key_lo, segment.key_hi, segment.query_lo, segment.query_hi)
    inner = [e for whole in (*bounds, segment.mask, segment.full, part.period) for e in _inner(whole)]
    named = {name for e in inner for name in e.symbols}
    return not any(isinstance(e, PerHead) for e in inner) and not any(map(_of_documents, named))


def classes_in_a_tile(part: Part, n: int, block: int, period: int) -> int:
    """How many whole classes a square tile of ``block`` rows holds at length ``n``; 1 where they do not share tiles."""
    if not shares_tiles(part):
        return 1
    return max(1, min(block // _power(-(-n // period)), _power(period)))


def _inner(expr: Expr) -> Iterator[Expr]:
    yield expr
    for child in expr.children():
        yield from _inner(child)


def _of_documents(name: str) -> bool:
    return name in (".same_document", ".qd", ".kd", ".nd") or name.endswith(("_start", "_end"))


def _power(n: int) -> int:
    return 1 << (n - 1).bit_length()
