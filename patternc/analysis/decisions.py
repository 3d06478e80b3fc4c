"""Questions about single pairs, for every length: is there a pair in a relation, a query without a key?

Where membership is a function of the lag, its set of lags answers.  Else short sequences are searched for the first
witness, and beyond them isl decides: the relations are linear arithmetic over query, key and length, once a remainder
modulo n is written out (between 0 and n there are only a few multiples of n to subtract).  Documents may begin
anywhere: their start and length are two more variables.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from patternc.analysis.bits import ones
from patternc.analysis.intset import TooLarge, interval
from patternc.analysis.quasi import NotQuasiAffine, linear
from patternc.analysis.rows import rows_of
from patternc.analysis.semantics import plainly_causal
from patternc.analysis.shapes import EVERY, NONE, Either, Shape, by_lag, depends_on_n, lag_set, shape_of
from patternc.analysis.symbolic.presburger import MAX_OPERATIONS, NonLinearError, formula
from patternc.ir.expr import (
    FALSE,
    TRUE,
    Arith,
    Expr,
    Int,
    Logic,
    Sym,
    add,
    compare,
    conjunction,
    disjunction,
    mul,
    rebuild,
    sub,
    substitute,
)
from patternc.ir.relation import K, N, Q, Relation, intersection, member, needs_documents
from patternc.ir.relation import Lag as LagAtom

SHORT = 24
"""Lengths up to this are searched before isl is asked."""
MAX_SHORT = 1 << 12
"""Lengths up to this are searched where a remainder modulo n needs it."""
FEW_DOCUMENTS = 64

_S, _M = Sym(".s"), Sym(".m")
"""Where a document starts, and its length."""
_NAMES = {".n": "n", ".q": "q", ".k": "k", ".s": "s", ".m": "m"}


class Undecided(ValueError):  # noqa: N818
    """It could not be said, for the reason given."""


@dataclass(frozen=True)
class Witness:
    """A pair (or a query, where ``key`` is None) of a sequence of ``n`` tokens, and its documents where they matter."""

    n: int
    query: int
    key: int | None = None
    documents: tuple[int, ...] | None = None


def first_future_pair(relation: Relation, beyond: bool = True) -> Witness | None:
    """The first pair whose key comes after its query, at the least n; None where there is none at any n."""
    if not needs_documents(relation) and plainly_causal(shape_of(relation)):
        return None
    return first_pair(intersection(relation, LagAtom(False, None, Int(-1))), beyond)


def first_pair(relation: Relation, beyond: bool = True) -> Witness | None:
    """The first pair of the relation, at the least n; None where it is empty at every n.  Raises `Undecided`.

    With ``beyond`` false only short sequences are searched, and None proves nothing.
    """
    if needs_documents(relation):
        if not beyond:
            return None
        return _first_pair_in_documents(member(relation))
    try:
        shape = shape_of(relation)
        if by_lag(shape):
            lag = lag_set(shape).nearest_zero()
            return None if lag is None else Witness(abs(lag) + 1, max(lag, 0), max(-lag, 0))
    except TooLarge:
        shape = EVERY
    test = member(relation)
    short, undecided = _short(test) if beyond else (SHORT, None)
    for n, some in _shapes(relation, shape, short):
        if (found := _pair_of(some, n)) is not None:
            return Witness(n, *found)
    if undecided is not None:
        raise undecided
    if not beyond:
        return None
    inside = _inside(Q, K, N)
    found_at = _first(conjunction([*inside, compare(">", N, Int(short)), _written_out(test, N)]), (".n", ".q", ".k"))
    return None if found_at is None else Witness(found_at[0], found_at[1], found_at[2])


def first_query_without_key(relation: Relation, beyond: bool = True) -> Witness | None:
    """The first query that sees no key, at the least n; None where there is none at any n.  Raises `Undecided`.

    With ``beyond`` false only short sequences are searched, and None proves nothing.
    """
    if needs_documents(relation):
        if not beyond:
            return None
        return _first_unseeing_in_documents(member(relation))
    try:
        shape = shape_of(relation)
    except TooLarge:
        shape = EVERY
    parts = shape.parts if isinstance(shape, Either) else (shape,)
    if any(by_lag(p) and shape != EVERY and lag_set(p).contains(0) for p in parts):
        return None
    test = member(relation)
    short, undecided = _short(test) if beyond else (SHORT, None)
    for n, some in _shapes(relation, shape, short):
        rows = rows_of(some, n)
        if 0 in (held := [row & ones(n) for row in rows]):
            return Witness(n, held.index(0))
    if undecided is not None:
        raise undecided
    if not beyond:
        return None
    sees = f"(exists k : {_text(conjunction([*_between(K, Int(0), N), _written_out(test, N)]))})"
    limits = _text(conjunction([*_between(Q, Int(0), N), compare(">", N, Int(short))]))
    found = _lexmin(f"{limits} and not {sees}", ("n", "q"))
    return None if found is None else Witness(found[0], found[1])


def _shapes(relation: Relation, shape: Shape, short: int) -> Iterator[tuple[int, Shape]]:
    """The relation at the lengths up to ``short``, the least first."""
    fixed = not depends_on_n(shape) and shape != EVERY
    for n in range(1, short + 1):
        yield n, shape if fixed else shape_of(relation, n)


def _pair_of(shape: Shape, n: int) -> tuple[int, int] | None:
    if shape == NONE:
        return None
    if by_lag(shape):
        lag = (lag_set(shape) & interval(1 - n, n - 1)).nearest_zero()
        return None if lag is None else (max(lag, 0), max(-lag, 0))
    full = ones(n)
    for q, row in enumerate(rows_of(shape, n)):
        if row & full:
            return q, (row & -row).bit_length() - 1
    return None


def _between(position: Expr, low: Expr, high: Expr) -> list[Expr]:
    return [compare(">=", position, low), compare("<", position, high)]


def _inside(q: Expr, k: Expr, n: Expr) -> list[Expr]:
    return [*_between(q, Int(0), n), *_between(k, Int(0), n), compare(">=", n, Int(1))]


def _short(test: Expr) -> tuple[int, Undecided | None]:
    """Up to which length to search: far enough for `_written_out` beyond it, or why nothing is said beyond."""
    try:
        return max(SHORT, _far_enough(test, N.name)), None
    except Undecided as problem:
        return SHORT, problem


def _far_enough(test: Expr, modulus: str) -> int:
    """The greatest of the constants beside remainders modulo a length."""
    sizes = [abs(_linear(_capless(e.args[0], modulus)).const) + 1 for e in _remainders(test, modulus)]
    sizes += _caps(test, modulus)
    if sizes and max(sizes) > MAX_SHORT:
        raise Undecided("a remainder modulo n with an offset that is too large")
    return max([1, *sizes])


def _caps(expr: Expr, modulus: str) -> list[int]:
    """The numbers c in ``min(c, n)``."""
    own = []
    if isinstance(expr, Arith) and expr.op == "min" and Sym(modulus) in expr.args:
        own = [a.value for a in expr.args if isinstance(a, Int)]
    return own + [c for child in expr.children() for c in _caps(child, modulus)]


def _capless(expr: Expr, modulus: str) -> Expr:
    """With ``min(c, n)`` as c, as it is for n greater than every constant (see `_short`)."""
    if isinstance(expr, Arith) and expr.op == "min" and Sym(modulus) in expr.args:
        number = next((a for a in expr.args if isinstance(a, Int)), None)
        if number is not None:
            return number
    return rebuild(expr, tuple(_capless(c, modulus) for c in expr.children())) if expr.children() else expr


def _remainders(expr: Expr, modulus: str) -> Iterator[Arith]:
    if isinstance(expr, Arith) and expr.op in ("%", "//") and modulus in expr.args[1].symbols:
        if expr.op == "//" or expr.args[1] != Sym(modulus):
            raise Undecided("a division by the length")
        yield expr
    for child in expr.children():
        yield from _remainders(child, modulus)


def _linear(expr: Expr) -> Any:
    try:
        return linear(expr, {})
    except NotQuasiAffine as problem:
        raise Undecided(str(problem)) from problem


def _written_out(test: Expr, modulus: Sym) -> Expr:
    """Remainders modulo n as differences ``e - j n``, for n greater than every constant in them (see `_short`)."""
    return _each_remainder(_capless(test, modulus.name), modulus)


def _each_remainder(test: Expr, modulus: Sym) -> Expr:
    if isinstance(test, Logic):
        return rebuild(test, tuple(_each_remainder(a, modulus) for a in test.args))
    remainder = next(_remainders(test, modulus.name), None)
    if remainder is None:
        return test
    inner = remainder.args[0]
    form = _linear(inner)
    if not all(isinstance(key, str) for key in form.coefficients):
        raise Undecided("a remainder modulo n of more than a sum")
    turns = sum(abs(c) for c in form.coefficients.values()) + 1
    cases: list[Expr] = []
    for j in range(-turns, turns):
        rest = sub(inner, mul(Int(j), modulus))
        replaced = _each_remainder(_replaced(test, remainder, rest), modulus)
        cases.append(conjunction([*_between(rest, Int(0), modulus), replaced]))
    return disjunction(cases)


def _replaced(expr: Expr, old: Expr, new: Expr) -> Expr:
    if expr == old:
        return new
    return rebuild(expr, tuple(_replaced(c, old, new) for c in expr.children())) if expr.children() else expr


def _first(condition: Expr, order: tuple[str, ...]) -> tuple[int, ...] | None:
    return _lexmin(_text(condition), tuple(_NAMES[name] for name in order))


def _text(condition: Expr) -> str:
    try:
        return formula(_positive_divisors(condition), _NAMES)
    except NonLinearError as problem:
        raise Undecided(f"a condition that is not linear: {problem}") from problem


def _positive_divisors(expr: Expr) -> Expr:
    """Division by a negative number turned into division by a positive one."""
    children = tuple(_positive_divisors(c) for c in expr.children())
    if isinstance(expr, Arith) and expr.op in ("//", "%") and isinstance(children[1], Int) and children[1].value < 0:
        turned = Arith(expr.op, (Arith("neg", (children[0],)), Int(-children[1].value)))
        return turned if expr.op == "//" else Arith("neg", (turned,))
    return rebuild(expr, children) if children else expr


def _lexmin(text: str, names: tuple[str, ...]) -> tuple[int, ...] | None:
    """The first solution in the order of the names; None where there is none.  Raises `Undecided`."""
    import islpy

    context = islpy.Context()
    context.set_max_operations(MAX_OPERATIONS)
    try:
        solution = islpy.Set(f"{{ [{', '.join(names)}] : {text} }}", context)
        if solution.is_empty():
            return None
        point = solution.lexmin().sample_point()
        values = (point.get_coordinate_val(islpy.dim_type.set, i) for i in range(len(names)))
        return tuple(int(v.to_python()) for v in values)
    except islpy.Error as problem:
        raise Undecided(f"the formula is too large for isl ({problem})") from problem


def _frames(test: Expr) -> tuple[Expr, Expr]:
    """The condition within one document, from `s` and `m` long, and between two."""
    frame = {".qd": sub(Q, _S), ".kd": sub(K, _S), ".nd": _M, ".same_document": TRUE}
    return substitute(test, frame), substitute(test, {".same_document": FALSE})


def _document_cases(same: Expr, apart: Expr) -> Iterator[tuple[list[Expr], Expr, Expr]]:
    """Conditions on the document's and the sequence's length, and the tests within the document and beyond it."""
    lengths = [compare(">=", _M, Int(1)), compare("<=", add(_S, _M), N), compare(">=", _S, Int(0))]
    within = [*lengths, *_between(Q, _S, add(_S, _M))]
    for limits, (inner,) in _length_cases((same,), _M):
        for more, (own, others) in _length_cases((inner, apart), N):
            yield [*within, *limits, *more], own, others


def _length_cases(tests: tuple[Expr, ...], length: Sym) -> Iterator[tuple[list[Expr], tuple[Expr, ...]]]:
    """Short lengths one by one, and then the rest, where remainders modulo the length are written out."""
    if all(next(_remainders(test, length.name), None) is None for test in tests):
        yield [], tests
        return
    short = max(_far_enough(test, length.name) for test in tests)
    if short > FEW_DOCUMENTS:
        raise Undecided("a remainder modulo a length with an offset that is too large, beside documents")
    for x in range(1, short + 1):
        yield [compare("==", length, Int(x))], tuple(substitute(test, {length.name: x}) for test in tests)
    yield [compare(">", length, Int(short))], tuple(_written_out(test, length) for test in tests)


def _split(n: int, start: int, length: int) -> tuple[int, ...]:
    return tuple(x for x in (start, length, n - start - length) if x)


def _first_pair_in_documents(test: Expr) -> Witness | None:
    same, apart = _frames(test)
    found: list[tuple[tuple[int, ...], Witness]] = []
    for limits, case, _ in _document_cases(same, TRUE):
        key = _between(K, _S, add(_S, _M))
        at = _first(conjunction([*limits, *key, case]), (".n", ".q", ".k", ".s", ".m"))
        if at is not None:
            n, q, k, s, m = at
            found.append((at, Witness(n, q, k, _split(n, s, m))))
    for limits, (case,) in _length_cases((apart,), N):
        at = _first(conjunction([*_inside(Q, K, N), compare("!=", Q, K), *limits, case]), (".n", ".q", ".k"))
        if at is not None:
            n, q, k = at
            found.append((at, Witness(n, q, k, (max(q, k), n - max(q, k)))))
    return min(found, key=lambda pair: pair[0][:3])[1] if found else None


def _first_unseeing_in_documents(test: Expr) -> Witness | None:
    same, apart = _frames(test)
    found: list[Witness] = []
    for limits, case, beyond in _document_cases(same, apart):
        own = _text(conjunction([*_between(K, _S, add(_S, _M)), case]))
        before, after = conjunction(_between(K, Int(0), _S)), conjunction(_between(K, add(_S, _M), N))
        others = _text(conjunction([disjunction([before, after]), beyond]))
        text = f"{_text(conjunction(limits))} and not (exists k : {own}) and not (exists k : {others})"
        if (at := _lexmin(text, ("n", "q", "s", "m"))) is not None:
            n, q, s, m = at
            found.append(Witness(n, q, None, _split(n, s, m)))
    return min(found, key=lambda w: (w.n, w.query)) if found else None
