"""What a schedule is: the terms that it fits, and what its tiling grants."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from patternc.ir.relation import Atom, ChunkLag, KeyRange, Lag, QueryRange, SameDocument
from patternc.lowering.terms import Term

MAX_PERIOD = 2**22
"""Classes and columns further apart than this are masked blocks: the last row of a tile, that many periods behind its
first, must be a number of 32 bits."""


@dataclass(frozen=True)
class Scheduled:
    """The terms of one part, before heads are merged.  ``but`` is what blocks leave to other parts."""

    kind: str
    terms: tuple[Term, ...]
    granted: tuple[Atom | None, ...]
    """For each term the atom that the tiling itself grants."""
    but: tuple[Term, ...] = ()


def _nothing(term: Term) -> Atom | None:
    return None


def _one(grant: Atom | None) -> Hashable:
    return None


@dataclass(frozen=True)
class Schedule:
    """A loop over tiles for the terms that ``fits`` holds for.

    ``grant`` is the atom of a term that the tiling itself sees to: a lag congruence (`LagMod`) tiles residue classes,
    columns (`KeyMod`) gather keys, None tiles consecutive queries and keys.  Terms whose grants are alike under
    ``together`` share kernels.
    """

    kind: str
    title: str
    """The comment above its kernels."""
    fits: Callable[[Term], bool]
    why: Callable[[Scheduled], str]
    """Why a part has it, in a sentence, for `explain`."""
    grant: Callable[[Term], Atom | None] = _nothing
    together: Callable[[Atom | None], Hashable] = _one
    most: int | None = None
    """So many terms share kernels at most; more are cheaper as masked blocks."""
    gapless: bool = False
    """Whether every tile between a tile's bounds has a live pair, so that none is tested for one."""


def bounded(atoms: tuple[Atom, ...]) -> bool:
    """Whether the closed forms of `closed_forms` say all that the atoms say."""
    kinds = Lag | KeyRange | QueryRange | ChunkLag
    return all((isinstance(a, SameDocument) and a.same) or (isinstance(a, kinds) and not a.document) for a in atoms)
