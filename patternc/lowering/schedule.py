"""Chooses a schedule for every term of a softmax, and puts the heads of one schedule into one launch."""

from __future__ import annotations

from dataclasses import dataclass, replace

from patternc.ir.expr import (
    Expr,
)
from patternc.ir.plan import Kind, PerHead
from patternc.ir.relation import (
    Atom,
    ChunkLag,
    KeyMod,
    KeyRange,
    Lag,
    LagMod,
    QueryMod,
    QueryRange,
    Relation,
    SameDocument,
)
from patternc.lowering.terms import (
    ANY_LAG,
    Term,
    TooManyTermsError,
    disjoint,
    masked,
    meet,
    number,
    strengthened,
    terms,
)

MAX_SEGMENTS = 8
"""More terms than this in one band part are cheaper as masked blocks."""

MAX_PERIOD = 2**22
"""Classes and columns further apart than this are masked blocks."""

ORDER: tuple[Kind, ...] = ("band", "columns", "residue", "blocks")


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

    kind: Kind
    terms: tuple[Term, ...]
    granted: tuple[Atom | None, ...]
    """For each term the atom that the tiling itself grants."""
    but: tuple[Term, ...] = ()
    """What blocks leave to other parts, and their masks take out."""
    cut: bool = False
    """Whether pairs that an earlier term holds, too, were taken out of the terms themselves."""

    def pieces(self) -> tuple[Piece, ...]:
        if self.kind == "blocks":
            return (Piece(self.terms, None, self.but),)
        return tuple(Piece((term,), granted) for term, granted in zip(self.terms, self.granted, strict=True))


def schedule(relation: Relation) -> tuple[Scheduled, ...]:
    """The parts of one softmax of one head, in launch order."""
    try:
        # Plain lag intervals come first, so that they stay whole when overlaps are taken out of the later ones.
        found = sorted(terms(relation), key=lambda t: (ORDER.index(kind_of(t)), len(t.atoms)))
        whole = tuple(strengthened(t) for t in found if kind_of(t) != "blocks")
        pieces = tuple(map(strengthened, disjoint(t for t in found if kind_of(t) != "blocks")))
    except TooManyTermsError:
        found, whole, pieces = [masked(relation)], (), ()
    by_kind: dict[Kind, list[Term]] = {kind: [] for kind in ORDER}
    for term in (*pieces, *(t for t in found if kind_of(t) == "blocks")):
        by_kind[kind_of(term)].append(term)
    if len(by_kind["band"]) > MAX_SEGMENTS:
        by_kind["blocks"] += by_kind["band"]
        by_kind["band"] = []
    result: list[Scheduled] = []
    if by_kind["band"]:
        result.append(Scheduled("band", tuple(by_kind["band"]), (None,) * len(by_kind["band"])))
    by_columns: dict[tuple[Expr, ...], list[Term]] = {}
    for term in by_kind["columns"]:
        grant = _columns_of(term)
        by_columns.setdefault((grant.period, grant.phase, grant.width), []).append(term)
    result += (Scheduled("columns", tuple(s), tuple(_columns_of(t) for t in s)) for s in by_columns.values())
    by_period: dict[Expr, list[Term]] = {}
    for term in by_kind["residue"]:
        by_period.setdefault(_congruence_of(term).period, []).append(term)
    result += (Scheduled("residue", tuple(s), tuple(_congruence_of(t) for t in s)) for s in by_period.values())
    if by_kind["blocks"]:
        # The terms as they were found say in fewer words what the pieces hold.
        others = [t for t in found if kind_of(t) != "blocks" and any(meet(t, b) for b in by_kind["blocks"])]
        if not set(pieces).isdisjoint(by_kind["blocks"]):
            others = [t for s in result for t in s.terms if any(meet(t, b) for b in by_kind["blocks"])]
        blocks = tuple(by_kind["blocks"])
        result.append(Scheduled("blocks", blocks, (None,) * len(blocks), tuple(others)))
    return tuple(replace(s, cut=s.kind != "blocks" and not set(s.terms) <= set(whole)) for s in result)


def kind_of(term: Term) -> Kind:
    """The cheapest exact schedule of a term."""
    if any(_is_congruence(a) for a in term.atoms):
        return "residue"
    if any(_is_column(a) for a in term.atoms):
        return "columns"
    return "band" if _gapless(term) else "blocks"


def _gapless(term: Term) -> bool:
    """Whether the keys of consecutive queries join up, so that every tile between a tile's bounds has a live pair."""
    if not bounded(term.atoms):
        return False
    stairs = [a for a in term.atoms if isinstance(a, ChunkLag | SameDocument)]
    if not stairs or (term.lag == ANY_LAG and len(term.atoms) == 1):
        return True
    # A staircase that is cut has gaps between its steps, unless every row keeps the diagonal.
    lo, hi = number(term.lag.lo), number(term.lag.hi)
    chunks = [a for a in stairs if isinstance(a, ChunkLag)]
    diagonal = all((number(a.lo) or 0) <= 0 and (a.hi is None or (number(a.hi) or 0) >= 0) for a in chunks)
    return diagonal and (lo is None or lo <= 0) and (hi is None or hi >= 0)


def bounded(atoms: tuple[Atom, ...]) -> bool:
    """Whether the closed forms of `closed_forms` say all that the atoms say."""
    kinds = Lag | KeyRange | QueryRange | ChunkLag
    return all((isinstance(a, SameDocument) and a.same) or (isinstance(a, kinds) and not a.document) for a in atoms)


def _is_congruence(atom: Atom) -> bool:
    return isinstance(atom, LagMod) and _tiled(atom.period) and number(atom.width) == 1


def _is_column(atom: Atom) -> bool:
    return isinstance(atom, KeyMod) and not atom.document and _tiled(atom.period)


def _tiled(period: Expr) -> bool:
    """Whether the last row of a tile, that many periods behind its first, is a number of 32 bits."""
    value = number(period)
    return value is not None and value <= MAX_PERIOD


def _congruence_of(term: Term) -> LagMod:
    return next(a for a in term.atoms if isinstance(a, LagMod) and _is_congruence(a))


def _columns_of(term: Term) -> KeyMod:
    """The sparsest columns of a term."""
    found = [a for a in term.atoms if isinstance(a, KeyMod) and _is_column(a)]
    return min(found, key=lambda a: (number(a.width) or 0) / (number(a.period) or 1))


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
