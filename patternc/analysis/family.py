"""Recognition: the lags that a pattern with open parameters holds, as blocks with symbolic bounds.

A relation whose membership depends on the lag alone is brought to blocks
``{start + m*period + [0, width] : 0 <= m <= hops}`` of lags >= 0, and of negated lags >= 1.  A layer unites its heads
and branches, and lag 0 belongs to it: a token sees itself through the residual connection.  `Side` is what the closed
forms speak of: a window ``[0, k]`` and skips beyond it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from patternc.analysis.symbolic.knowledge import Knowledge, UndeterminedError
from patternc.ir.expr import ONE, ZERO, Expr, Int, Sym, add, arith, compare, mul, sub
from patternc.ir.program import Infinity
from patternc.ir.recognise import recognised
from patternc.ir.relation import (
    Atom,
    Complement,
    Intersection,
    Lag,
    LagMod,
    N,
    Relation,
    Union,
)

MAX_PARTS = 64
INFINITE = Infinity()

Part: TypeAlias = tuple[Atom, ...]
"""A conjunction of atoms."""


@dataclass(frozen=True)
class Block:
    """``{start + m*period + [0, width] : 0 <= m <= hops}``, with ``start >= 0``; ``hops`` None is no end."""

    start: Expr
    width: Expr
    period: Expr = ONE
    hops: Expr | None = ZERO

    @property
    def last(self) -> Expr:
        """Its largest element."""
        if self.hops is None:
            return INFINITE
        return add(add(self.start, mul(self.hops, self.period)), self.width)


@dataclass(frozen=True)
class Lags:
    """The lags of a relation: ``up`` those >= 0, ``down`` the negated ones of those <= -1."""

    up: tuple[Block, ...] = ()
    down: tuple[Block, ...] = ()

    def union(self, other: Lags) -> Lags:
        """The lags of either."""
        return Lags(_distinct(self.up + other.up), _distinct(self.down + other.down))


@dataclass(frozen=True)
class Side:
    """``[0, window]`` and the skips that reach further; ``window`` is `INFINITE` where every lag is held."""

    window: Expr
    skips: tuple[Block, ...] = ()


def parts(relation: Relation, know: Knowledge) -> list[Part] | None:
    """The relation as a union of conjunctions of atoms without complements; None where it takes too many."""
    bounds = {name: low for name in know.order for low in (0, 1) if know.proves(compare(">=", Sym(name), Int(low)))}
    return _expanded(recognised(relation, bounds), False)


def _expanded(relation: Relation, complemented: bool) -> list[Part] | None:
    match relation:
        case Complement(part):
            return _expanded(part, not complemented)
        case Union(items) | Intersection(items):
            sides = [_expanded(item, complemented) for item in items]
            if isinstance(relation, Union) != complemented:
                result = [part for side in sides if side is not None for part in side]
            else:
                result = [()]
                for side in sides:
                    result = [(*a, *b) for a in result for b in side or ()]
                    if len(result) > MAX_PARTS:
                        return None
            return None if None in sides or len(result) > MAX_PARTS else list(dict.fromkeys(result))
        case _:
            return [(atom,) for atom in (relation.complement() if complemented else (relation,))]


def lags(relation: Relation, know: Knowledge, loose: bool = False) -> Lags | None:
    """The lags that the relation holds, where it is a function of the lag alone; else None.

    Where it is ``loose``, lag 0 may stand among the negated ones.  Raises `UndeterminedError` where the form depends on
    the parameters.
    """
    found = Lags()
    expanded = parts(relation, know)
    if expanded is None:
        return None
    for part in expanded:
        both = part_lags(part, know, loose)
        if both is None:
            return None
        found = found.union(both)
    return found


def part_lags(part: Part, know: Knowledge, loose: bool = False) -> Lags | None:
    """The lags of a conjunction; None where it is not a function of the lag alone."""
    bounds = [a for a in part if isinstance(a, Lag)]
    residues = list(dict.fromkeys(a for a in part if isinstance(a, LagMod)))
    if len(bounds) + sum(isinstance(a, LagMod) for a in part) < len(part) or len(residues) > 1:
        return None
    if any(N.name in a.member().symbols for a in part):
        return None
    up = _upward(bounds, residues, ZERO, know)
    turned = [a.mirrored() for a in bounds], [a.mirrored() for a in residues]
    try:
        down = _upward(*turned, ONE, know)
    except UndeterminedError:
        if not loose:
            raise
        down = _upward(*turned, ZERO, know)
    return None if up is None or down is None else Lags(up, down)


def _upward(bounds: Sequence[Atom], residues: Sequence[Atom], least: Expr, know: Knowledge) -> tuple[Block, ...] | None:
    """The blocks of the lags ``>= least`` that the atoms hold."""
    lows = [a.lo for a in bounds if isinstance(a, Lag) and a.lo is not None]
    highs = [a.hi for a in bounds if isinstance(a, Lag) and a.hi is not None]
    lo = know.normal(know.larger(least, *lows))
    hi = know.normal(know.smaller(*highs)) if highs else None
    if hi is not None and not know.ask(compare("<=", lo, hi)):
        return ()
    residue = residues[0] if residues else None
    if not isinstance(residue, LagMod) or know.proves(compare(">=", residue.width, residue.period)):
        return (Block(lo, ZERO, ONE, None),) if hi is None else (Block(lo, know.normal(sub(hi, lo))),)
    period, width = residue.period, know.normal(sub(residue.width, ONE))
    if not know.ask(compare(">=", width, ZERO)):
        return ()
    ahead = know.normal(arith("%", sub(residue.phase, lo), period))
    start = know.normal(add(lo, ahead))
    # A run that begins before `lo` must have ended before it.
    if ahead != ZERO and not know.ask(compare(">", sub(period, width), ahead)):
        return None
    if hi is None:
        return (Block(start, width, period, None),)
    if not know.ask(compare("<=", add(start, width), hi)):
        return () if know.ask(compare(">", start, hi)) else (Block(start, know.normal(sub(hi, start))),)
    hops = know.normal(arith("//", sub(sub(hi, start), width), period))
    # Nor may a run go on beyond `hi`.
    if width != ZERO and not know.ask(compare(">", add(start, mul(add(hops, ONE), period)), hi)):
        return None
    return (Block(start, width) if hops == ZERO else Block(start, width, period, hops),)


def side(blocks: Iterable[Block], know: Knowledge) -> Side | None:
    """Lag 0 and the blocks as one window and skips; None where they are of no such form."""
    window: Expr = ZERO
    intervals: list[Block] = []
    strided: list[Block] = []
    for block in _merged([from_zero(b, know) for b in blocks], know):
        if block.start == ZERO and block.width == ZERO and block.hops is not None and block.hops != ZERO:
            # Lag 0 and one more are one more.
            alone = know.proves(compare("==", block.hops, ONE))
            block = Block(block.period, ZERO) if alone else block
        solid = block.hops == ZERO or know.ask(compare(">=", block.width, sub(block.period, ONE)))
        (intervals if solid else strided).append(block)
    for sure in (True, False):
        window = _grown(window, intervals, sure, know)
        if window == INFINITE:
            return Side(INFINITE)
    skips = [Block(ZERO, sub(b.last, b.start), b.start, ONE) for b in intervals if b.hops is not None]
    if len(skips) < len(intervals):
        return None
    for block in strided:
        if know.proves(compare("==", block.start, ZERO)):
            window = know.larger(window, block.width)
        elif know.proves(compare("==", block.start, block.period)):
            # The run at lag 0 is the window's.
            block = _one_hop_earlier(block, know)
        skips.append(block)
    for skip in skips:
        if not know.ask(compare("<=", skip.width, window)):
            return None
    return Side(window, tuple(_merged(skips, know)))


def from_zero(block: Block, know: Knowledge) -> Block:
    """A stride that begins with its period, or a window with 1, as one that begins with lag 0, which is held anyway."""
    if block.hops == ZERO and block.start == ONE:
        return Block(ZERO, know.normal(add(block.width, ONE)))
    strided = block.hops != ZERO and block.width == ZERO
    return _one_hop_earlier(block, know) if strided and know.proves(compare("==", block.start, block.period)) else block


def _one_hop_earlier(block: Block, know: Knowledge) -> Block:
    return replace(block, start=ZERO, hops=None if block.hops is None else know.normal(add(block.hops, ONE)))


def _grown(window: Expr, intervals: list[Block], sure: bool, know: Knowledge) -> Expr:
    """The window with the intervals that touch it, which are removed; ``sure`` takes only those proved to touch."""
    decide = know.proves if sure else know.ask
    for _ in range(len(intervals)):
        touching = next((b for b in intervals if decide(compare("<=", b.start, add(window, ONE)))), None)
        if touching is None:
            break
        intervals.remove(touching)
        if touching.hops is None:
            return INFINITE
        window = know.larger(window, know.normal(touching.last))
    return window


def _merged(skips: list[Block], know: Knowledge) -> Iterator[Block]:
    """The skips with those united that differ in their number of hops, or whose runs stand side by side."""
    left = list(skips)
    while left:
        block = left.pop(0)
        changed = True
        while changed:
            changed = False
            for other in left:
                if (both := _united(block, other, know) or _united(other, block, know)) is not None:
                    left.remove(other)
                    block, changed = both, True
                    break
        yield block


def _united(a: Block, b: Block, know: Knowledge) -> Block | None:
    if not know.proves(compare("==", a.period, b.period)):
        return None
    if a.hops is not None and b.hops is not None:
        same_hops = know.proves(compare("==", a.hops, b.hops))
    else:
        same_hops = a.hops is b.hops
    if know.proves(compare("==", a.start, b.start)) and know.proves(compare("==", a.width, b.width)):
        if a.hops is None or b.hops is None:
            return replace(a, hops=None)
        return replace(a, hops=know.larger(a.hops, b.hops))
    if same_hops and know.proves(compare("==", b.start, add(add(a.start, a.width), ONE))):
        return replace(a, width=know.normal(add(add(a.width, b.width), ONE)))
    return None


def _distinct(blocks: tuple[Block, ...]) -> tuple[Block, ...]:
    return tuple(dict.fromkeys(blocks))
