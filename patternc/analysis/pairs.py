"""Claims about single pairs as formulas over a query, a key and a length: causal, nonempty, subset, equal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from patternc.ir.expr import ONE, ZERO, Expr, compare, conjunction, disjunction, negation, substitute
from patternc.ir.program import Causal, Equal, NonEmpty, Pattern, Program, Prove, Subset
from patternc.ir.relation import K, Lag, LagMod, N, Q, Relation, atoms, member, needs_documents, substituted, union


@dataclass(frozen=True)
class PairFormula:
    """``goal`` for all values of ``symbols`` and parameters that satisfy ``conditions``."""

    symbols: tuple[str, ...]
    conditions: tuple[Expr, ...]
    goal: Expr


_INSIDE = (
    compare(">=", Q, ZERO),
    compare("<", Q, N),
    compare(">=", K, ZERO),
    compare("<", K, N),
    compare(">=", N, ONE),
)


def pair_formula(
    program: Program, pattern: Pattern, item: Prove, heads: tuple[tuple[Relation, ...], ...]
) -> PairFormula | None:
    """The claim as a formula, where it is one about pairs; None where it is not, or none that says the same."""
    layer = union(*(branch for head in heads for branch in head))
    if needs_documents(layer):
        return None
    held = member(layer)
    symbols = (N.name, Q.name, K.name)
    match item.claim:
        case Causal():
            return PairFormula(symbols, _INSIDE, disjunction((negation(held), compare(">=", Q, K))))
        case NonEmpty() if _by_lag(layer):
            # The first query of a sequence of one token has itself only; and lag 0 serves every query, in any head.
            first = {Q.name: ZERO, K.name: ZERO, N.name: ONE}
            return PairFormula((), (), conjunction(substitute(member(union(*head)), first) for head in heads))
        case Subset(other) | Equal(other):
            second = program.pattern(other)
            if second is None or len(heads) != 1:
                return None
            theirs = _other(second, dict(item.arguments))
            if theirs is None:
                return None
            forth = disjunction((negation(held), theirs[0]))
            back = disjunction((negation(theirs[0]), held))
            goal = forth if isinstance(item.claim, Subset) else conjunction((forth, back))
            mine = {p.name for p in pattern.parameters} | {name for name, _ in item.arguments}
            more = tuple(p.name for p in second.parameters if p.name not in mine)
            return PairFormula((*symbols, *more), (*_INSIDE, *theirs[1]), goal)
        case _:
            return None


def _by_lag(layer: Relation) -> bool:
    """Whether membership is a function of the lag alone."""
    return all(isinstance(a, Lag | LagMod) and N.name not in a.member().symbols for a in atoms(layer))


def _other(pattern: Pattern, given: Mapping[str, Expr]) -> tuple[Expr, list[Expr]] | None:
    """Membership in the other pattern and what its parameters satisfy."""
    if pattern.by_head or len(pattern.ranges) != 1:
        return None
    layer = union(*(substituted(b, given) for b in pattern.ranges[0].branches))
    if needs_documents(layer):
        return None
    conditions = [substitute(r.condition, given) for r in (*pattern.requirements, *pattern.ranges[0].domains)]
    return member(layer), conditions
