"""Finds the proof that the checker asks for: it runs the checker, and answers each goal as it comes up.

The checker derives what has to be shown; here it meets a `show` that looks for the combination instead of reading it.
So the two cannot disagree about what is shown, and the checker needs to know nothing of how it was found.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import takewhile
from math import lcm
from typing import Any, NamedTuple

from patternc.analysis import checker
from patternc.analysis.number_search import UnprovedError, proof_for_numbers
from patternc.analysis.symbolic.polynomial import Poly
from patternc.analysis.symbolic.positivity import contradiction

DEGREE = 3
MAX_FOUND = 4096
_FOUND: dict[Poly, list[list[tuple[int, list[Poly]]]]] = {}
"""Combinations that were found, by the last of their hypotheses."""
MAX_CASES = 64


class _SplitError(Exception):
    def __init__(self, split: Any):
        super().__init__(split)
        self.split = split


def proof_of(statement: dict[str, Any]) -> dict[str, Any]:
    """A proof that the checker accepts.  Raises `UnprovedError`."""
    if statement["values"] is None:
        return _tree(statement, (), [MAX_CASES])
    return proof_for_numbers(statement)


def _tree(statement: dict[str, Any], splits: tuple[Any, ...], budget: list[int]) -> dict[str, Any]:
    budget[0] -= 1
    if budget[0] < 0:
        raise UnprovedError("too many cases")
    leaf: dict[str, Any] = {"goals": [], "evidence": []}
    try:
        _Search(statement, leaf, splits)
    except _SplitError as depends:
        split = depends.split
    except UnprovedError:
        # Whether there is any cell of a group may make the difference: that it is a whole number is no hypothesis.
        groups = [["-", run[2], 1] for runs in leaf["evidence"] for run in runs if not isinstance(run[2], int)]
        split = next(
            (split for split in groups if (">=", split, 0) not in splits and ("<", split, 0) not in splits), None
        )
        if split is None:
            raise
    else:
        return leaf
    return {
        "split": split,
        "yes": _tree(statement, (*splits, (">=", split, 0)), budget),
        "no": _tree(statement, (*splits, ("<", split, 0)), budget),
    }


class _Search(checker.Case):
    """A case whose goals are answered by search; the answers go to ``leaf``."""

    def __init__(self, statement: dict[str, Any], leaf: dict[str, Any], splits: Sequence[Any]):
        self.leaf = leaf
        self.definitions: dict[str, Any] = {}
        self.endless = self.boundless = False
        super().__init__(statement, {"goals": [], "evidence": []}, splits)

    def show(self, *goals: checker.Poly, given: Sequence[checker.Poly] = ()) -> None:
        for goal in goals:
            found = self._combination([*given, checker.Poly(-1) - goal])
            if found is None:
                raise UnprovedError(f"{goal} >= 0")
            self.leaf["goals"].append(found)

    def _combination(self, polys: Sequence[Any]) -> list[list[Any]] | None:
        """A combination of the hypotheses and ``polys``; first without what is known of counts that do not occur."""
        spoken_of = _names(polys)
        near = [i for i, h in enumerate(self.hyps) if all(x in spoken_of or x[:8] != "coverage" for x in _names([h]))]
        if len(near) < len(self.hyps) and (found := _combination([*(self.hyps[i] for i in near), *polys])):
            places = [*near, *range(len(self.hyps), len(self.hyps) + len(polys))]
            return [[count, [places[i] for i in chosen]] for count, chosen in found]
        return _combination([*self.hyps, *polys])

    def floor(self, a: checker.Poly, b: checker.Poly) -> checker.Poly:
        return self._defined(["floor", self._tree(a), self._tree(b)], super().floor(a, b))

    def _quotient(self, a: checker.Poly, b: checker.Poly) -> checker.Poly:
        """``a // b``, of numbers at once."""
        if isinstance(a.number, int) and b.number >= 1:
            return checker.Poly(int(a.number // b.number))
        return self.floor(a, b)

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

    def seen(self, op: str, count: checker.Poly, cap: checker.Poly | None = None) -> checker.Poly:
        """The value of a term, with evidence for it."""
        if op == "reach" or (op == "coverage" and any(lag[3:] == ["oo"] for lag in self.layers[0])):
            return super().seen(op, count)
        lags: Any = self.layers[0]
        (_, k, _, _), (_, a, p, hops), *ahead = lags
        self.endless = hops == "oo"
        self.boundless = self.endless and cap is None
        if self.endless:
            # What holds of any number of hops, one or more, does without end.
            hops = checker.Poly({("far'",): 1}) + 1 if cap is None else cap
        # What is only looked at leaves no trace: the checker meets these expressions when it reads the evidence.
        known, goals = list(self.hyps), len(self.leaf["goals"])
        if ahead:
            runs, full = self._both_ways(k, p, hops, count)
        else:
            runs = self._runs(op, k, a, p, hops, count)
            full = len([*takewhile(lambda run: run.width == run.step * p - 1, runs[:-1])])
        if op == "prefix":
            one = checker.Poly(1)
            runs[full:] = [runs[full]._replace(groups=one, size=one, slope=checker.Poly())]
        if self.boundless and any("far'" in _names(run) for run in runs):
            # No gap ends the prefix, unless it is a case that what is given contradicts: whatever is stated follows.
            if _combination(self.hyps) is None:
                raise UnprovedError("hops without end")
            runs = [_run(0, 0)]
        evidence = [[self._tree(e) for e in run] for run in runs]
        self.hyps = known
        del self.leaf["goals"][goals:]
        self.leaf["evidence"].append(evidence)
        self.evidence = iter([evidence])
        return super().seen(op, count, cap)

    def _runs(self, op: str, k: Any, a: Any, p: Any, hops: Any, count: checker.Poly) -> list[_Run]:
        """What is seen of each cell."""
        if self._known(a - k):
            # Skips widen what is seen no less than windows do: a layer without one is a layer lost.
            full = self._known(a * count - p + 1)
            return [_run(count, p - 1 if full else a * count, size=hops * count), _run(count, a * count)]
        if not self.boundless and self._known(k - p * hops - a):
            # Skips add nothing: block m with j skips ends at m p + k (L - j) + a j <= k L.
            return [_run(0, k * count)]
        plain = a == checker.Poly()
        if self._known(k - p) and (plain or not self._known(p - k)):
            return self._wide(op, k, p, hops, count) if plain else self._wide_runs(op, k, a, p, hops, count)
        # With so many skips windows still fill a period.
        if plain:
            c = self._quotient(p + k - 2, k)
            filled = checker.Poly() if c - count in self.hyps and count - c in self.hyps else count - c
        else:
            filled = self._quotient(k * count - p + 1, k - a)
            if self._known(filled - count):
                return [_run(count, p - 1, size=hops * count), _run(count, a * count)]
        if self._known(checker.Poly(-1) - filled):
            used, first = checker.Poly(1), _run(0, k * count)
        else:
            used, first = filled + 1, _run(filled, p - 1, size=hops * filled + 1)
        return [
            first,
            _run(used, k * count - (k - a) * used, most=used, groups=count - used, size=hops, slope=a - k),
            _run(count, a * count, most=count, size=hops - 1),
            _run(count, a * count, most=count),
        ]

    def _wide_runs(self, op: str, k: Any, a: Any, p: Any, hops: Any, count: checker.Poly) -> list[_Run]:
        """For runs of skips beside a window of more than a period: only the last layer's runs are alone."""
        last = _run(count, a * count, most=count)
        if self._known(a * count - p + 1):
            return [_run(count, p - 1, size=hops * count), last]
        reach = k + a * (count - 1)
        periods = self._quotient(reach, p)
        if self._known(reach - p * periods - a * count):
            step, left = periods + 1, hops - periods - 1
            # What the window leaves of the period may be nothing: then a run stands beside it.
            full = op == "prefix" and self._known(reach - p * step + 1)
            wide = _run(count - 1, p * step - 1 if full else reach, most=count, step=step)
        else:
            # The window ends within a run.
            wide, left = _run(count - 1, p * periods - 1, step=periods), hops - periods
        return [_run(count - 1, p - 1, size=hops * (count - 1)), wide, last._replace(size=left), last]

    def _both_ways(self, k: Any, p: Any, hops: Any, count: checker.Poly) -> tuple[list[_Run], int]:
        """What is seen of each cell where windows and skips lead to both sides, and how many runs are full."""
        if hops == checker.Poly() or (not self.boundless and self._known(k - p * hops)):
            return [_run(0, k * count)], 0
        if self._known(k - p):
            raise UnprovedError("skips to both sides beside a window of more than a period")
        last = [_run(count, 0, most=count, size=hops - 1), _run(count, 0, most=count)]
        if not self._known(k - 1):
            return [_run(count, 0, most=count, size=hops * count), last[1]], 0
        # Windows reach into a gap from both its ends: where t layers do not skip 2 t meet, or 2 t + 1 at a turn.
        c = self._quotient(p + k - 2, k)
        t = self._quotient(c, checker.Poly(2))
        if self._known(t - count):
            full = [_run(0, k * count)]
            used, width, groups = checker.Poly(1), k * (count - 1), count - 1
        elif self._known(c - t * 2 - 1):
            self._known(t - 1)
            used, width, groups = count - t, k * t, t
            full = [_run(used - 1, p - 1 - k * t - k, size=hops * (used - 1)), _run(used - 1, p - 1 - k * t)]
        else:
            used, width, groups = count - t + 1, k * (t - 1), t - 1
            full = [_run(used - 1, p - 1 - k * t, size=hops * (used - 1)), _run(used - 1, k * t, most=used - 1)]
        narrow = _run(used, width, most=used, groups=groups, size=hops, slope=checker.Poly() - k)
        return [*full, narrow, *last], 2 if groups == t else len(full) - 1

    def _wide(self, op: str, k: Any, p: Any, hops: Any, count: checker.Poly) -> list[_Run]:
        """For ``p <= k < p hops``: one window closes every gap, and the last layer's skips are alone."""
        before, width = hops * (count - 1), k
        if self.endless and not self._known(count - 2) and _combination(self.hyps) is not None:
            # That there is one layer only contradicts what is given: whatever is stated then follows.
            return [_run(0, 0)]
        if op == "prefix" and self._known(checker.Poly(1) - p):
            return [_run(count, p - 1, size=hops * count), _run(count, 0)]
        step = self._quotient(k, p) + 1
        if op == "prefix" and self._known(k - step * p + 1):
            # A skip of the last layer stands beside the window.
            width = step * p - 1
        return [
            _run(count - 1, p - 1, size=before),
            _run(count - 1, width, most=count, step=step),
            _run(count, 0, most=count, size=hops - step),
            _run(count, 0, most=count),
        ]


class _Run(NamedTuple):
    """As in the evidence of a certificate."""

    used: checker.Poly
    most: checker.Poly
    groups: checker.Poly
    size: checker.Poly
    step: checker.Poly
    width: checker.Poly
    slope: checker.Poly


def _run(
    used: checker.Poly | int,
    width: checker.Poly | int,
    *,
    most: checker.Poly | int = 0,
    groups: checker.Poly | int = 1,
    size: checker.Poly | int = 1,
    step: checker.Poly | int = 1,
    slope: checker.Poly | int = 0,
) -> _Run:
    return _Run(*map(checker.Poly, (used, most, groups, size, step, width, slope)))


def _names(polys: Sequence[Any]) -> set[str]:
    return {name for poly in polys for names in poly for name in names}


def _combination(polys: Sequence[Any]) -> list[list[Any]] | None:
    """Whole numbers and products of the polynomials that sum to a number below 0."""
    hypotheses = [Poly.of({tuple(names): c for names, c in poly.items()}) for poly in polys]
    places = {poly: i for i, poly in reversed([*enumerate(hypotheses)])}
    distinct = sorted(places.values())
    for known in _FOUND.get(hypotheses[-1], ()):
        # The cases of one statement share most of their goals, and so what shows them.
        if all(poly in places for _, product in known for poly in product):
            return [[count, sorted(places[poly] for poly in product)] for count, product in known]
    found = contradiction([hypotheses[i] for i in distinct], DEGREE)
    if found is None:
        return None
    scale = lcm(*(Fraction(weight).denominator for weight, _ in found))
    whole = [(int(weight * scale), [distinct[i] for i in chosen]) for weight, chosen in found]
    if len(_FOUND) > MAX_FOUND:
        _FOUND.clear()
    _FOUND.setdefault(hypotheses[-1], []).append([(count, [hypotheses[i] for i in chosen]) for count, chosen in whole])
    return [[count, chosen] for count, chosen in whole]
