"""What a schedule is: the terms that it fits, and what its tiling grants."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from patternc.ir.expr import Expr
from patternc.ir.plan import PerHead
from patternc.ir.relation import Atom, ChunkLag, KeyMod, KeyRange, Lag, LagMod, QueryMod, QueryRange, SameDocument
from patternc.lowering.terms import Term, number

MAX_PERIOD = 2**22
"""Classes and columns further apart than this are masked blocks: the last row of a tile, that many periods behind its
first, must be a number of 32 bits."""


@dataclass(frozen=True)
class Piece:
    """What becomes one segment: a term, or all that masked blocks hold."""

    terms: tuple[Term, ...]
    granted: Atom | None = None
    """The atom that the tiling itself grants."""
    but: tuple[Term, ...] = ()
    """What blocks leave to other parts."""

    def kept(self) -> tuple[Atom, ...]:
        """What a pair's mask has to ask of a term: neither what the tiling grants nor what whole classes share."""
        asked = tuple(a for a in self.terms[0].parts() if a != self.granted)
        return tuple(a for a in asked if a not in self.of_classes())

    def of_classes(self) -> tuple[Atom, ...]:
        """What holds for all or none of a residue class."""
        if not isinstance(self.granted, LagMod):
            return ()
        return tuple(a for a in self.terms[0].parts() if _holds_for_classes(a, self.granted.period))


@dataclass(frozen=True)
class Scheduled:
    """One schedule of one head's softmax, with the pieces that it computes."""

    kind: str
    terms: tuple[Term, ...]
    granted: tuple[Atom | None, ...]
    """For each term the atom that the tiling itself grants."""
    but: tuple[Term, ...] = ()
    """What blocks leave to other parts, and their masks take out."""
    cut: bool = False
    """Whether pairs that an earlier term holds, too, were taken out of the terms themselves."""

    def pieces(self) -> tuple[Piece, ...]:
        """What its segments compute: a term each, all of them together for blocks."""
        if self.kind == "blocks":
            return (Piece(self.terms, None, self.but),)
        return tuple(Piece((term,), granted) for term, granted in zip(self.terms, self.granted, strict=True))


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


def _holds_for_classes(atom: Atom, period: Expr) -> bool:
    """Whether a congruence of queries or keys holds for all or none of a residue class."""
    if not isinstance(atom, QueryMod | KeyMod) or atom.document:
        return False
    pairs = zip(_by_head(period, atom.period), _by_head(atom.period, period), strict=True)
    return all(p % q == 0 for p, q in pairs)


def _by_head(expr: Expr, like: Expr) -> tuple[int, ...]:
    """The numbers of a constant, as many as it or ``like`` has."""
    if isinstance(expr, PerHead):
        return expr.values
    value = number(expr)
    return (1 if value is None else value,) * (len(like.values) if isinstance(like, PerHead) else 1)
