"""The proof of a statement about given numbers: the paths and the holes that the checker asks for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import Any

from patternc.analysis import bits, checker
from patternc.analysis.evidence import lag_path
from patternc.analysis.intset import INF, IntSet, interval
from patternc.analysis.lagset import Term, terms_of, union_of
from patternc.analysis.receptive_field import Field

MAX_LAYERS = 4096
MAX_BITS = 1 << 26
MAX_TOKENS = 4096
"""The pairs of so many tokens are looked at one by one."""


class UnprovedError(ValueError):
    """No proof was found."""


def proof_for_numbers(statement: dict[str, Any]) -> dict[str, Any]:
    """A proof of a statement with numbers for its symbols.  Raises `UnprovedError`."""
    leaf: dict[str, Any] = {"goals": [], "evidence": []}
    _add(statement, leaf)
    return leaf


def _add(statement: dict[str, Any], leaf: dict[str, Any]) -> None:
    """Adds what the statement needs for its numbers, one after another for a range."""
    for name, span in statement["values"].items():
        if isinstance(span, list):
            for x in range(span[0], span[1] + 1):
                _add({**statement, "values": {**statement["values"], name: x}}, leaf)
            return
    _Numbers(statement, leaf)


class _Numbers(checker.Case):
    """A statement about given numbers; the paths that are asked for go to ``leaf``."""

    def __init__(self, statement: dict[str, Any], leaf: dict[str, Any]):
        self.leaf = leaf
        super().__init__(statement, leaf, ())

    def counted(self, op: str, count: checker.Poly, cap: checker.Poly | None = None) -> checker.Poly:
        """The value of a term, with a path there and the least lag that none crosses."""
        self.show(count)
        if count.number > MAX_LAYERS:
            raise UnprovedError("too many layers")
        layers = [self.sets[min(i, len(self.sets) - 1)] for i in range(int(count.number))]
        if cap is not None:
            return self._covered(layers, int(cap.number))
        field = Field(list(Counter(layers).items()))
        hole = None if op == "reach" else int(min(field.prefix, MAX_BITS)) + 1
        lag = hole - 1 if op == "prefix" and hole is not None else sum(layer.greatest for layer in layers)
        self._add(layers, lag, hole)
        return checker.Poly(int(field.coverage if op == "coverage" else lag))

    def _covered(self, layers: Sequence[IntSet], n: int) -> checker.Poly:
        """The largest lag up to which all is seen, or token."""
        if any(layer.meets(1 - n, -1) for layer in self.sets):
            path, hole = _among(layers, n)
            self.leaf["evidence"].append({"path": path, "hole": hole})
            return checker.Poly(sum(path))
        layers = [layer & interval(0, n - 1) for layer in layers]
        hole = int(min(Field(list(Counter(layers).items())).prefix, n - 1)) + 1
        self._add(layers, hole - 1, hole)
        return checker.Poly(hole - 1)

    def _add(self, layers: Sequence[IntSet], lag: int | float, hole: int | None) -> None:
        hops = lag_path(layers, int(lag)) if lag <= MAX_BITS else None
        if hops is None:
            raise UnprovedError(f"a path across {lag}")
        self.leaf["evidence"].append({"path": list(reversed(hops)), "hole": hole})

    @cached_property
    def sets(self) -> list[IntSet]:
        """The lags of each layer."""
        numbers: Any = self.layers
        return [_lags(tuple(tuple(e if e == "oo" else e.number for e in lag) for lag in layer)) for layer in numbers]


@lru_cache(maxsize=256)
def _lags(layer: tuple[tuple[Any, ...], ...]) -> IntSet:
    held = interval(0, 0)
    for start, width, period, hops, *negated in layer:
        lags = union_of([Term(start, period, INF if hops == "oo" else hops, width)])
        held |= lags.reflected() if negated else lags
    return held


def _among(layers: Sequence[IntSet], n: int) -> tuple[list[int], list[int]]:
    """The first pair of n tokens without a path, and a path from token 0 to the token before that one."""
    if n > MAX_TOKENS:
        raise UnprovedError("too many tokens to follow one by one")
    layers = [layer & interval(1 - n, n - 1) for layer in layers]
    seen, whole = bits.repeated(1, n + 1, n), bits.ones(n * n)
    for layer in layers:
        seen = _stepped(seen, layer, n) & whole
        if seen == whole:
            break
    token, missed = divmod(bits.first_missing(seen), n)
    return _path(layers, n, max(token - 1, 0)), [token, missed]


def _stepped(seen: int, layer: IntSet, unit: int) -> int:
    """What is seen a layer later, where a lag of 1 is so many bits."""
    found = 0
    for term in terms_of(layer):
        lags = term.canonical()
        run = bits.repeated(bits.repeated(seen, unit, lags.width + 1), unit * lags.period, int(lags.hops) + 1)
        found |= run << unit * lags.start if lags.start >= 0 else run >> unit * -lags.start
    return found


def _path(layers: Sequence[IntSet], n: int, aim: int) -> list[int]:
    """Hops, first layer first, that lead from token 0 to ``aim`` and not beyond the tokens."""
    places = list(accumulate(layers, lambda held, layer: _stepped(held, layer, 1) & bits.ones(n), initial=1))
    hops: list[int] = []
    for layer, before in zip(reversed(layers), reversed(places[:-1]), strict=True):
        choices = before & bits.from_set(layer.reflected().shifted(aim), 0, n - 1)
        if not choices:
            raise UnprovedError("a path among the tokens")
        hops.append(0 if choices >> aim & 1 else aim - (choices.bit_length() - 1))
        aim -= hops[-1]
    return hops[::-1]
