"""Checks certificates about receptive fields; `patternc.analysis.certificate` says what is granted."""

# pyright: basic, reportOperatorIssue=false, reportAttributeAccessIssue=false, reportArgumentType=false
from fractions import Fraction
from functools import partial, partialmethod, reduce
from operator import add, mul, sub

MAX_TERMS, MAX_BITS, MAX_WORK, MAX_RANGE, HALF = 4000, 1 << 26, 1 << 33, 1 << 10, Fraction(1, 2)
PLAIN = {"+": add, "-": sub, "*": mul, "**": lambda a, b: reduce(mul, [a] * range(64).index(b.number), Poly(1))}
ARITY = {"floor": 2, "max": 2, "ceil_log2": 1, "reach": 1, "prefix": 1, "coverage": 1}  # Terms stand last.
SIGNS = {"<=": [(1, 0)], "<": [(1, 1)], ">=": [(-1, 0)], ">": [(-1, 1)], "==": [(1, 0), (-1, 0)]}


def ensure(condition, message):
    if not condition:
        raise ValueError(message)


class Poly(dict):  # A polynomial: sorted tuples of names, each with its whole coefficient.
    def __init__(self, terms: dict | int = 0):
        super().__init__(sorted(terms.items()) if isinstance(terms, dict) else {(): terms + 0} if terms != 0 else {})
        self.number = self.get((), 0) if len(self) == (() in self) else float("nan")  # No comparison is true of that.

    def __add__(self, other, factor=1):
        keys = {**self, **(other := other if isinstance(other, Poly) else Poly(other))}
        return Poly({key: c for key in keys if (c := self.get(key, 0) + factor * other.get(key, 0))})

    __sub__ = partialmethod(__add__, factor=-1)

    def __mul__(self, other):
        ensure(len(self) * len(other := Poly(other)) <= MAX_TERMS, "too large a product")
        return reduce(add, ({tuple(sorted(x + y)): c * d for y, d in other.items()} for x, c in self.items()), Poly())


