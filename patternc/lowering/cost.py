"""What a pattern costs at one length: live pairs, the pairs that the kernels' tiles compute, FLOPs, bytes.

Counts are exact, for the forward pass and one sequence of as many queries as keys.  A tile is counted as the kernels
visit it: whole, though part of it is masked.  Documents come at run time; here the sequence is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from patternc.ir.instantiate import Instance
from patternc.ir.plan import Kind, Part, PerHead, Plan
from patternc.ir.relation import Complement, Relation, intersection, union
from patternc.lowering import hopper
from patternc.lowering.packing import classes_in_a_tile
from patternc.lowering.parts import lower
from patternc.lowering.scan import counted
from patternc.lowering.schedule import Scheduled, schedule
from patternc.lowering.terms import number
from patternc.lowering.visits import visited_tiles
from patternc.lowering.words import term_words, why

Tiling: TypeAlias = Callable[[int, bool, bool], tuple[int, int]]
BLOCK = 128
"""The side of a block-sparse library's blocks."""
FLOPS_A_PAIR = 4
"""A score and its share of the output are a product and a sum each, for every column of the head."""
BYTES = {"bfloat16": 2, "float16": 2, "float32": 4}


@dataclass(frozen=True)
class Work:
    """One part of one head's softmax: its schedule, the reason for it, and pairs and tiles at one length."""

    kind: Kind
    terms: str
    why: str
    tile: tuple[int, int]
    """Queries and keys of a tile."""
    tiles: int
    live: int
    classes: int = 1
    """Residue classes that lie side by side in a tile."""

    @property
    def computed(self) -> int:
        """The pairs of all visited tiles."""
        return self.tiles * self.tile[0] * self.tile[1]


@dataclass(frozen=True)
class PartCost:
    """One part of the plan; ``works`` has one entry for each of its heads."""

    branch: int
    heads: tuple[int, ...]
    works: tuple[Work, ...]
    not_hopper: hopper.Refusals
    """Why it has no kernels for Hopper beside the portable ones; None where it has."""
    sinks: int
    """How many first keys are seen from any distance."""

    @property
    def kind(self) -> Kind:
        """Its schedule."""
        return self.works[0].kind

    @property
    def live(self) -> int:
        """Live pairs, over its heads."""
        return sum(w.live for w in self.works)

    @property
    def computed(self) -> int:
        """Pairs in the tiles that its kernels visit, over its heads."""
        return sum(w.computed for w in self.works)

    @property
    def tiles(self) -> int:
        """Tiles that its kernels visit, over its heads."""
        return sum(w.tiles for w in self.works)

    @property
    def alike(self) -> bool:
        """Whether all heads do the same."""
        return len({(w.terms, w.why) for w in self.works}) == 1


@dataclass(frozen=True)
class Cost:
    """A pattern at one length.  Pairs are summed over the query heads and a gate's branches."""

    name: str
    n: int
    heads: int
    branches: int
    head_dim: int
    dtype: str
    parts: tuple[PartCost, ...]
    block_sparse: int
    """The pairs of the blocks of 128 x 128 that hold a live pair."""

    @property
    def live(self) -> int:
        """Live pairs, over heads and branches."""
        return sum(p.live for p in self.parts)

    @property
    def computed(self) -> int:
        """Pairs in the tiles that the kernels visit."""
        return sum(p.computed for p in self.parts)

    @property
    def dense_causal(self) -> int:
        """Pairs of dense causal attention."""
        return self.heads * self.n * (self.n + 1) // 2

    @property
    def dense_full(self) -> int:
        """Pairs of dense attention."""
        return self.heads * self.n**2

    @property
    def bytes(self) -> int:
        """Queries, keys and values read once, the output written once, as many key heads as query heads."""
        return 4 * self.heads * self.n * self.head_dim * BYTES[self.dtype]

    def flops(self, pairs: int) -> int:
        """Of a forward pass over so many pairs."""
        return FLOPS_A_PAIR * self.head_dim * pairs


