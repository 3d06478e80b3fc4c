"""Checks certificates about receptive fields; `patternc.analysis.certificate` describes their format.

It derives what a statement needs, and accepts a proof only if it shows that; else it raises an exception.  Taken for
granted: symbols are integers, ``L, n >= 1``; periods are >= 1, other arguments of lags >= 0; a layer's set D is 0 and
its lags, the last layer goes on; ``L >= 0`` layers cross sums of L lags, for D = [0, k] | ({0, p, ..., M p} + [0, a])
these are ``m p + [0, k (L - j) + a j]``, ``0 <= m <= j M``, ``0 <= j <= L``; n tokens are covered where lags below n
are; ``2^t (ceil_log2(e) - t) <= e - 1`` for t >= 0.
"""

# pyright: basic, reportOperatorIssue=false, reportAttributeAccessIssue=false, reportArgumentType=false
from functools import partial, reduce
from operator import add, mul, sub

MAX_TERMS, MAX_BITS, MAX_WORK, MAX_RANGE = 4000, 1 << 26, 1 << 33, 1 << 10
PLAIN = {"+": add, "-": sub, "*": mul, "**": lambda a, b: reduce(mul, [a] * range(64).index(b.number), Poly(1))}
ARITY = {"floor": 2, "max": 2, "ceil_log2": 1, "reach": 1, "prefix": 1, "coverage": 1}  # Terms stand last.
SIGNS = {"<=": [(1, 0)], "<": [(1, 1)], ">=": [(-1, 0)], ">": [(-1, 1)], "==": [(1, 0), (-1, 0)]}


def ensure(condition, message):
    if not condition:
        raise ValueError(message)


class Poly(dict):  # A polynomial: sorted tuples of names, each with its whole coefficient.
    def __init__(self, terms: dict | int = 0):
        super().__init__(sorted(terms.items()) if isinstance(terms, dict) else {(): int(terms)} if terms != 0 else {})
        self.number = self.get((), 0) if len(self) == (() in self) else float("nan")  # No comparison is true of that.

    def __add__(self, other, factor=1):
        other = other if isinstance(other, Poly) else Poly(other)
        return Poly({key: c for key in {**self, **other} if (c := self.get(key, 0) + factor * other.get(key, 0))})

    def __sub__(self, other):
        return self.__add__(other, -1)

    def __mul__(self, other):
        ensure(len(self) * len(other := Poly(other)) <= MAX_TERMS, "too large a product")
        rows = ({tuple(sorted(x + y)): c * d for y, d in other.items()} for x, c in self.items())
        return reduce(add, rows, Poly())


