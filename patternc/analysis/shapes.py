"""Relations with numbers in them, sorted by what membership depends on: the lag, the key, the query, or the pair.

A shape is a union or an intersection of leaves.  Positions are known not to be negative (and to lie below n, where n is
given), so ``k < 0`` is nothing here and ``q // 4 >= 0`` everything.  `where` conditions are recognised by what they
mean: ``where(q % 4 == k % 4)`` is a set of lags like ``stride(4)`` is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import reduce
from typing import TypeAlias

from patternc.analysis.intset import ALL, EMPTY, IntSet, TooLarge, congruent, interval
from patternc.analysis.quasi import Floor, Linear, NotQuasiAffine, linear, solutions, symbol
from patternc.ir import relation as ir
from patternc.ir.expr import Bool, Compare, Expr, Int, Logic, negation

_Q, _K, _D = ".q", ".k", ".d"


@dataclass(frozen=True)
class LagIn:
    """``q - k`` in a set."""

    lags: IntSet


@dataclass(frozen=True)
class KeyIn:
    """The pairs whose key is in a set."""

    keys: IntSet


@dataclass(frozen=True)
class QueryIn:
    """The pairs whose query is in a set."""

    queries: IntSet


@dataclass(frozen=True)
class ChunkIn:
    """``(q + offset) // size - (k + offset) // size`` in a set."""

    size: int
    offset: int
    distances: IntSet


@dataclass(frozen=True)
class Pairs:
    """A condition over `q` and `k` (and `n`, where n is not given) that is none of the others."""

    test: Expr


@dataclass(frozen=True)
class Both:
    """The pairs that are in every part."""

    parts: tuple[Shape, ...]


@dataclass(frozen=True)
class Either:
    """The pairs that are in some part."""

    parts: tuple[Shape, ...]


Leaf: TypeAlias = LagIn | KeyIn | QueryIn | ChunkIn | Pairs
Shape: TypeAlias = Leaf | Both | Either

CLIPPED = 1 << 13
"""Up to this length sets are cut to the sequence."""

EVERY: Shape = Both(())
NONE: Shape = Either(())
SELF: Shape = LagIn(interval(0, 0))


def leaves(shape: Shape) -> Iterable[Leaf]:
    """The parts of a shape that have no parts."""
    if isinstance(shape, Both | Either):
        for part in shape.parts:
            yield from leaves(part)
    else:
        yield shape


def by_lag(shape: Shape) -> bool:
    """Whether membership is a function of the lag alone (and of nothing like n)."""
    return all(isinstance(leaf, LagIn) for leaf in leaves(shape))


def depends_on_n(shape: Shape) -> bool:
    """Whether a shape speaks of the length."""
    return any(isinstance(leaf, Pairs) and ".n" in leaf.test.symbols for leaf in leaves(shape))


def lag_set(shape: Shape) -> IntSet:
    """The lags of a shape that is `by_lag`.  Raises `TooLarge`."""
    match shape:
        case LagIn(lags):
            return lags
        case Both(parts):
            return reduce(lambda a, b: a & b, map(lag_set, parts), ALL)
        case Either(parts):
            return reduce(lambda a, b: a | b, map(lag_set, parts), EMPTY)
        case _:
            raise TypeError(f"not by lag alone: {shape!r}")


def shape_of(relation: ir.Relation, n: int | None = None) -> Shape:
    """``relation``, its arguments numbers, as a shape.

    Documents: the whole sequence is one, so `same_document` holds everywhere and positions within the document are
    those of the sequence.
    """
    return _Builder(n).relation(relation)


