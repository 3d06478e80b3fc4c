"""The receptive field of one token, layer by layer: what it sees, how far, without a gap how far, and the holes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from patternc.analysis import bits
from patternc.analysis.depth import lags_at
from patternc.analysis.intset import IntSet, TooLarge, interval
from patternc.analysis.lagset import terms_of
from patternc.analysis.semantics import Layer, Model
from patternc.analysis.shapes import by_lag
from patternc.diagnostics import UsageError

MAX_ROWS = 8192
"""The longest sequence that is followed token by token."""
MAX_TOKENS = 1 << 22


@dataclass(frozen=True)
class Step:
    """What ``token`` of ``n`` sees after so many layers: bit k of ``seen`` is the token at position k."""

    layers: int
    n: int
    token: int
    seen: int

    @property
    def reach(self) -> int:
        """The largest lag that is seen."""
        return self.token - ((self.seen & -self.seen).bit_length() - 1)

    @property
    def prefix(self) -> int:
        """The largest lag up to which none is missing."""
        missing = ~self.seen & bits.ones(self.token + 1)
        return self.token - missing.bit_length() if missing else self.token

    @property
    def holes(self) -> int:
        """How many tokens between the farthest one and the token itself are not seen."""
        return self.reach + 1 - (self.seen & bits.ones(self.token + 1)).bit_count()

    @property
    def ahead(self) -> int:
        """How far into the future it sees."""
        return max(self.seen.bit_length() - 1 - self.token, 0)

    @property
    def complete(self) -> bool:
        """Whether it sees every token up to itself, and all later ones if any."""
        return self.seen == bits.ones(self.n) or (self.ahead == 0 and self.prefix == self.token)


def receptive_field(model: Model, n: int, token: int, layers: Iterable[int]) -> list[Step]:
    """What a token sees after each of the numbers of layers.

    Raises `UsageError` where the sequence is too long to follow.
    """
    if n > MAX_TOKENS:
        raise UsageError(f"a receptive field is drawn for up to {MAX_TOKENS:,} tokens, not {n:,}")
    hops = {layer: _hops(layer, n) for layer in model.distinct}
    steps: list[Step] = []
    seen, done = 1 << token, 0
    for count in layers:
        if not model.endless:
            # The last layer's hop comes first, so every depth starts anew.
            seen, done = 1 << token, 0
            for index in reversed(range(count)):
                seen = hops[model.layers[index]].after(seen)
        else:
            while done < count:
                following = hops[model.layers[0]].after(seen)
                done = count if following == seen else done + 1
                seen = following
        steps.append(Step(count, n, token, seen))
    return steps


class _ByLag:
    """A layer in which what a token sees depends on the lag alone, the token itself included."""

    def __init__(self, lags: IntSet, n: int) -> None:
        self.n, self.mask = n, bits.ones(n)
        self.up = terms_of(lags & interval(0, None))
        self.down = terms_of((lags & interval(None, -1)).reflected())

    def after(self, seen: int) -> int:
        """What is seen through one more layer by tokens that are seen."""
        back = bits.reversed_bits(bits.plus(bits.reversed_bits(seen, self.n), self.up, self.mask), self.n)
        return back | bits.plus(seen, self.down, self.mask) if self.down else back


class _ByRow:
    """Any layer, its rows as bit sets."""

    def __init__(self, rows: tuple[int, ...]) -> None:
        self.rows = rows

    def after(self, seen: int) -> int:
        found = 0
        for token in bits.members(seen):
            found |= self.rows[token]
        return found


def _hops(layer: Layer, n: int) -> _ByLag | _ByRow:
    try:
        if by_lag(layer.step(n)):
            return _ByLag(lags_at(layer, n), n)
    except TooLarge:
        pass
    if n > MAX_ROWS:
        raise UsageError(
            f"what a token of {layer.name or 'this pattern'} sees depends on where it stands; "
            f"such a receptive field is drawn for up to {MAX_ROWS:,} tokens, not {n:,}"
        )
    return _ByRow(layer.rows(n))
