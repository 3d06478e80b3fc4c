"""Finds the closed kinds of atoms among residual conditions: ``d % p == 0`` is a lag congruence, whoever wrote it.

A comparison is brought to ``x + rest op 0``, where ``x`` is linear in the positions and in terms such as ``k % p``,
and ``rest`` has no position.  What the atoms can say exactly becomes atoms; all else stays as it is.  With open
parameters a modulus must be known to be positive; where that is not known, the numbers of an instance decide it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from patternc.ir.expr import (
    NEGATED,
    ONE,
    POSITIONS,
    ZERO,
    Arith,
    Bool,
    Compare,
    Expr,
    ExprError,
    Int,
    Logic,
    Sym,
    add,
    compare,
    conjunction,
    disjunction,
    mul,
    neg,
    sub,
)
from patternc.ir.relation import (
    EVERYTHING,
    NOTHING,
    Atom,
    ChunkLag,
    Complement,
    Condition,
    D,
    K,
    KeyMod,
    KeyRange,
    Lag,
    LagMod,
    Q,
    QueryMod,
    QueryRange,
    Relation,
    intersection,
    mapped,
    union,
)

LowerBounds: TypeAlias = Mapping[str, int]
"""Known lower bounds of symbols."""

_SWAPPED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_SPLIT = ("abs", "min", "max")
_RANGES = {"lag": Lag, "key": KeyRange, "query": QueryRange}
_RESIDUES = {"lag": LagMod, "key": KeyMod, "query": QueryMod}


def recognised(relation: Relation, bounds: LowerBounds | None = None) -> Relation:
    """``relation`` with its residual conditions as closed atoms where those hold exactly the same pairs."""
    known = {"heads": 1, "h": 0, **(bounds or {})}

    def closed(atom: Atom) -> Relation:
        if not isinstance(atom, Condition):
            return atom
        found = _closed(atom.test, known)
        return mapped(found, lambda a: replace(a, document=atom.document and a.depends_on_frame()))

    return mapped(relation, closed)


def least(expr: Expr, bounds: LowerBounds) -> int | None:
    """A lower bound of ``expr``, where one is plain to see."""
    match expr:
        case Int(value):
            return value
        case Sym(name):
            return bounds.get(name)
        case Arith("+", (a, b)):
            low, other = least(a, bounds), least(b, bounds)
            return None if low is None or other is None else low + other
        case Arith("-", (a, Int(value))):
            low = least(a, bounds)
            return None if low is None else low - value
        case Arith("*" | "**" as op, (a, b)):
            low, other = least(a, bounds), least(b, bounds)
            if low is None or other is None or low < 0 or other < 0:
                return None
            return low * other if op == "*" else min(low, 1)
        case Arith("min", args):
            lows = [least(a, bounds) for a in args]
            return None if None in lows else min(low for low in lows if low is not None)
        case Arith("max", args):
            return max((low for a in args if (low := least(a, bounds)) is not None), default=None)
        case _:
            return None


@dataclass(frozen=True)
class _Linear:
    """``sum(coefficient * term) + rest``; the terms hold positions, the rest does not."""

    terms: Mapping[Expr, int]
    rest: Expr

    def plus(self, other: _Linear, factor: int = 1) -> _Linear:
        terms = dict(self.terms)
        for term, coefficient in other.terms.items():
            terms[term] = terms.get(term, 0) + factor * coefficient
        rest = add(self.rest, mul(Int(factor), other.rest)) if factor != -1 else sub(self.rest, other.rest)
        return _Linear({t: c for t, c in terms.items() if c}, rest)


_NIL = _Linear({}, ZERO)


def _linear(expr: Expr) -> _Linear:
    if not expr.symbols & POSITIONS:
        return _Linear({}, expr)
    match expr:
        case Sym(name) if name == D.name:
            return _Linear({Q: 1, K: -1}, ZERO)
        case Arith("+", (a, b)):
            return _linear(a).plus(_linear(b))
        case Arith("-", (a, b)):
            return _linear(a).plus(_linear(b), -1)
        case Arith("neg", (a,)):
            return _NIL.plus(_linear(a), -1)
        case Arith("*", (Int(factor), a) | (a, Int(factor))):
            return _NIL.plus(_linear(a), factor)
        case _:
            return _Linear({expr: 1}, ZERO)


def _axis(terms: Mapping[Expr, int]) -> tuple[str, int] | None:
    """``lag``, ``key`` or ``query``, and the sign, where the terms are just that."""
    for sign in (1, -1):
        if terms == {Q: sign, K: -sign}:
            return "lag", sign
        if terms == {K: sign}:
            return "key", sign
        if terms == {Q: sign}:
            return "query", sign
    return None


def _closed(test: Expr, known: LowerBounds) -> Relation:
    match test:
        case Bool(value):
            return EVERYTHING if value else NOTHING
        case Logic("and", args):
            return intersection(*(_closed(a, known) for a in args))
        case Logic("or", args):
            return union(*(_closed(a, known) for a in args))
        case Logic(_, args):
            return Complement(_closed(args[0], known))
        case Compare(op, left, right):
            try:
                found = _comparison(op, _linear(left).plus(_linear(right), -1), known)
            except ExprError:
                # A bound of the closed form is out of bounds; the condition itself need not be.
                found = None
            return Condition(test=test) if found is None else found
        case _:
            return Condition(test=test)


def _comparison(op: str, form: _Linear, known: LowerBounds) -> Relation | None:
    """The pairs with ``form op 0``, or None."""
    if not form.terms:
        test = compare(op, form.rest, ZERO)
        return None if not isinstance(test, Bool) else _closed(test, known)
    if (axis := _axis(form.terms)) is not None:
        name, sign = axis
        return _range(_RANGES[name], op, form.rest, sign)
    if len(form.terms) == 1:
        (term, coefficient), *_ = form.terms.items()
        if isinstance(term, Arith) and abs(coefficient) == 1:
            bound = neg(form.rest) if coefficient == 1 else form.rest
            return _term(term, op if coefficient == 1 else _SWAPPED[op], bound, known)
    return _chunks(op, form, known)


def _range(make: Callable[..., Atom], op: str, rest: Expr, sign: int = 1) -> Relation:
    """The pairs with ``sign * x + rest op 0``."""
    op = op if sign == 1 else _SWAPPED[op]
    bound = neg(rest) if sign == 1 else rest
    if op == "!=":
        return Complement(make(lo=bound, hi=bound))
    lo = {"==": bound, ">=": bound, ">": add(bound, ONE)}.get(op)
    hi = {"==": bound, "<=": bound, "<": sub(bound, ONE)}.get(op)
    return make(lo=lo, hi=hi)


def _term(term: Arith, op: str, bound: Expr, known: LowerBounds) -> Relation | None:
    """The pairs with ``term op bound``."""
    if op == "!=" or (term.op == "%" and op in (">", ">=")):
        opposite = _term(term, NEGATED[op], bound, known)
        return None if opposite is None else Complement(opposite)
    if term.op in _SPLIT:
        split = _split(term, op, bound)
        return None if split is None else _closed(split, known)
    if term.op not in ("%", "//"):
        return None
    inner, modulus = _linear(term.args[0]), term.args[1]
    axis = _axis(inner.terms)
    if axis is None or (least(modulus, known) or 0) < 1:
        return None
    name, sign = axis
    if term.op == "%":
        return _residue(_RESIDUES[name], op, inner.rest, sign, modulus, bound, known)
    return _quotient(_RANGES[name], op, inner.rest, sign, modulus, bound)


def _residue(
    make: Callable[..., Atom], op: str, offset: Expr, sign: int, modulus: Expr, bound: Expr, known: LowerBounds
) -> Relation | None:
    """The pairs with ``(sign * x + offset) % modulus op bound``; ``op`` is one of ``== < <=``."""
    first, width = (bound, ONE) if op == "==" else (ZERO, bound if op == "<" else add(bound, ONE))
    if op == "==":
        if isinstance(bound, Int) and isinstance(modulus, Int) and not 0 <= bound.value < modulus.value:
            return NOTHING
        room = Int(1) if bound == ZERO else sub(modulus, bound)
        low = least(bound, known)
        if low is None or low < 0 or (least(room, known) or 0) < 1:
            return None
    elif isinstance(width, Int) and width.value <= 0:
        return NOTHING
    last = add(first, sub(width, ONE))
    phase = sub(first, offset) if sign == 1 else sub(offset, last)
    return make(period=modulus, phase=phase, width=width)


def _quotient(make: Callable[..., Atom], op: str, offset: Expr, sign: int, modulus: Expr, bound: Expr) -> Relation:
    """The pairs with ``(sign * x + offset) // modulus op bound``; ``op`` is not ``!=``."""
    first = mul(bound, modulus)
    behind = mul(add(bound, ONE), modulus)
    if op == "==":
        lower = _range(make, ">=", sub(offset, first), sign)
        return intersection(lower, _range(make, "<", sub(offset, behind), sign))
    if op in ("<", ">="):
        return _range(make, op, sub(offset, first), sign)
    return _range(make, "<" if op == "<=" else ">=", sub(offset, behind), sign)


