"""Relations between query and key positions: atoms of a few closed kinds, joined by and, or, not.

Membership of a pair is defined here and nowhere else: every atom gives one boolean expression over `q`, `k` and `n`
(`qd`, `kd`, `nd` within a document), and a relation's expression follows from its atoms'.  Masks, kernels, lints and
proofs derive from it.  Arguments of atoms are expressions over parameters, `h` and `heads`; in an instantiated
pattern they are numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from itertools import product
from math import prod
from typing import TypeAlias

from patternc.ir.expr import (
    ONE,
    TRUE,
    ZERO,
    Bool,
    Expr,
    Int,
    Sym,
    add,
    arith,
    compare,
    conjunction,
    disjunction,
    minimum,
    neg,
    negation,
    show,
    sub,
    substitute,
)

Q, K, D, N = Sym(".q"), Sym(".k"), Sym(".d"), Sym(".n")
LAG = sub(Q, K)
SAME_DOCUMENT = Sym(".same_document")
"""A boolean symbol: whether query and key lie in one document."""
IN_DOCUMENT = {".q": Sym(".qd"), ".k": Sym(".kd"), ".n": Sym(".nd")}
MAX_ALTERNATIVES = 64
MIRRORED = {".q": K, ".k": Q, ".d": sub(K, Q)}


@dataclass(frozen=True)
class Atom:
    """One constraint.  ``document`` says that positions and length are counted within the document."""

    document: bool = False

    def condition(self) -> Expr:
        """The pairs it holds, over `q`, `k`, `n` of its own frame."""
        raise TypeError("an atom of no kind")

    def complement(self) -> tuple[Atom, ...]:
        """Atoms whose union is everything else."""
        raise TypeError("an atom of no kind")

    def mirrored(self) -> Atom:
        """The atom with query and key exchanged."""
        raise TypeError("an atom of no kind")

    def member(self) -> Expr:
        """The pairs it holds, over `q`, `k`, `n` of the sequence and `qd`, `kd`, `nd` of the document."""
        condition = self.condition()
        return substitute(condition, IN_DOCUMENT) if self.document else condition

    def depends_on_frame(self) -> bool:
        """Whether counting positions within the document changes what it holds."""
        return True

    def arguments(self) -> dict[str, Expr]:
        """The expressions it is made of, by field."""
        return {f.name: v for f in fields(self) if isinstance(v := getattr(self, f.name), Expr)}

    def substituted(self, values: Mapping[str, Expr | int]) -> Atom:
        """The atom with numbers or expressions for symbols of its arguments."""
        return replace(self, **{name: substitute(value, values) for name, value in self.arguments().items()})


def _between(value: Expr, lo: Expr | None, hi: Expr | None) -> Expr:
    bounds = [compare(">=", value, lo)] if lo is not None else []
    return conjunction(bounds + ([compare("<=", value, hi)] if hi is not None else []))


def _outside(make: Callable[[Expr | None, Expr | None], Atom], lo: Expr | None, hi: Expr | None) -> tuple[Atom, ...]:
    below = () if lo is None else (make(None, sub(lo, Int(1))),)
    above = () if hi is None else (make(add(hi, Int(1)), None),)
    return below + above


@dataclass(frozen=True)
class Lag(Atom):
    """``lo <= q - k <= hi``; None is no bound.  The same in every frame."""

    lo: Expr | None = None
    hi: Expr | None = None

    def condition(self) -> Expr:
        return _between(LAG, self.lo, self.hi)

    def complement(self) -> tuple[Atom, ...]:
        return _outside(lambda lo, hi: replace(self, lo=lo, hi=hi), self.lo, self.hi)

    def mirrored(self) -> Atom:
        return replace(self, lo=None if self.hi is None else neg(self.hi), hi=None if self.lo is None else neg(self.lo))

    def depends_on_frame(self) -> bool:
        return False


@dataclass(frozen=True)
class LagMod(Atom):
    """``(q - k - phase) mod period < width``.  A ring is the one whose period is `n`."""

    period: Expr = ZERO
    phase: Expr = ZERO
    width: Expr = ONE

    def condition(self) -> Expr:
        residue = arith("%", sub(LAG, self.phase), self.period)
        return compare("==", residue, ZERO) if self.width == ONE else compare("<", residue, self.width)

    def complement(self) -> tuple[Atom, ...]:
        width = minimum(self.width, self.period)
        return (replace(self, phase=add(self.phase, width), width=sub(self.period, width)),)

    def mirrored(self) -> Atom:
        return replace(self, phase=sub(Int(1), add(self.phase, minimum(self.width, self.period))))

    def depends_on_frame(self) -> bool:
        return N.name in self.period.symbols


@dataclass(frozen=True)
class KeyRange(Atom):
    """``lo <= k <= hi``."""

    lo: Expr | None = None
    hi: Expr | None = None

    def condition(self) -> Expr:
        return _between(K, self.lo, self.hi)

    def complement(self) -> tuple[Atom, ...]:
        return _outside(lambda lo, hi: replace(self, lo=lo, hi=hi), self.lo, self.hi)

    def mirrored(self) -> Atom:
        return QueryRange(self.document, self.lo, self.hi)


@dataclass(frozen=True)
class QueryRange(Atom):
    """``lo <= q <= hi``."""

    lo: Expr | None = None
    hi: Expr | None = None

    def condition(self) -> Expr:
        return _between(Q, self.lo, self.hi)

    def complement(self) -> tuple[Atom, ...]:
        return _outside(lambda lo, hi: replace(self, lo=lo, hi=hi), self.lo, self.hi)

    def mirrored(self) -> Atom:
        return KeyRange(self.document, self.lo, self.hi)


@dataclass(frozen=True)
class KeyMod(Atom):
    """``(k - phase) mod period < width``."""

    period: Expr = ZERO
    phase: Expr = ZERO
    width: Expr = ONE

    def condition(self) -> Expr:
        return compare("<", arith("%", sub(K, self.phase), self.period), self.width)

    def complement(self) -> tuple[Atom, ...]:
        width = minimum(self.width, self.period)
        return (replace(self, phase=add(self.phase, width), width=sub(self.period, width)),)

    def mirrored(self) -> Atom:
        return QueryMod(self.document, self.period, self.phase, self.width)


@dataclass(frozen=True)
class QueryMod(Atom):
    """``(q - phase) mod period < width``."""

    period: Expr = ZERO
    phase: Expr = ZERO
    width: Expr = ONE

    def condition(self) -> Expr:
        return compare("<", arith("%", sub(Q, self.phase), self.period), self.width)

    def complement(self) -> tuple[Atom, ...]:
        width = minimum(self.width, self.period)
        return (replace(self, phase=add(self.phase, width), width=sub(self.period, width)),)

    def mirrored(self) -> Atom:
        return KeyMod(self.document, self.period, self.phase, self.width)


@dataclass(frozen=True)
class ChunkLag(Atom):
    """``lo <= q // size - k // size <= hi``; None is no bound."""

    size: Expr = ONE
    lo: Expr | None = None
    hi: Expr | None = None

    def condition(self) -> Expr:
        return _between(sub(arith("//", Q, self.size), arith("//", K, self.size)), self.lo, self.hi)

    def complement(self) -> tuple[Atom, ...]:
        return _outside(lambda lo, hi: replace(self, lo=lo, hi=hi), self.lo, self.hi)

    def mirrored(self) -> Atom:
        lo, hi = self.lo, self.hi
        return replace(self, lo=None if hi is None else neg(hi), hi=None if lo is None else neg(lo))