class Case:  # A statement in one case, where ``hyps`` are >= 0; the proof shows goals in the order they arise.
    def __init__(self, data, proof, splits):
        self.values, self.goals, self.evidence = data["values"], [*proof["goals"]], iter(proof["evidence"])
        vars(self).update({op: partial(self.seen if self.values is None else self.counted, op) for op in [*ARITY][3:]})
        self.hyps = [self.value(e) - 1 for e in ("L", "n") if self.values is None or e in {**self.values}]
        read = {str(lag): lag for lags in data["layers"] for lag in lags}
        read = {text: [e if e == "oo" else self.value(e) for e in lag] for text, lag in read.items()}
        self.layers = [[read[str(lag)] for lag in lags] for lags in data["layers"]]
        for start, width, period, hops, *less in read.values():
            ensure(less in ([], [Poly(-1)]), "lags that are neither as they are nor negated")
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

    def floor(self, a, b):  # Modulo 2 a power is its base, which shows of some sums that they are even.
        quotient, _ = Poly({(f"{a} // {b}",): 1} if self.values is None else a.number // b.number), self.show(b - 1)
        even = b == Poly(2) and not any(sum(c for x, c in a.items() if {*x} == y) % 2 for y in map(set, a))
        self.hyps += [a - b * quotient, b * quotient - a + (0 if even else b - 1)]
        return quotient

    def max(self, a, b):
        return next(v for gap, v in ((a - b, a), (b - a, b), (b - a - 1, b)) if gap.number >= 0 or gap in self.hyps)

    def ceil_log2(self, e):
        self.show(e - 1)
        log = Poly({(f"ceil_log2 {e}",): 1} if self.values is None else (e.number - 1).bit_length())
        self.hyps += [log, *(e - 1 - (log - t) * 2**t for t in range(4))]
        return log

    def seen(self, op, count, cap=None):  # Cells of some periods in turn: what is seen of each, to a gap or of all.
        (lags,), low, total, _ = self.layers, Poly(), Poly(), self.show(count)
        if op == "reach":
            return count * reduce(self.max, (start + w + p * hops for start, w, p, hops in lags), Poly())
        (start, k, _, none), (other, a, p, hops) = lags
        hops, wide, gain, whole = cap if hops == "oo" else hops, k * count, a - k, op == "coverage"
        runs = [[*map(self.value, run)] for run in next(self.evidence)]
        ensure(runs and start == none == other == Poly(), "no cell, or neither a window nor skips")
        s, i, m, j, far, held = (Poly({(name,): 1}) for name in ("s'", "i'", "m'", "j'", "far'", f"coverage {count}"))
        self.show(*(e for run in runs for e in run[2:5]))
        for left, (used, most, groups, size, step, width, slope) in reversed([*enumerate(reversed(runs))]):
            ensure(left or (groups == size == Poly(1) and (whole or total == low * p)), "no last cell")
            s, i = (s, i) if left else (Poly(), Poly())
            within, first = [s, groups - 1 - s, i - s * size, s * size + size - 1 - i, far], low + i * step
            used, after, end = used + s, first + step, first * p + (own := width + slope * s)
            edge = after * p - 1 if left else end + 1 + far * whole
            self.show(own, edge - end, used, count - used, used * hops - first, wide + gain * used - own, given=within)
            hole = [*within, m, j, count - j, j * hops - m, edge - m * p, m * p + wide + gain * j - end - 1]
            for case in ([m - after], [after - 1 - m, j - most - s], [after - 1 - m, most + s - 1 - j]):
                self.show(Poly(-1), given=[*hole, edge - end - 1, *case])
            low, total = low + groups * size * step, total + groups * size * (width + slope * (groups - 1) * HALF + 1)
        self.hyps += [held - total, held - wide - 1, held - count * hops - 1, *[total - held, end + 1 - held] * whole]
        return held if whole else end

    def counted(self, op, count, cap=None):  # The lags that are crossed, as bits; of n tokens those below n, or pairs.
        (path, gap), _ = map(next(self.evidence).get, ("path", "hole")), self.show(count)
        far = min(most := MAX_WORK // (count.number + 1), MAX_BITS if cap is None else cap.number)
        layers = [[[min(far + 1, far if e == "oo" else e.number) for e in lag] for lag in lags] for lags in self.layers]
        ahead = [lag for lags in layers for lag in lags if len(lag) > 4]
        zero = 0 if cap else len(path) * max([0, *(s + w + p * m for s, w, p, m, _ in ahead)])
        unit = far if cap and any(0 < (s or min(w, 1) or (m and p)) < far for s, w, p, m, _ in ahead) else 1
        size = zero + far * unit
        ensure(size <= 2 * most and max(zero, unit * unit) <= MAX_BITS and cap in (None, Poly(far)), "it is too large")
        bits = int(("1" + "0" * unit) * (unit - 1) + "1", 2) << zero
        for i, hop in enumerate(path):
            union, crossed, at = bits, hop == 0, sum(path[: i + 1])
            for start, width, period, hops, *less in layers[min(i, len(layers) - 1)]:
                move, x = (int.__rshift__, -hop - start) if less else (int.__lshift__, hop - start)
                crossed |= x - period * max(0, min(x // period, hops)) in range(width + 1)
                part = move(bits, start * unit)
                for step, many in ((1, width), (period, min(hops, far // period + 1))):
                    while many:
                        part, many = part | move(part, unit * step * (many + 1 >> 1)), many >> 1
                union |= part
            bits = union if not cap else union & (1 << size) - 1
            ensure(crossed and bits.bit_length() <= size and (not cap or 0 <= at < far), "far, or a hop that is none")
        hole = (~(held := bits >> zero) & held + 1).bit_length() - 1
        lag = max(hole // unit - 1, 0) if op == "prefix" else held.bit_length() - 1
        hole = None if op == "reach" else hole if unit == 1 else [*divmod(hole, unit)]
        ensure((len(path), sum(path), gap) == (count.number, lag, hole), "a path elsewhere")
        return Poly(held.bit_count() if op == "coverage" else lag)


def check(data, proof, splits=()):  # For every number of a range; and in every case: a ``split`` is >= 0, or it is < 0.
    for name, (first, last) in [x for x in (data["values"] or {}).items() if isinstance(x[1], list)]:
        ensure(0 <= last - first < MAX_RANGE, "a range that is none")
        proof = {**proof, "evidence": iter(proof["evidence"])}
        return [check({**data, "values": {**data["values"], name: x}}, proof) for x in range(first, last + 1)]
    if "split" not in proof:
        return Case(data, proof, splits)
    return [check(data, proof[way], [*splits, (op, proof["split"], 0)]) for way, op in (("yes", ">="), ("no", "<"))]
