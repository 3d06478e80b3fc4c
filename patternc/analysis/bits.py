"""Sets of small non-negative integers as Python integers: bit i says whether i is a member."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from patternc.analysis.intset import INF, IntSet

if TYPE_CHECKING:
    from patternc.analysis.lagset import Term

_ONES = re.compile("1+")


def ones(count: int) -> int:
    """The set ``{0, ..., count - 1}``."""
    return (1 << count) - 1 if count > 0 else 0


def repeated(block: int, period: int, copies: int) -> int:
    """``copies`` of ``block``, each ``period`` further up (they may overlap), with O(log copies) shifts."""
    if copies <= 0:
        return 0
    done = 1
    while 2 * done <= copies:
        block |= block << done * period
        done *= 2
    return block | block << (copies - done) * period if done < copies else block


def repeated_down(block: int, period: int, copies: int) -> int:
    """``copies`` of ``block``, each ``period`` further down; what would fall below 0 is dropped."""
    if copies <= 0:
        return 0
    done = 1
    while 2 * done <= copies:
        block |= block >> done * period
        done *= 2
    return block | block >> (copies - done) * period if done < copies else block


def dilated(bits: int, width: int) -> int:
    """The sum with ``[0, width]``."""
    return repeated(bits, 1, width + 1)


def plus_term(bits: int, term: Term, mask: int) -> int:
    """The sum with a term whose lags are not negative, cut to ``mask`` (a set ``{0, ..., N}``)."""
    length = mask.bit_length()
    if not bits or term.start >= length:
        return 0
    if term.width == 0 == term.hops:
        return bits << term.start & mask
    room = (length - 1 - term.start) // term.period if term.period > 0 else 0
    hops = int(min(term.hops, room))
    block = dilated(bits, min(term.width, length))
    return (repeated(block & mask, term.period, hops + 1) << term.start) & mask


def plus(bits: int, terms: list[Term], mask: int) -> int:
    """The sum with a union of terms without negative lags, cut to ``mask``."""
    result = 0
    for term in terms:
        result |= plus_term(bits, term, mask)
    return result


def from_set(members: IntSet, lo: int, hi: int) -> int:
    """The members within ``[lo, hi]``; bit 0 stands for ``lo``."""
    bits = 0
    for piece in members.pieces:
        a, b = max(lo, piece.lo), min(hi, piece.hi)
        if a > b or a == INF:
            continue
        a, b = int(a), int(b)
        if piece.solid:
            bits |= ones(b - a + 1) << a - lo
            continue
        if b - a < piece.period:
            for x, y in piece.intervals(a, b):
                bits |= ones(y - x + 1) << x - lo
            continue
        start = a - a % piece.period
        block = 0
        for x, y in piece.runs:
            block |= ones(y - x + 1) << x
        span = repeated(block, piece.period, (b - start) // piece.period + 1)
        bits |= (span >> a - start & ones(b - a + 1)) << a - lo
    return bits


def runs(bits: int) -> Iterator[tuple[int, int]]:
    """The members as inclusive intervals, ascending."""
    if not bits & (bits + 1):
        if bits:
            yield 0, bits.bit_length() - 1
        return
    for match in _ONES.finditer(bin(bits)[:1:-1]):
        yield match.start(), match.end() - 1


def first_missing(bits: int) -> int:
    """The least number that is not a member."""
    return (~bits & (bits + 1)).bit_length() - 1


def members(bits: int) -> Iterator[int]:
    """The numbers of the bits that are set, ascending."""
    for lo, hi in runs(bits):
        yield from range(lo, hi + 1)


def rotated(bits: int, by: int, n: int) -> int:
    """All ``(x + by) mod n``, for members below ``n``."""
    by %= n
    return (bits << by | bits >> n - by) & ones(n)


def reversed_bits(bits: int, length: int) -> int:
    """The set of all ``length - 1 - x``."""
    return int(format(bits, f"0{length}b")[::-1], 2)
