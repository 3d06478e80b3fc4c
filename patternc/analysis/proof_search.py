"""Finds the proof that the checker asks for: it runs the checker, and answers each goal as it comes up.

The checker derives what has to be shown; here it meets a `show` that looks for the combination instead of reading it.
So the two cannot disagree about what is shown, and the checker needs to know nothing of how it was found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property, lru_cache
from math import lcm
from typing import Any

from patternc.analysis import checker
from patternc.analysis.evidence import lag_path
from patternc.analysis.intset import INF, IntSet, interval
from patternc.analysis.lagset import Term, union_of
from patternc.analysis.receptive_field import Field
from patternc.analysis.symbolic.polynomial import Poly
from patternc.analysis.symbolic.positivity import contradiction

DEGREE = 3
MAX_FOUND = 4096
_FOUND: dict[Poly, list[list[tuple[int, list[Poly]]]]] = {}
"""Combinations that were found, by the last of their hypotheses."""
MAX_CASES = 24
MAX_LAYERS = 4096
MAX_BITS = 1 << 26


class UnprovedError(ValueError):
    """No proof was found."""


class _SplitError(Exception):
    def __init__(self, split: Any):
        super().__init__(split)
        self.split = split


def proof_of(statement: dict[str, Any]) -> dict[str, Any]:
    """A proof that the checker accepts.  Raises `UnprovedError`."""
    if statement["values"] is None:
        return _tree(statement, (), [MAX_CASES])
    leaf: dict[str, Any] = {"goals": [], "evidence": []}
    _numbers(statement, leaf)
    return leaf


def _numbers(statement: dict[str, Any], leaf: dict[str, Any]) -> None:
    """Adds what the statement needs for its numbers, one after another for a range."""
    for name, span in statement["values"].items():
        if isinstance(span, list):
            for x in range(span[0], span[1] + 1):
                _numbers({**statement, "values": {**statement["values"], name: x}}, leaf)
            return
    _Numbers(statement, leaf)


def _tree(statement: dict[str, Any], splits: tuple[Any, ...], budget: list[int]) -> dict[str, Any]:
    budget[0] -= 1
    if budget[0] < 0:
        raise UnprovedError("too many cases")
    leaf: dict[str, Any] = {"goals": [], "evidence": []}
    try:
        _Search(statement, leaf, splits)
    except _SplitError as depends:
        split = depends.split
        return {
            "split": split,
            "yes": _tree(statement, (*splits, (">=", split, 0)), budget),
            "no": _tree(statement, (*splits, ("<", split, 0)), budget),
        }
    return leaf


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
        field, last = Field(list(Counter(layers).items())), MAX_BITS if cap is None else int(cap.number) - 1
        hole = None if op == "reach" else int(min(field.prefix, last)) + 1
        lag = hole - 1 if op == "prefix" and hole is not None else sum(layer.greatest for layer in layers)
        hops = lag_path(layers, int(lag)) if lag <= MAX_BITS else None
        if hops is None:
            raise UnprovedError(f"a path across {lag}")
        self.leaf["evidence"].append({"path": list(reversed(hops)), "hole": hole})
        return checker.Poly(int(field.coverage if op == "coverage" else lag))

    @cached_property
    def sets(self) -> list[IntSet]:
        """The lags of each layer."""
        numbers: Any = self.layers
        return [_lags(tuple(tuple(e if e == "oo" else e.number for e in lag) for lag in layer)) for layer in numbers]


@lru_cache(maxsize=256)
def _lags(layer: tuple[tuple[Any, ...], ...]) -> IntSet:
    return union_of(Term(s, p, INF if m == "oo" else m, w) for s, w, p, m in layer) | interval(0, 0)


class _Search(checker.Case):
    """A case whose goals are answered by search; the answers go to ``leaf``."""

    def __init__(self, statement: dict[str, Any], leaf: dict[str, Any], splits: Sequence[Any]):
        self.leaf = leaf
        self.definitions: dict[str, Any] = {}
        self.endless = False
        super().__init__(statement, {"goals": [], "evidence": []}, splits)

    def show(self, *goals: checker.Poly, given: Sequence[checker.Poly] = ()) -> None:
        for goal in goals:
            found = _combination([*self.hyps, *given, checker.Poly(-1) - goal])
            if found is None:
                raise UnprovedError(f"{dict(goal)} >= 0")
            self.leaf["goals"].append(found)

    def floor(self, a: checker.Poly, b: checker.Poly) -> checker.Poly:
        return self._defined(["floor", self._tree(a), self._tree(b)], super().floor(a, b))

    def ceil_log2(self, e: checker.Poly) -> checker.Poly:
        return self._defined(["ceil_log2", self._tree(e)], super().ceil_log2(e))

    def _defined(self, tree: Any, variable: checker.Poly) -> checker.Poly:
        ((name,),) = variable
        self.definitions[name] = tree
        return variable

    def max(self, a: checker.Poly, b: checker.Poly) -> checker.Poly:
        self._known(a - b)
        return super().max(a, b)

    def _known(self, poly: checker.Poly) -> bool:
        """Whether ``poly >= 0`` in this case; where the case does not say, it is split."""
        if poly.number >= 0 or poly in self.hyps:
            return True
        if poly.number < 0 or checker.Poly(-1) - poly in self.hyps:
            return False
        raise _SplitError(self._tree(poly))

    def _tree(self, poly: checker.Poly) -> Any:
        """The polynomial as an expression of the certificate."""
        result: Any = None
        for names, c in sorted(poly.items(), key=lambda t: (-len(t[0]), t[0])):
            product: Any = None
            for factor in [*([abs(c)] if abs(c) != 1 or not names else []), *names]:
                factor = self.definitions.get(factor, factor)
                product = factor if product is None else ["*", product, factor]
            if result is None:
                result = product if c > 0 else ["-", 0, product]
            else:
                result = ["+" if c > 0 else "-", result, product]
        return 0 if result is None else result

    def prefix(self, count: checker.Poly, cap: checker.Poly | None = None) -> checker.Poly:
        (_, k, _, _), (_, a, p, hops) = self.layers[0]
        self.endless = hops == "oo"
        hops = cap if self.endless else hops
        if not all(isinstance(e, checker.Poly) for e in (k, a, p, hops)):
            raise UnprovedError("skips without end")
        # What is only looked at leaves no trace: the checker meets these expressions when it reads the evidence.
        known, goals = list(self.hyps), len(self.leaf["goals"])
        evidence = self._evidence(k, a, p, hops, count)
        self.hyps = known
        del self.leaf["goals"][goals:]
        self.leaf["evidence"].append(evidence)
        self.evidence = iter([evidence])
        return super().prefix(count, cap)

    def _evidence(self, k: Any, a: Any, p: Any, hops: Any, count: checker.Poly) -> dict[str, Any]:
        """The prefix of a window and skips, the runs of blocks that fill it, and where blocks are no more."""
        tree = self._tree
        if self._known(k - p * hops - a):
            # Skips add nothing: block m with j skips ends at m p + k (L - j) + a j <= k L.
            return {"value": tree(k * count), "runs": [[0, 0, 0]], "last": tree(hops * count), "most": 0}
        if self._known(a - k):
            # Skips widen what is seen no less than windows do: a layer without one is a layer lost.
            if not self._known(a * count - p + 1):
                return {"value": tree(a * count), "runs": [[tree(count), 0, 0]], "last": 0, "most": 0}
            end = hops * count
            value = end * p + a * count
            return {"value": tree(value), "runs": [[tree(count), 0, tree(end)]], "last": tree(end), "most": 0}
        if a != checker.Poly():
            raise UnprovedError("runs of skips that are narrower than the window")
        if self._known(k - p):
            return self._wide(k, p, hops, count)
        c = self.floor(p + k - 2, k)
        if self._known(c - count - 1):
            return {"value": tree(k * count), "runs": [[0, 0, 0]], "last": 0, "most": 0}
        full = hops * (count - c)
        value = (full + 1) * p + k * (c - 1)
        runs = [[tree(count - c), 0, tree(full)], [tree(count - c + 1), tree(full + 1), tree(full + 1)]]
        return {"value": tree(value), "runs": runs, "last": tree(full + 1), "most": tree(count - c + 1)}

    def _wide(self, k: Any, p: Any, hops: Any, count: checker.Poly) -> dict[str, Any]:
        """For ``p <= k < p hops``: one window closes every gap, and the last layer's skips are alone."""
        tree = self._tree
        before = hops * (count - 1)
        if self._known(checker.Poly(1) - p):
            end = hops * count
            return {"value": tree(end), "runs": [[tree(count), 0, tree(end)]], "last": tree(end), "most": 0}
        if self.endless and not self._known(count - 2) and _combination(self.hyps) is not None:
            # That there is one layer only contradicts what is given: whatever is stated then follows.
            return {"value": 0, "runs": [[0, 0, 0]], "last": 0, "most": 0}
        last = before + self.floor(k + 1, p)
        runs = [[tree(count - 1), 0, tree(before)]]
        value = before * p + k
        if self._known((last - before) * p - k - 1):
            # A skip of the last layer stands beside the window.
            value, runs = value + 1, [*runs, [tree(count), tree(last), tree(last)]]
        return {"value": tree(value), "runs": runs, "last": tree(last), "most": tree(count)}


def _combination(polys: Sequence[checker.Poly]) -> list[list[Any]] | None:
    """Whole numbers and products of the polynomials that sum to a number below 0."""
    hypotheses = [Poly.of({tuple(names): c for names, c in poly.items()}) for poly in polys]
    places = {poly: i for i, poly in reversed([*enumerate(hypotheses)])}
    for known in _FOUND.get(hypotheses[-1], ()):
        # The cases of one statement share most of their goals, and so what shows them.
        if all(poly in places for _, product in known for poly in product):
            return [[count, sorted(places[poly] for poly in product)] for count, product in known]
    found = contradiction(hypotheses, DEGREE)
    if found is None:
        return None
    scale = lcm(*(Fraction(weight).denominator for weight, _ in found))
    whole = [(int(weight * scale), list(chosen)) for weight, chosen in found]
    if len(_FOUND) > MAX_FOUND:
        _FOUND.clear()
    _FOUND.setdefault(hypotheses[-1], []).append([(count, [hypotheses[i] for i in chosen]) for count, chosen in whole])
    return [[count, chosen] for count, chosen in whole]