@dataclass(frozen=True)
class SameDocument(Atom):
    """Query and key in one document (``same=False``: in two)."""

    same: bool = True

    def condition(self) -> Expr:
        return SAME_DOCUMENT if self.same else negation(SAME_DOCUMENT)

    def complement(self) -> tuple[Atom, ...]:
        return (replace(self, same=not self.same),)

    def mirrored(self) -> Atom:
        return self

    def depends_on_frame(self) -> bool:
        return False


@dataclass(frozen=True)
class Condition(Atom):
    """What no other kind holds: one comparison over `q`, `k`, `d`, `n`, `h`."""

    test: Expr = TRUE

    def condition(self) -> Expr:
        return substitute(self.test, {".d": LAG})

    def complement(self) -> tuple[Atom, ...]:
        return (replace(self, test=negation(self.test)),)

    def mirrored(self) -> Atom:
        return replace(self, test=substitute(self.test, MIRRORED))

    def depends_on_frame(self) -> bool:
        return bool(self.test.symbols & IN_DOCUMENT.keys())


@dataclass(frozen=True)
class Union:
    """The pairs of any part; without parts none."""

    parts: tuple[Relation, ...]


@dataclass(frozen=True)
class Intersection:
    """The pairs of all parts; without parts every pair."""

    parts: tuple[Relation, ...]