class _Builder:
    def __init__(self, n: int | None):
        self.n = n
        end = None if n is None else n - 1
        self.positions = interval(0, end)
        self.lags = interval(None if n is None else 1 - n, end)

    def relation(self, relation: ir.Relation, holds: bool = True) -> Shape:
        """``relation``, or where ``holds`` is false its complement."""
        match relation:
            case ir.Union(parts):
                return (self.either if holds else self.both)(self.relation(p, holds) for p in parts)
            case ir.Intersection(parts):
                return (self.both if holds else self.either)(self.relation(p, holds) for p in parts)
            case ir.Complement(part):
                return self.relation(part, not holds)
            case _:
                return self.atom(relation, holds)

    def atom(self, atom: ir.Atom, holds: bool) -> Shape:
        if isinstance(atom, ir.SameDocument):
            return EVERY if atom.same == holds else NONE
        if self.n is not None:
            atom = atom.substituted({".n": self.n})
        direct = _direct(atom)
        if direct is None:
            test = atom.condition()
            return self.condition(test if holds else negation(test))
        return self.leaf(direct if holds else _negated(direct))

    def condition(self, test: Expr) -> Shape:
        match test:
            case Bool(truth):
                return EVERY if truth else NONE
            case Logic("and", args):
                return self.both(self.condition(a) for a in args)
            case Logic("or", args):
                return self.either(self.condition(a) for a in args)
            case Logic(_, args):
                return self.condition(negation(args[0]))
            case Compare(op, left, right):
                try:
                    return self.leaf(_recognised(test, op, left, right))
                except (NotQuasiAffine, TooLarge):
                    return Pairs(test)
            case _:
                raise TypeError(f"not a condition: {test!r}")

    def leaf(self, leaf: Leaf) -> Shape:
        """``leaf``, or everything or nothing where the range of positions makes it so."""
        match leaf:
            case LagIn(members):
                domain = self.lags
            case KeyIn(members) | QueryIn(members):
                domain = self.positions
            case ChunkIn(_, _, members):
                domain = ALL
            case Pairs():
                return leaf
        if not members.pieces:
            return NONE
        if domain.within(members):
            return EVERY
        if not members.meets(domain.least, domain.greatest):
            return NONE
        return self.clipped(leaf) if self.n is not None and self.n <= CLIPPED else leaf

    def clipped(self, leaf: LagIn | KeyIn | QueryIn | ChunkIn) -> Leaf:
        """``leaf`` within the sequence: unions of long periods, which are too large without end, are small there."""
        match leaf:
            case LagIn(members):
                return LagIn(members & self.lags)
            case KeyIn(members):
                return KeyIn(members & self.positions)
            case QueryIn(members):
                return QueryIn(members & self.positions)
            case ChunkIn():
                return leaf

    def both(self, parts: Iterable[Shape]) -> Shape:
        return self._joined(parts, Both, Either, lambda a, b: a & b)

    def either(self, parts: Iterable[Shape]) -> Shape:
        return self._joined(parts, Either, Both, lambda a, b: a | b)

    def _joined(
        self,
        parts: Iterable[Shape],
        kind: type[Both] | type[Either],
        other: type[Both] | type[Either],
        merge: Callable[[IntSet, IntSet], IntSet],
    ) -> Shape:
        """Parts of one kind merged into one leaf each; ``other(())`` absorbs, ``kind(())`` is neutral."""
        result: dict[Shape, None] = {}
        for part in parts:
            for piece in part.parts if isinstance(part, kind) else (part,):
                if piece == other(()):
                    return piece
                result = self._merged(result, piece, merge)
        flat = tuple(result)
        if other(()) in flat:
            return other(())
        flat = tuple(p for p in flat if p != kind(()))
        return flat[0] if len(flat) == 1 else kind(flat)

    def _merged(
        self, parts: dict[Shape, None], new: Shape, merge: Callable[[IntSet, IntSet], IntSet]
    ) -> dict[Shape, None]:
        for old in parts:
            try:
                joined = _merge(old, new, merge)
            except TooLarge:
                continue
            if joined is not None:
                return {(self.leaf(joined) if p == old else p): None for p in parts}
        return {**parts, new: None}


def _merge(a: Shape, b: Shape, merge: Callable[[IntSet, IntSet], IntSet]) -> Leaf | None:
    match a, b:
        case LagIn(x), LagIn(y):
            return LagIn(merge(x, y))
        case KeyIn(x), KeyIn(y):
            return KeyIn(merge(x, y))
        case QueryIn(x), QueryIn(y):
            return QueryIn(merge(x, y))
        case ChunkIn(size, offset, x), ChunkIn(other, other_offset, y) if (size, offset) == (other, other_offset):
            return ChunkIn(size, offset, merge(x, y))
        case _:
            return None