def _split(term: Arith, op: str, bound: Expr) -> Expr | None:
    """``term op bound`` without `abs`, `min`, `max`; only where they do not nest, since each doubles the condition."""
    if any(_nests(a) for a in term.args):
        return None
    if term.op == "abs":
        inner = term.args[0]
        low, high = compare(_SWAPPED[op], inner, neg(bound)), compare(op, inner, bound)
        if op == "==":
            return disjunction((low, high)) if isinstance(bound, Int) and bound.value >= 0 else None
        return conjunction((low, high)) if op in ("<", "<=") else disjunction((low, high))
    if op == "==":
        return None
    parts = [compare(op, a, bound) for a in term.args]
    every = (term.op == "max") == (op in ("<", "<="))
    return conjunction(parts) if every else disjunction(parts)


def _nests(expr: Expr) -> bool:
    return (isinstance(expr, Arith) and expr.op in _SPLIT) or any(_nests(c) for c in expr.children())


def _chunks(op: str, form: _Linear, known: LowerBounds) -> Relation | None:
    """The pairs with ``q // b - k // b + rest op 0``, or None."""
    if len(form.terms) != 2:
        return None
    for query, key in (tuple(form.terms), tuple(form.terms)[::-1]):
        sign = form.terms[query]
        if abs(sign) != 1 or form.terms[key] != -sign or not isinstance(query, Arith):
            continue
        size = query.args[-1]
        if query != Arith("//", (Q, size)) or key != Arith("//", (K, size)):
            continue
        if (least(size, known) or 0) < 1:
            return None
        return _range(lambda lo, hi, size=size: ChunkLag(size=size, lo=lo, hi=hi), op, form.rest, sign)
    return None
