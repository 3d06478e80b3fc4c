"""What a pattern costs at one length: live pairs, the pairs that the kernels' tiles compute, FLOPs, bytes, and a floor.

Counts are exact, for the forward pass and one sequence.  A tile is counted as the kernels visit it: whole, though part
of it is masked.  Documents come at run time; here the sequence is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from patternc.ir.expr import Expr
from patternc.ir.instantiate import Instance
from patternc.ir.plan import Kind
from patternc.ir.relation import Complement, KeyMod, LagMod, Relation, intersection, union
from patternc.lowering.arrays import evaluate
from patternc.lowering.closed_forms import key_bounds, live_queries
from patternc.lowering.schedule import Scheduled, schedule
from patternc.lowering.scan import counted, one_document
from patternc.lowering.terms import Term, number
from patternc.lowering.words import term_words, why

BLOCK = 128
"""The side of a block-sparse library's blocks."""
FLOPS_A_PAIR = 4
"""A score and its share of the output are a product and a sum each, for every column of the head."""
BYTES = {"bfloat16": 2, "float16": 2, "float32": 4}


def tile_sizes(head_dim: int, dtype: str) -> tuple[int, int]:
    """Queries and keys of a tile of the forward kernels: the rule of the emitted file's `tiling`."""
    if head_dim > 128:
        return (32, 16) if dtype == "float32" else (64, 32)
    return (32, 32) if dtype == "float32" else (64, 64)


@dataclass(frozen=True)
class Work:
    """One part of one head's softmax: its schedule, the reason for it, and pairs and tiles at one length."""

    kind: Kind
    terms: str
    why: str
    live: int
    computed: int
    tiles: int


@dataclass(frozen=True)
class PartCost:
    """One part for all heads that have it; ``works`` has one entry a head."""

    branch: int
    heads: tuple[int, ...]
    works: tuple[Work, ...]

    @property
    def kind(self) -> Kind:
        return self.works[0].kind

    @property
    def live(self) -> int:
        return sum(w.live for w in self.works)

    @property
    def computed(self) -> int:
        return sum(w.computed for w in self.works)

    @property
    def tiles(self) -> int:
        return sum(w.tiles for w in self.works)

    @property
    def alike(self) -> bool:
        """Whether all heads do the same."""
        return len(set(self.works)) == 1


@dataclass(frozen=True)
class Cost:
    """A pattern at one length.  Pairs are summed over the query heads and a gate's branches."""

    name: str
    n: int
    heads: int
    branches: int
    head_dim: int
    dtype: str
    tile: tuple[int, int]
    parts: tuple[PartCost, ...]
    block_sparse: int
    """The pairs of the blocks of 128 x 128 that hold a live pair."""

    @property
    def live(self) -> int:
        return sum(p.live for p in self.parts)

    @property
    def computed(self) -> int:
        return sum(p.computed for p in self.parts)

    @property
    def dense_causal(self) -> int:
        return self.heads * self.n * (self.n + 1) // 2

    @property
    def dense_full(self) -> int:
        return self.heads * self.n**2

    @property
    def bytes(self) -> int:
        """Queries, keys and values read once, the output written once."""
        return 4 * self.heads * self.n * self.head_dim * BYTES[self.dtype]

    def flops(self, pairs: int) -> int:
        """Of a forward pass over so many pairs."""
        return FLOPS_A_PAIR * self.head_dim * pairs


def cost(
    instance: Instance,
    n: int,
    heads: int | None = None,
    head_dim: int = 128,
    dtype: str = "bfloat16",
    progress: Callable[[], None] = lambda: None,
) -> Cost:
    """The cost of a pattern.  ``progress`` is called after every distinct softmax.

    Raises `InstantiationError` for a head count that the pattern does not take, and `TooLongError` where a condition
    has no closed form and the sequence is too long to look at its pairs one by one.
    """
    heads = instance.default_heads() if heads is None else heads
    rows = [head.branches for head in instance.heads(heads)]
    tile = tile_sizes(head_dim, dtype)
    works: dict[Relation, tuple[Work, ...]] = {}
    blocks: dict[Relation, int] = {}
    for relation in dict.fromkeys(branch for row in rows for branch in row):
        works[relation] = tuple(_work(relation, n, tile))
        blocks[relation] = counted(relation, n, [(BLOCK, BLOCK)]).tiles[0] * BLOCK**2
        progress()
    return Cost(
        name=instance.name,
        n=n,
        heads=heads,
        branches=instance.branches,
        head_dim=head_dim,
        dtype=dtype,
        tile=tile,
        parts=tuple(_parts(rows, works)),
        block_sparse=sum(blocks[branch] for row in rows for branch in row),
    )


