"""The kernel plan: everything that code generation needs to know, in closed form.

Tiles are described by the positions of their first and last query (`FIRST_Q`, `LAST_Q`) and key (`FIRST_K`,
`LAST_K`).  Expressions are over these, `n`, the document starts and ends at these positions, and constants, which may
differ from head to head (`PerHead`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from patternc.ir.expr import Expr, Sym

FIRST_Q, LAST_Q = Sym(".first_q"), Sym(".last_q")
FIRST_K, LAST_K = Sym(".first_k"), Sym(".last_k")
SHIFT = Sym(".shift")
"""The position of query row 0."""
DOCUMENT_OF = {
    (".first_q", "start"): Sym(".first_q_start"),
    (".first_q", "end"): Sym(".first_q_end"),
    (".last_q", "start"): Sym(".last_q_start"),
    (".last_q", "end"): Sym(".last_q_end"),
    (".first_k", "start"): Sym(".first_k_start"),
    (".first_k", "end"): Sym(".first_k_end"),
    (".last_k", "start"): Sym(".last_k_start"),
    (".last_k", "end"): Sym(".last_k_end"),
}
"""Where the document of a tile's first or last position starts, and where it ends (exclusive)."""


@dataclass(frozen=True)
class PerHead(Expr):
    """A constant for each query head."""

    values: tuple[int, ...]


@dataclass(frozen=True)
class Gather:
    """The keys ``phase + period * (j // width) + j % width``, j = 0, 1, ...: the columns, densely numbered."""

    period: Expr
    phase: Expr
    width: Expr


@dataclass(frozen=True)
class Segment:
    """The tiles of one term: for a tile of queries a range of keys, and the other way round."""

    text: str
    """The term in words, for comments."""
    mask: Expr
    """Membership of a pair, without what the tiling grants (the congruence of a residue class, the columns)."""
    key_lo: Expr
    key_hi: Expr
    """The first and last key that a query tile can see."""
    query_lo: Expr
    query_hi: Expr
    """The first and last query that can see a key tile."""
    queries_live: Expr
    keys_live: Expr
    """Whether a query tile (a key tile) has any pair at all."""
    full: Expr
    """Whether every pair of a tile is live."""
    phase: Expr | None = None
    """In a residue part: keys lie at this lag modulo the period."""
    wide: bool = False
    """Whether the mask may need 64-bit arithmetic."""


Kind: TypeAlias = str
"""The name of a schedule of `patternc.lowering.schedules`."""


@dataclass(frozen=True)
class Part:
    """What one set of kernels computes: segments with disjoint pairs over the same tiling of the queries.

    ``band``: tiles of consecutive queries and keys; only edge tiles evaluate their mask.  ``residue``: the same over
    one residue class modulo ``period``.  ``columns``: consecutive queries, gathered keys.  ``blocks``: consecutive
    tiles of whatever is left, guarded.
    """

    kind: Kind
    heads: tuple[int, ...] | None
    """The query heads it serves; None is every head, however many."""
    segments: tuple[Segment, ...]
    first: bool
    """Whether no part of its branch comes before it for any of its heads; else it folds into what they left."""
    leaves_delta: bool
    """Whether it is the first part of one of its heads, and so computes in the backward what later parts read."""
    guarded: bool = False
    """Whether every tile evaluates its mask, and one without a live pair is skipped."""
    period: Expr | None = None
    gather: Gather | None = None
    uneven: bool = False
    """Whether a few keys are seen by far more queries than others, as sinks beside a window are."""
    sinks: int = 0
    """How many first keys are seen from any distance, where that is bounded: sinks, alone or beside a window."""
    span: int | None = None
    """How many keys lie between the first and the last that a query sees by each of its terms, summed; None where
    nothing bounds them.
    """
    below_zero: bool = False
    """Whether only queries before position 0 have pairs: without more queries than keys it is not launched."""


@dataclass(frozen=True)
class Branch:
    """One softmax: its parts in launch order."""

    parts: tuple[Part, ...]
    covered: bool
    """Whether every head has a part that does not fold, so that outputs need no filling beforehand."""


@dataclass(frozen=True)
class HeadGroup:
    """Heads whose branches are the same expressions; ``branches`` is how many of them take weight."""

    heads: tuple[int, ...] | None
    members: tuple[Expr, ...]
    branches: int


@dataclass(frozen=True)
class Plan:
    """One pattern, ready to be printed."""

    name: str
    heads: int | None
    """The number of query heads it is compiled for; None is any number."""
    branches: tuple[Branch, ...]
    groups: tuple[HeadGroup, ...]
    documents: bool
    description: tuple[str, ...]
    """A line a part: its schedule and its terms."""