@dataclass(frozen=True)
class Complement:
    """The pairs that the part does not hold."""

    part: Relation


Relation: TypeAlias = Atom | Union | Intersection | Complement

EVERYTHING: Relation = Intersection(())
NOTHING: Relation = Union(())


def union(*parts: Relation) -> Relation:
    """The union, nested ones made one."""
    flat = [p for part in parts for p in (part.parts if isinstance(part, Union) else (part,))]
    return flat[0] if len(flat) == 1 else Union(tuple(flat))


def intersection(*parts: Relation) -> Relation:
    """The intersection, nested ones made one."""
    flat = [p for part in parts for p in (part.parts if isinstance(part, Intersection) else (part,))]
    return flat[0] if len(flat) == 1 else Intersection(tuple(flat))


def difference(left: Relation, right: Relation) -> Relation:
    """The pairs of ``left`` that ``right`` does not hold."""
    return intersection(left, Complement(right))


def alternatives(relation: Relation) -> list[Relation]:
    """Relations without unions in them, but for those in complements, that the relation is the union of.

    A part of which there would be too many is left as it is.
    """
    match relation:
        case Union(parts):
            return [found for part in parts for found in alternatives(part)]
        case Intersection(parts):
            each = [alternatives(part) for part in parts]
            few = prod(len(found) for found in each) <= MAX_ALTERNATIVES
            return [Intersection(chosen) for chosen in product(*each)] if few else [relation]
        case _:
            return [relation]


def mapped(relation: Relation, change: Callable[[Atom], Relation]) -> Relation:
    """``relation`` with every atom changed."""
    match relation:
        case Union(parts):
            return Union(tuple(mapped(p, change) for p in parts))
        case Intersection(parts):
            return Intersection(tuple(mapped(p, change) for p in parts))
        case Complement(part):
            return Complement(mapped(part, change))
        case _:
            return change(relation)


def mirror(relation: Relation) -> Relation:
    """``relation`` with query and key exchanged."""
    return mapped(relation, lambda atom: atom.mirrored())


def per_document(relation: Relation) -> Relation:
    """``relation`` within each document, positions and length counted there."""

    def framed(atom: Atom) -> Atom:
        return replace(atom, document=True) if atom.depends_on_frame() else atom

    return intersection(SameDocument(), mapped(relation, framed))


def substituted(relation: Relation, values: Mapping[str, Expr | int]) -> Relation:
    """The relation with numbers or expressions for symbols of its arguments."""
    return mapped(relation, lambda atom: atom.substituted(values))


def member(relation: Relation) -> Expr:
    """The one definition of membership: a boolean expression over positions and ``same_document``."""
    match relation:
        case Union(parts):
            return disjunction(member(p) for p in parts)
        case Intersection(parts):
            return conjunction(member(p) for p in parts)
        case Complement(part):
            return negation(member(part))
        case _:
            return relation.member()


def atoms(relation: Relation) -> Iterable[Atom]:
    """Every atom, from left to right."""
    match relation:
        case Union(parts) | Intersection(parts):
            for part in parts:
                yield from atoms(part)
        case Complement(part):
            yield from atoms(part)
        case _:
            yield relation


def needs_documents(relation: Relation) -> bool:
    """Whether membership depends on where documents begin."""
    return any(isinstance(a, SameDocument) or a.document for a in atoms(relation))


def describe(relation: Relation) -> str:
    """Deterministic text for `--emit ir`: operators as in the language, atoms by their conditions."""
    match relation:
        case Union(()):
            return "none"
        case Intersection(()):
            return "full"
        case Union(parts):
            return "(" + " | ".join(describe(p) for p in parts) + ")"
        case Intersection(parts):
            return "(" + " & ".join(describe(p) for p in parts) + ")"
        case Complement(part):
            return "~" + describe(part)
        case _:
            condition = relation.condition()
            text = show(condition) if not isinstance(condition, Bool) else ("full" if condition.value else "none")
            return f"document[{text}]" if relation.document else f"[{text}]"