def cost(
    instance: Instance,
    n: int,
    tiling: Tiling,
    heads: int | None = None,
    head_dim: int = 128,
    dtype: str = "bfloat16",
    progress: Callable[[], None] = lambda: None,
) -> Cost:
    """The cost of a pattern.  ``tiling`` gives the queries and keys of a tile where residue classes have so many rows,
    of a tile that several classes share, and of a guarded part's.

    ``progress`` is called after every distinct softmax.  Raises `InstantiationError` for a head count that the pattern
    does not take, and `TooLongError` where a condition has no closed form and the sequence is too long to look at its
    pairs one by one.
    """
    plan = lower(instance, heads)
    heads = plan.heads or heads or instance.default_heads()
    rows = [head.branches for head in instance.heads(heads)]
    works: dict[Relation, tuple[Work, ...]] = {}
    blocks: dict[Relation, int] = {}
    for b in range(instance.branches):
        for h, row in enumerate(rows):
            if row[b] not in works:
                works[row[b]] = tuple(_works(row[b], plan, b, h, n, tiling))
                blocks[row[b]] = counted(row[b], n, [(BLOCK, BLOCK)]).tiles[0] * BLOCK**2
                progress()
    return Cost(
        name=instance.name,
        n=n,
        heads=heads,
        branches=instance.branches,
        head_dim=head_dim,
        dtype=dtype,
        parts=tuple(_parts(plan, rows, works)),
        block_sparse=sum(blocks[branch] for row in rows for branch in row),
    )


def distinct_softmaxes(instance: Instance, heads: int | None) -> int:
    """How many different softmaxes `cost` looks at."""
    return len({branch for head in instance.heads(heads or instance.default_heads()) for branch in head.branches})


def _parts(plan: Plan, rows: list[tuple[Relation, ...]], works: dict[Relation, tuple[Work, ...]]) -> Iterator[PartCost]:
    """The plan's parts with what each of their heads does in them."""
    refusals = hopper.refusals(plan)
    for b, branch in enumerate(plan.branches):
        done = [0] * len(rows)
        for i, part in enumerate(branch.parts):
            held = part.heads or tuple(range(len(rows)))
            mine: list[Work] = []
            for h in held:
                mine.append(works[rows[h][b]][done[h]])
                done[h] += 1
            if not part.below_zero:
                yield PartCost(b, held, tuple(mine), refusals[b][i], part.sinks)


def _works(relation: Relation, plan: Plan, branch: int, head: int, n: int, tiling: Tiling) -> Iterator[Work]:
    """What one head does, part by part in launch order."""
    parts = [p for p in plan.branches[branch].parts if p.heads is None or head in p.heads]
    for scheduled, part in zip(schedule(relation), parts, strict=True):
        period = _least_period(part)
        tile = tiling(-(-n // period), True, False)
        classes = classes_in_a_tile(part, n, min(tile), period)
        if classes == 1:
            tile = tiling(-(-n // period), False, part.guarded)
        held = _relation_of(scheduled)
        if classes > 1:
            found = counted(held, n).pairs, -(-min(period, n) // classes)
        elif part.kind == "blocks":
            found = (0, 0) if part.below_zero else _blocks(held, n, tile)
        else:
            found = counted(held, n).pairs, visited_tiles(part, head, n, tile)
        yield Work(
            kind=part.kind,
            terms=" or ".join(term_words(t) for t in scheduled.terms),
            why=why(scheduled),
            tile=tile,
            tiles=found[1],
            live=found[0],
            classes=classes,
        )


def _blocks(relation: Relation, n: int, tile: tuple[int, int]) -> tuple[int, int]:
    found = counted(relation, n, [tile])
    return found.pairs, found.tiles[0]


def _least_period(part: Part) -> int:
    if isinstance(part.period, PerHead):
        return min(part.period.values)
    return number(part.period) or 1


def _relation_of(scheduled: Scheduled) -> Relation:
    """The pairs of a part."""
    others = tuple(Complement(intersection(*t.parts())) for t in scheduled.but)
    return union(*(intersection(*t.parts(), *others) for t in scheduled.terms))