def _parts(rows: list[tuple[Relation, ...]], works: dict[Relation, tuple[Work, ...]]) -> Iterator[PartCost]:
    """The parts of each branch in launch order, heads with the same kind of part together."""
    for branch in range(len(rows[0])):
        grouped: dict[tuple[int, Kind, str], list[tuple[int, Work]]] = {}
        for head, row in enumerate(rows):
            for step, work in enumerate(works[row[branch]]):
                # A band of one head is not the band of another that has fewer terms.
                grouped.setdefault((step, work.kind, _shape(work.terms)), []).append((head, work))
        for members in grouped.values():
            yield PartCost(branch, tuple(h for h, _ in members), tuple(w for _, w in members))


def _shape(text: str) -> str:
    """A text without its numbers."""
    return "".join(c for c in text if not c.isdigit())


def _work(relation: Relation, n: int, tile: tuple[int, int]) -> Iterator[Work]:
    for scheduled in schedule(relation):
        if scheduled.kind == "blocks":
            found = counted(_relation_of(scheduled), n, [tile])
            live, tiles = found.pairs, found.tiles[0]
        else:
            live = counted(_relation_of(scheduled), n).pairs
            tiles = sum(_visited(scheduled, term, n, tile) for term in scheduled.terms)
        yield Work(
            kind=scheduled.kind,
            terms=" or ".join(term_words(t) for t in scheduled.terms),
            why=why(scheduled),
            live=live,
            computed=tiles * tile[0] * tile[1],
            tiles=tiles,
        )


def _relation_of(scheduled: Scheduled) -> Relation:
    """The pairs of a part."""
    others = tuple(Complement(intersection(*t.parts())) for t in scheduled.but)
    return union(*(intersection(*t.parts(), *others) for t in scheduled.terms))


def _visited(scheduled: Scheduled, term: Term, n: int, tile: tuple[int, int]) -> int:
    """The tiles that the kernel visits for a term, from the closed bounds that it computes them from."""
    granted = scheduled.granted[scheduled.terms.index(term)]
    kept = tuple(a for a in term.parts() if a != granted)
    period = number(granted.period) or 1 if isinstance(granted, LagMod) else 1
    first, last = _query_tiles(n, period, tile[0])
    values = {**one_document(n), ".first_q": first, ".last_q": last}
    lo, hi = (_bound(e, values, first) for e in key_bounds(kept))
    if isinstance(granted, LagMod):
        phase = number(granted.phase) or 0
        lo = lo + (first - phase - lo) % period
        count = np.maximum(hi - lo + period, 0) // period
    elif isinstance(granted, KeyMod):
        count = np.maximum(_columns_before(hi + 1, granted) - _columns_before(lo, granted), 0)
    else:
        count = np.maximum(hi - lo + 1, 0)
    count = np.where(_bound(live_queries(kept), values, first), count, 0)
    return int(np.sum(-(-count // tile[1])))


def _bound(expr: Expr, values: dict[str, Any], like: Any) -> Any:
    return np.broadcast_to(evaluate(expr, values), like.shape)


def _query_tiles(n: int, period: int, block: int) -> tuple[Any, Any]:
    """The first and last query of every tile, residue class by residue class."""
    residues = np.arange(min(period, n))[:, None]
    first = (residues + period * block * np.arange(-(-n // (period * block)))[None, :]).ravel()
    first = first[first < n]
    last = first + np.minimum((n - 1 - first) // period, block - 1) * period
    return first, last


def _columns_before(position: Any, columns: KeyMod) -> Any:
    """How many columns lie before a position, counted from the first of all."""
    period, phase, width = (number(e) or 0 for e in (columns.period, columns.phase, columns.width))
    start = phase - period if phase + width > period else phase
    return (position - start) // period * width + np.minimum((position - start) % period, width)