class Case:  # A statement in one case, where ``hyps`` are >= 0; the proof shows goals in the order they arise.
    def __init__(self, data, proof, splits):
        self.values, self.goals, self.evidence = data["values"], [*proof["goals"]], iter(proof["evidence"])
        vars(self).update({op: partial(self.counted, op) for op in [*ARITY][3:] if self.values is not None})
        self.hyps = [self.value(e) - 1 for e in ("L", "n") if self.values is None or e in {**self.values}]
        read = {str(lag): lag for lags in data["layers"] for lag in lags}
        read = {text: [e if e == "oo" else self.value(e) for e in lag] for text, lag in read.items()}
        self.layers = [[read[str(lag)] for lag in lags] for lags in data["layers"]]
        for start, width, period, hops in read.values():
            self.hyps += [start, width, period - 1, Poly() if hops == "oo" else hops]
        for condition in [*data["given"], *splits]:
            self.hyps += self.gaps(*condition)
        self.show(*self.gaps(*data["claim"]))

    def gaps(self, op, a, b):  # What is >= 0, all of it, exactly where a condition holds.
        a, b = self.value(a), self.value(b)
        if op in ("covers", "misses"):
            op, a, b = ">=" if op == "covers" else "<", self.prefix(b, a) - a, Poly(-1)
        return [(b - a) * sign - strict for sign, strict in SIGNS[op]]

    def show(self, *goals, given=()):  # From a goal <= -1 follows that a sum of products of hypotheses is below 0.
        if self.values is not None:
            goals, self.hyps = (*self.hyps, *goals), []
            return ensure(all(poly.number >= 0 for poly in goals), "it does not hold for these values")
        for goal in goals:
            known, parts = [*self.hyps, *given, Poly(-1) - goal], self.goals.pop(0)
            ensure(all(type(count) is int and count >= 0 and len(chosen) < 9 for count, chosen in parts), "no factor")
            products = (reduce(mul, (known[i] for i in chosen), Poly(count)) for count, chosen in parts)
            ensure(reduce(add, products, Poly()).number < 0, "a sum that shows nothing")

    def value(self, expr):
        if isinstance(expr, int):
            return Poly(int(expr))
        if isinstance(expr, str) and expr.isidentifier():
            return Poly({(expr,): 1}) if self.values is None else self.value(self.values[expr])
        op, *args = expr
        ensure(len(args) == (2 if op in PLAIN else ARITY[op]), "an expression of no known kind")
        return (PLAIN[op] if op in PLAIN else getattr(self, op))(*[self.value(e) for e in args])

    def floor(self, a, b):
        self.show(b - 1)
        quotient = Poly({(f"{a} // {b}",): 1} if self.values is None else a.number // b.number)
        self.hyps += [a - b * quotient, b * quotient + b - a - 1]
        return quotient

    def max(self, a, b):
        return next(v for gap, v in ((a - b, a), (b - a, b), (b - a - 1, b)) if gap.number >= 0 or gap in self.hyps)

    def ceil_log2(self, e):
        self.show(e - 1)
        log = Poly({(f"ceil_log2 {e}",): 1} if self.values is None else (e.number - 1).bit_length())
        self.hyps += [log, *(e - 1 - (log - t) * 2**t for t in range(4))]
        return log

    def reach(self, count):
        (lags,), _ = self.layers, self.show(count)
        return count * reduce(self.max, (start + width + period * hops for start, width, period, hops in lags), Poly())

    def coverage(self, count):  # At least what is seen without a hole, at most what is in reach.
        low, high, found = self.prefix(count), self.reach(count), Poly({(f"coverage {count}",): 1})
        self.hyps += [found - low - 1, high + 1 - found]
        return found

    def prefix(self, count, cap=None):  # Below a cap only: hops without end go beyond it.
        (((start, k, _, none), (other, a, p, hops)),), end = self.layers, Poly(-1)
        ensure(start == none == other == Poly(), "neither a window nor skips")
        proof, m, j, hops = next(self.evidence), Poly({("m'",): 1}), Poly({("j'",): 1}), cap if hops == "oo" else hops
        value, last, most = (self.value(proof[key]) for key in ("value", "last", "most"))
        for used, lo, hi in ([self.value(e) for e in run] for run in proof["runs"]):
            wide = k * (count - used) + a * used
            self.show(used, count - used, lo, hi - lo, used * hops - hi, (hi - lo) * (wide - p + 1), end - lo * p + 1)
            end = hi * p + wide
        self.show(count, value, end - value)
        held = [m, j, count - j, j * hops - m, value + 1 - m * p, m * p + k * (count - j) + a * j - value - 1]
        for case in ([m - last - 1], [last - m, j - most], [last - m, most - 1 - j]):
            self.show(Poly(-1), given=[*held, *case])
        return value

    def counted(self, op, count, cap=None):  # The lags (those below a cap) that so many layers cross, as bits.
        (path, gap), _ = map(next(self.evidence).get, ("path", "hole")), self.show(count)
        bits, limit = 1, min(MAX_BITS if cap is None else cap.number, MAX_WORK // (count.number + 1))
        for i, hop in enumerate(path):
            union, crossed = bits, hop == 0
            for lag in self.layers[min(i, len(self.layers) - 1)]:
                start, width, period, hops = (min(limit + 1, limit if e == "oo" else e.number) for e in lag)
                crossed |= (x := hop - start) - period * max(0, min(x // period, hops)) in range(width + 1)
                part = bits << start
                for step, many in ((1, width), (period, min(hops, limit // period + 1))):
                    while many:
                        part, many = part | part << step * (many + 1 >> 1), many >> 1
                union |= part
            bits = union & (1 << limit) - 1 if cap == Poly(limit) else union
            ensure(crossed and bits.bit_length() <= limit, "too large to check, or a hop that is none")
        hole = (~bits & bits + 1).bit_length() - 1
        lag = hole - 1 if op == "prefix" else bits.bit_length() - 1
        ensure((len(path), sum(path), gap) == (count.number, lag, None if op == "reach" else hole), "a path elsewhere")
        return Poly(bits.bit_count() if op == "coverage" else lag)


def check(data, proof, splits=()):  # For every number of a range; and in every case: a ``split`` is >= 0, or it is < 0.
    for name, span in (data["values"] or {}).items():
        if isinstance(span, list):
            ensure(0 <= span[1] - span[0] < MAX_RANGE, "a range that is none")
            points, proof = range(span[0], span[1] + 1), {**proof, "evidence": iter(proof["evidence"])}
            return [check({**data, "values": {**data["values"], name: x}}, proof) for x in points]
    if "split" not in proof:
        return Case(data, proof, splits)
    return [check(data, proof[way], [*splits, (op, proof["split"], 0)]) for way, op in (("yes", ">="), ("no", "<"))]
