"""A pattern with numbers, and the number of layers or tokens open: from some layer on every term is linear.

Let D be a finite set of lags from 0 to m, and S(L) what L layers cross.  Once S(l + 1) = S(l) | (S(l) + m), the same
holds from l on, since S(l + 2) = S(l + 1) + D = S(l + 1) | (S(l + 1) + m).  If moreover the members of every residue
class modulo m follow each other without a hole, each further layer adds one to each of them.  So prefix and coverage
are linear in L from l on, and depth is a linear function of n rounded up; below, there are finitely many layers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from patternc.analysis import bits, verdict
from patternc.analysis.claims import NoClosedFormError, Translation
from patternc.analysis.intset import INF, Bound, IntSet, TooLarge, interval
from patternc.analysis.lagset import terms_of
from patternc.analysis.question import LAYERS, TOKENS, Question
from patternc.analysis.receptive_field import MAX_SHIFTED, Field
from patternc.analysis.search import UNDECIDED
from patternc.analysis.semantics import Model, NotByLag
from patternc.analysis.symbolic.knowledge import Knowledge
from patternc.analysis.verdict import Verdict
from patternc.ir.expr import ONE, Expr, ExprError, Int, Sym, add, arith, compare, mul, neg, sub
from patternc.ir.program import Chain, Claim, Covers, GapFree, Infinity, Measure

MAX_SPAN = 1 << 24
MAX_LAYERS = 1024
MAX_LENGTHS = 8192


@dataclass(frozen=True)
class Growth:
    """How the receptive field of a lag set grows: exactly for each number of layers, linear from ``start`` on."""

    lags: IntSet
    start: int
    prefix: Bound
    """The prefix at ``start``."""
    coverage: Bound
    prefix_step: int
    coverage_step: int

    def value(self, name: str, layers: int) -> Bound:
        """``reach``, ``prefix`` or ``coverage`` after so many layers, computed."""
        field = Field([(self.lags, layers)])
        return field.reach if name == "reach" else field.prefix if name == "prefix" else field.coverage

    def formula(self, name: str, layers: Expr) -> Expr:
        """For at least ``start`` layers."""
        if name == "reach":
            return Infinity() if self.lags.greatest == INF else mul(layers, Int(int(self.lags.greatest)))
        first, step = (self.prefix, self.prefix_step) if name == "prefix" else (self.coverage, self.coverage_step)
        if not isinstance(first, int):
            return Infinity()
        return add(Int(first - step * self.start), mul(Int(step), layers))


def growth(lags: IntSet) -> Growth:
    """Raises `TooLarge` where growth becomes linear too late, or lags are negative."""
    if lags.least < 0:
        raise TooLarge("lags of both signs")
    if lags.greatest == INF:
        return _endless_growth(lags)
    top = int(lags.greatest)
    if top == 0:
        return Growth(lags, 1, 0, 1, 0, 0)
    terms, total, moved = terms_of(lags), bits.from_set(lags, 0, top), 0
    for layers in range(1, MAX_LAYERS):
        span = top * (layers + 1)
        moved += span * 8 * len(terms)
        if span > MAX_SPAN or moved > MAX_SHIFTED >> 4:
            break
        following = bits.plus(total, terms, bits.ones(span + 1))
        classes = _folded(total, top).bit_count()
        if following == total | total << top and following.bit_count() - total.bit_count() == classes:
            whole = bits.first_missing(total) >= top
            return Growth(lags, layers, bits.first_missing(total) - 1, total.bit_count(), top if whole else 0, classes)
        total = following
    raise TooLarge("a receptive field whose growth becomes linear only after many layers")


def _folded(total: int, period: int) -> int:
    """The residues of the members."""
    result, mask = 0, bits.ones(period)
    while total:
        result |= total & mask
        total >>= period
    return result


def _endless_growth(lags: IntSet) -> Growth:
    if not lags.contains(1):
        return Growth(lags, 1, Field([(lags, 1)]).prefix, INF, 0, 0)
    for layers in range(1, MAX_LAYERS):
        if Field([(lags, layers)]).prefix == INF:
            return Growth(lags, layers, INF, INF, 0, 0)
    raise TooLarge("a receptive field that closes only after many layers")


def decide(question: Question) -> Verdict | None:
    """`proved` for a pattern with numbers; None where it cannot be shown."""
    if not set(question.free) <= {LAYERS, TOKENS} or not question.free:
        return None
    try:
        point = question.point(dict.fromkeys(question.free, 1))
        model = point.model
        if not model.endless or point.notes():
            return None
        claim = _by_prefix(question.item.claim)
        if not isinstance(claim, Chain):
            return None
        if _Eventually(question, model, claim).proved():
            return verdict.proved("from some number of layers on every term is linear; below, each number was computed")
    except (NotByLag, NoClosedFormError, ExprError, *UNDECIDED):
        return None
    return None


def _by_prefix(claim: Claim) -> Claim:
    """`covers` and `gapfree` as comparisons of terms by lag."""
    match claim:
        case Covers(tokens, Expr() as layers):
            return Chain((Measure("prefix", layers), sub(tokens, ONE)), (">=",))
        case GapFree(layers):
            return Chain((Measure("prefix", layers), Measure("reach", layers)), ("==",))
        case _:
            return claim


@dataclass
class _Eventually:
    question: Question
    model: Model
    claim: Chain

    @cached_property
    def growth(self) -> Growth:
        return growth(self.model.layers[0].lags)

    def proved(self) -> bool:
        names = {m.name for o in self.claim.operands for m in _measures(o)}
        starts = self._layer_starts() if LAYERS in self.question.free else [None]
        by_length = names & {"depth", "edges"}
        if by_length and LAYERS in self.question.free:
            return False
        if by_length:
            first = self._first_length(names)
            if first > MAX_LENGTHS:
                return False
            below = all(self._holds({TOKENS: n}) for n in range(1, first))
            return below and self._follows(None, [compare(">=", Sym(TOKENS), Int(first))])
        return all(self._follows(start, []) for start in starts)

    def _layer_starts(self) -> list[int | None]:
        """Each number of layers before growth is linear, and None for all others."""
        return [*range(1, self.growth.start), None]

    def _first_length(self, names: set[str]) -> int:
        """From which length on the terms have their formulas."""
        found = 1
        if "edges" in names:
            shapes = (shape for head in self.model.layers[0].branch_shapes(None) for shape in head)
            from patternc.analysis.shapes import by_lag, lag_set

            for shape in shapes:
                if not by_lag(shape):
                    raise NoClosedFormError("edges")
                lags = lag_set(shape)
                if lags.pieces and (lags.greatest == INF or lags.least == -INF):
                    raise NoClosedFormError("edges")
                if lags.pieces:
                    found = max(found, int(lags.greatest) + 1, int(-lags.least) + 1)
        if "depth" in names:
            found = max(found, int(min(self.growth.prefix, 1 << 62)) + 3)
            if self.growth.prefix == INF:
                before = Field([(self.growth.lags, self.growth.start - 1)]).prefix if self.growth.start > 1 else 0
                found = max(2, int(before) + 2)
        return found

    def _holds(self, chosen: dict[str, int]) -> bool:
        values = self.question.values(chosen)
        return not self.question.admits(values) or self.question.point(chosen).finding().holds

    def _follows(self, layers: int | None, more: list[Expr]) -> bool:
        """Whether the claim follows for that many layers; for None, for all from the linear part on."""
        values = {name: Int(v) for name, v in self.question.values({}).items()}
        if layers is not None:
            values[LAYERS] = Int(layers)
        free = [name for name in self.question.free if name not in values]
        known = [*more, *(compare(">=", Sym(name), ONE) for name in free)]
        if LAYERS in free:
            known.append(compare(">=", Sym(LAYERS), Int(self.growth.start)))
        known += [_with(c, values) for c in self.question.conditions]
        know = Knowledge(known, free)
        translation = Translation(lambda name, argument: self._value(name, _with(argument, values), know))
        claim = Chain(tuple(_with(o, values) for o in self.claim.operands), self.claim.ops)
        formula = translation.formula(claim)
        return formula is not None and know.proves(formula)

    def _value(self, name: str, argument: Expr, know: Knowledge) -> Expr | None:
        if name == "edges":
            return self._edges(argument, know)
        if name == "depth":
            return self._depth(argument, know)
        if isinstance(argument, Int):
            if argument.value < 0:
                return None
            value = self.growth.value(name, argument.value) if argument.value else (1 if name == "coverage" else 0)
            return Int(value) if isinstance(value, int) else Infinity()
        enough = compare(">=", argument, Int(self.growth.start))
        return self.growth.formula(name, argument) if know.proves(enough) else None

    def _edges(self, n: Expr, know: Knowledge) -> Expr | None:
        if not know.proves(compare(">=", n, Int(self._first_length({"edges"})))):
            return None
        from patternc.analysis.shapes import lag_set

        heads: list[Expr] = []
        for head in self.model.layers[0].branch_shapes(None):
            count = total = 0
            for shape in head:
                lags = lag_set(shape)
                if lags.pieces:
                    count += int(lags.count(-INF, INF))
                    back, forth = (lags & interval(0, None)), (lags & interval(None, -1)).reflected()
                    total += sum(s.count_and_sum(0, int(s.greatest))[1] for s in (back, forth) if s.pieces)
            heads.append(sub(mul(Int(count), n), Int(total)))
        result = heads[0]
        for other in heads[1:]:
            result = arith("max", result, other)
        return result

    def _depth(self, n: Expr, know: Knowledge) -> Expr | None:
        g = self.growth
        if not know.proves(compare(">=", n, Int(self._first_length({"depth"})))):
            return None
        if g.prefix == INF:
            return Int(g.start)
        if not g.prefix_step:
            return Infinity()
        rest = sub(sub(n, ONE), Int(int(g.prefix)))
        return add(Int(g.start), neg(arith("//", neg(rest), Int(g.prefix_step))))


def _with(expr: Expr, values: dict[str, Int]) -> Expr:
    from patternc.analysis.stacks import substituted

    return substituted(expr, values)


def _measures(expr: Expr) -> Iterator[Measure]:
    if isinstance(expr, Measure):
        yield expr
    for child in expr.children():
        yield from _measures(child)
