"""Checks certificates about receptive fields; `patternc.analysis.certificate` says what is granted."""

# pyright: basic, reportOperatorIssue=false, reportAttributeAccessIssue=false, reportArgumentType=false
from functools import partial, reduce
from itertools import product
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
        super().__init__(sorted(terms.items()) if isinstance(terms, dict) else {(): terms + 0} if terms != 0 else {})
        self.number = self.get((), 0) if len(self) == (() in self) else float("nan")  # No comparison is true of that.

    def __add__(self, other, factor=1):
        keys = {**self, **(other := other if isinstance(other, Poly) else Poly(other))}
        return Poly({key: c for key in keys if (c := self.get(key, 0) + factor * other.get(key, 0))})

    __sub__ = lambda self, other: self.__add__(other, -1)  # noqa: E731

    def __mul__(self, other):
        ensure(len(self) * len(other := Poly(other)) <= MAX_TERMS, "too large a product")
        return reduce(add, ({tuple(sorted(x + y)): c * d for y, d in other.items()} for x, c in self.items()), Poly())


class Case:  # A statement in one case, where ``hyps`` are >= 0; the proof shows goals in the order they arise.
    def __init__(self, data, proof, splits):
        self.values, self.goals, self.evidence = data["values"], [*proof["goals"]], iter(proof["evidence"])
        vars(self).update({op: partial(self.seen if self.values is None else self.counted, op) for op in [*ARITY][3:]})
        self.hyps = [self.value(e) - 1 for e in ("L", "n") if self.values is None or e in {**self.values}]
        read = {text: [*map(self.value, x)] for text, x in {str(x): x for lags in data["layers"] for x in lags}.items()}
        self.layers = [[read[str(lag)] for lag in lags] for lags in data["layers"]]
        ensure(all(lag[4:] in ([], [Poly(-1)]) for lag in read.values()), "lags neither as they are nor negated")
        self.hyps += [e for s, w, p, m, *_ in read.values() for e in (s, w, p - 1, Poly() if m == "oo" else m)]
        for condition in [*data["given"], *splits]:
            self.hyps += self.gaps(*condition)
        self.show(*self.gaps(*data["claim"]))

    def gaps(self, op, a, b):  # What is >= 0, all of it, exactly where a condition holds.
        a, b = self.value(a), self.value(b)
        if op in ("covers", "misses"):
            op, a, b = ">=" if op == "covers" else "<", self.prefix(b, a) - a, Poly(-1)
        a, b = (Poly(x == "oo") for x in (a, b)) if "oo" in (a, b) else (a, b)
        return [(b - a) * sign - strict for sign, strict in SIGNS[op]]

    def show(self, *goals, given=()):  # From a goal <= -1 follows that a sum of products of hypotheses is below 0.
        if self.values is not None:
            return ensure(all(x.number >= 0 for x in (*self.hyps, *goals)), "it does not hold for these values")
        for goal in goals:
            known, parts = [*self.hyps, *given, Poly(-1) - goal], self.goals.pop(0)
            ensure(all(type(count) is int and count >= 0 and len(chosen) < 9 for count, chosen in parts), "no factor")
            ensure(sum((reduce(mul, [known[i] for i in x], Poly(c)) for c, x in parts), Poly()).number < 0, "no proof")

    def value(self, expr):
        if isinstance(expr, int) or expr == "oo":
            return expr if expr == "oo" else Poly(int(expr))
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
        log, _ = Poly({(f"log2 {e}",): 1} if self.values is None else (e.number - 1).bit_length()), self.show(e - 1)
        self.hyps += [log, *(e - 1 - (log - t) * 2**t for t in range(4))]
        return log

    def seen(self, op, count, cap=None):  # Cells of some periods in turn: what is seen of each, to a gap or of all.
        (lags,), _ = self.layers, self.show(count)
        if op != "prefix" and any(lag[3:] == ["oo"] for lag in lags):
            return self.show(count - 1) or "oo"
        if op == "reach":
            return count * reduce(self.max, (start + w + p * m for start, w, p, m, *less in lags if not less), Poly())
        (u, k, _, v), (x, a, p, hops), *less = lags
        (y, r, _, z, _), *rest = less or [[Poly()] * 5]
        ensure(rest == [[*lags[1], Poly(-1)]] * bool(less) and not any((u, v, x, y, z, less and a)), "other lags")
        s, i, m, j, far, got = (Poly({(name,): 1}) for name in ("s'", "i'", "m'", "j'", "far'", f"coverage {count}"))
        hops, wide, gain, whole = (cap or far + 1) if hops == "oo" else hops, k * count, a - k, op == "coverage"
        self.show(*(e for _ in rest if cap for e in (r - k, k - r, (cap - p * hops - k) * bool(hops))))
        runs = [[*map(self.value, run)] for run in next(self.evidence)]
        low, seen = Poly(), r * (runs[0][0] - count) * 2
        for left, (used, most, many, size, step, width, slope) in reversed([*enumerate(reversed(runs))]):
            back, turn, s, i = r * (count - used), runs[-left][0] - used - many + 1, s * (left > 0), i * (left > 0)
            ensure(left or (many == size == Poly(1) and (whole or seen == (low * p - back) * 2)), "no last cell")
            within, at = [s, many - 1 - s, i - s * size, last := s * size + size - 1 - i, far], low + i * step
            low, seen = low + (n := many * size) * step, seen + n * ((width + back + 1) * 2 + (slope - r) * (many - 1))
            self.show(many, size - bool(left and less and turn), step, -bool(left and less and many != Poly(1) != turn))
            used, after, end, u = used + s, at + step, at * p + (own := width + slope * s), most + s
            for bound, then in (left and less and [(last - 1, used), (Poly() - last, used + turn)]) or [(far, used)]:
                edge, here = after * p - 1 - r * (count - then) if left else end + 1 + far * whole, [*within, bound]
                self.show(edge - end, own, used, count - used, used * hops - at, wide + gain * used - own, given=here)
                here += [j, count - j, j * hops - m, edge - end - 1, edge - m * p + r * (count - j)]
                for side, split in product((m - after, after - 1 - m), ([j - u - 1], [j - u, u - j], [u - 1 - j])):
                    self.show(Poly(-1), given=[*here, m * p + wide + gain * j - end - 1, side, *split])
        self.hyps += [got * 2 - seen, got - wide - 1, got - count * hops - 1, *[seen - got * 2, end + 1 - got] * whole]
        return got if whole else end

    def counted(self, op, count, cap=None):  # The lags that are crossed, as bits; of n tokens those below n, or pairs.
        (path, gap), _ = map(next(self.evidence).get, ("path", "hole")), self.show(count)
        n = min(top := MAX_WORK // (count.number + 1), MAX_BITS if cap is None else cap.number)
        layers = [[[min(n + 1, n if e == "oo" else e.number) for e in lag] for lag in lags] for lags in self.layers]
        zero = 0 if cap else len(path) * max([0, *(s + w + p * m for x in layers for s, w, p, m, *less in x if less)])
        row = n if cap and any(0 < (s or w > 0 or p * (m > 0)) < n for x in layers for s, w, p, m, *y in x if y) else 1
        ensure((size := zero + n * row) <= 2 * top and zero + row**2 <= MAX_BITS and cap in (None, Poly(n)), "big")
        bits = int(("1" + "0" * row) * (row - 1) + "1", 2) << zero
        for i, hop in enumerate(path):
            union, crossed, at = bits, hop == 0, sum(path[: i + 1])
            for start, width, period, hops, *less in layers[min(i, len(layers) - 1)]:
                move, x = (int.__rshift__, -hop - start) if less else (int.__lshift__, hop - start)
                crossed |= x - period * max(0, min(x // period, hops)) in range(width + 1)
                part = move(bits, start * row)
                for step, many in ((1, width), (period, min(hops, n // period + 1))):
                    while many:
                        part, many = part | move(part, row * step * (many + 1 >> 1)), many >> 1
                union |= part
            bits = union if not cap else union & (1 << size) - 1
            ensure(crossed and bits.bit_length() <= size and (not cap or 0 <= at < n), "far, or a hop that is none")
        hole = (~(held := bits >> zero) & held + 1).bit_length() - 1
        lag = max(hole // row - 1, 0) if op == "prefix" else held.bit_length() - 1
        hole = None if op == "reach" else hole if row == 1 else [*divmod(hole, row)]
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