def _direct(atom: ir.Atom) -> Leaf | None:
    """The leaf of an atom whose arguments are numbers."""
    numbers = {name: e.value for name, e in atom.arguments().items() if isinstance(e, Int)}
    if len(numbers) != len(atom.arguments()):
        return None
    match atom:
        case ir.Lag():
            return LagIn(interval(numbers.get("lo"), numbers.get("hi")))
        case ir.KeyRange():
            return KeyIn(interval(numbers.get("lo"), numbers.get("hi")))
        case ir.QueryRange():
            return QueryIn(interval(numbers.get("lo"), numbers.get("hi")))
        case ir.LagMod():
            return LagIn(congruent(**numbers))
        case ir.KeyMod():
            return KeyIn(congruent(**numbers))
        case ir.QueryMod():
            return QueryIn(congruent(**numbers))
        case ir.ChunkLag():
            return _chunk(numbers["size"], 0, interval(numbers.get("lo"), numbers.get("hi")))
        case _:
            return None


def _chunk(size: int, offset: int, distances: IntSet) -> Leaf:
    return LagIn(distances) if size == 1 else ChunkIn(size, offset % size, distances)


def _negated(leaf: Leaf) -> Leaf:
    match leaf:
        case LagIn(lags):
            return LagIn(lags.complement())
        case KeyIn(keys):
            return KeyIn(keys.complement())
        case QueryIn(queries):
            return QueryIn(queries.complement())
        case ChunkIn():
            return replace(leaf, distances=leaf.distances.complement())
        case Pairs(test):
            return Pairs(negation(test))


def _recognised(test: Expr, op: str, left: Expr, right: Expr) -> Leaf:
    """What a comparison depends on.  Raises `NotQuasiAffine` or `TooLarge`."""
    if ".n" in test.symbols:
        return Pairs(test)
    by_key = {_Q: symbol(_D) + symbol(_K)}
    form = linear(left, by_key) - linear(right, by_key)
    if _K not in form.symbols:
        return LagIn(solutions(form, op))
    form = linear(left, {}) - linear(right, {})
    if _Q not in form.symbols:
        return KeyIn(solutions(form, op))
    if _K not in form.symbols:
        return QueryIn(solutions(form, op))
    return _chunk_distance(form, op) or _same_residue(form, op) or Pairs(test)


def _floors(form: Linear) -> dict[str, tuple[Floor, int]] | None:
    """The floor divisions ``(q + a) // b`` and ``(k + a) // b`` of a form, with their coefficients."""
    found: dict[str, tuple[Floor, int]] = {}
    for key, c in form.items:
        if isinstance(key, Floor):
            if len(key.inner.items) != 1:
                return None
            name, factor = next(iter(key.inner.items))
            if factor != 1 or not isinstance(name, str) or name in found:
                return None
            found[name] = key, c
        elif not isinstance(key, str):
            return None
    return found if found.keys() == {_Q, _K} and len({f.divisor for f, _ in found.values()}) == 1 else None


def _chunk_distance(form: Linear, op: str) -> Leaf | None:
    """``(q + a) // b - (k + a) // b + c op 0``: the distance of two chunks."""
    floors = _floors(form)
    if floors is None or len(form.items) != 2 or floors[_Q][1] != -floors[_K][1]:
        return None
    (by_q, c), (by_k, _) = floors[_Q], floors[_K]
    if by_q.inner.const != by_k.inner.const:
        return None
    return _chunk(by_q.divisor, by_q.inner.const, solutions(symbol(_D).times(c) + Linear(frozenset(), form.const), op))


def _same_residue(form: Linear, op: str) -> Leaf | None:
    """``(q + a) % b == (k + a') % b``: a congruence of the lag."""
    floors = _floors(form)
    if floors is None or len(form.items) != 4 or op not in ("==", "!="):
        return None
    (by_q, c), (by_k, c_k) = floors[_Q], floors[_K]
    b, unit = by_q.divisor, form.coefficients.get(_Q, 0)
    if abs(unit) != 1 or form.coefficients.get(_K) != -unit or c != -unit * b or c_k != -c:
        return None
    shift = by_k.inner.const - by_q.inner.const
    if form.const * unit != -shift:
        return None
    lags = congruent(b, shift)
    return LagIn(lags if op == "==" else lags.complement())
