"""The arithmetic under the rules: every answer against an independent one (sympy, isl, enumeration)."""

from __future__ import annotations

import random
from fractions import Fraction
from itertools import product

import pytest

from patternc.analysis.symbolic.formula import formula
from patternc.analysis.symbolic.knowledge import Knowledge, UndeterminedError
from patternc.analysis.symbolic.lowering import LOG_TANGENTS, Context, SplitError, UnsupportedError
from patternc.analysis.symbolic.polynomial import Poly
from patternc.analysis.symbolic.positivity import combined, contradiction
from patternc.analysis.symbolic.presburger import decide
from patternc.analysis.symbolic.proving import Prover
from patternc.analysis.symbolic.sampling import predicate, samples
from patternc.ir.expr import Bool, Expr, ExprError, Int, Sym, ceil_log2, compare, conjunction, evaluate, negation
from tests.analysis.arithmetic import condition, expression

NAMES = ("x", "y", "z")
POSITIVE = tuple(compare(">=", Sym(name), Int(1)) for name in NAMES)


def polynomial(draw: random.Random) -> Poly:
    terms = [[draw.choice(NAMES) for _ in range(draw.randint(0, 3))] for _ in range(draw.randint(0, 4))]
    return Poly.of({tuple(sorted(t)): draw.randint(-4, 4) for t in terms})


def test_polynomials_agree_with_sympy() -> None:
    import sympy

    draw = random.Random(1)

    def theirs(poly: Poly) -> sympy.Expr:
        factors = [sympy.Mul(sympy.Rational(Fraction(c)), *map(sympy.Symbol, m)) for m, c in poly.terms]
        return sympy.Add(*factors)

    for _ in range(150):
        a, b = polynomial(draw), polynomial(draw)
        assert sympy.expand(theirs(a) + theirs(b) - theirs(a + b)) == 0
        assert sympy.expand(theirs(a) * theirs(b) - theirs(a * b)) == 0
        assert sympy.expand(theirs(a).subs("x", theirs(b)) - theirs(a.substituted("x", b))) == 0
        if b.terms:
            quotient, rest = a.quotient(b)
            assert quotient * b + rest == a
        at = {name: draw.randint(-5, 5) for name in NAMES}
        assert theirs(a).subs(at) == a.evaluated(at)
        for point in product((-2, 0, 1, 3), repeat=3):
            values = dict(zip(NAMES, point, strict=True))
            assert (a.tightened.evaluated(values) >= 0) == (a.evaluated(values) >= 0)


def test_contradictions_are_identities_and_never_contradict_a_point() -> None:
    draw = random.Random(2)
    found = 0
    for _ in range(400):
        hypotheses = [polynomial(draw) for _ in range(draw.randint(1, 5))]
        combination = contradiction(hypotheses, 2)
        if combination is None:
            continue
        found += 1
        assert combined(hypotheses, combination) == Poly.constant(-1)
        assert all(weight > 0 for weight, _ in combination)
        for point in product(range(-2, 3), repeat=3):
            values = dict(zip(NAMES, point, strict=True))
            assert any(h.evaluated(values) < 0 for h in hypotheses)
    assert found > 40


def test_what_follows_is_found() -> None:
    """Products of two or three facts that appear in receptive fields."""
    k, p, layers, c = (Poly.variable(n) for n in "kpLc")
    closes = [k.plus(-1), p - k, layers.plus(-1), c * k - p.plus(-1), p.plus(-1) + k.plus(-1) - c * k]
    prefix = k * layers + (p - k) * (layers - c).plus(1)
    beyond = [*closes, layers - c, c.plus(-1), (prefix - p * layers).plus(-1)]
    assert contradiction(beyond, 2) is not None
    assert contradiction([*closes, layers - c], 3) is None


def value(expr: Expr, values: dict[str, int]) -> int | bool | None:
    try:
        return evaluate(expr, values)
    except ExprError:
        return None


def test_lowering_keeps_the_value() -> None:
    """What an expression comes to is what its polynomial comes to, with the variables it introduced."""
    draw = random.Random(3)
    checked = 0
    for _ in range(400):
        expr = expression(draw, NAMES, 3)
        points = [{name: draw.randint(1, 9) for name in NAMES} for _ in range(12)]
        context = Context((), points)
        try:
            for fact in POSITIVE:
                context.assume(fact)  # type: ignore[arg-type]
            poly = context.poly(expr)
        except (SplitError, UnsupportedError):
            continue
        for sample in context.samples:
            expected = value(expr, {name: sample[name] for name in NAMES})
            if expected is not None:
                checked += 1
                assert poly.evaluated(sample) == expected, expr
                assert all(fact.evaluated(sample) >= 0 for fact in context.known)
    assert checked > 1500


def test_logarithm_and_power_facts() -> None:
    for e in range(1, 5000):
        u = ceil_log2(e)
        assert u >= 0
        assert (u - 1) * (e - 1) >= 0
        assert all(2**t * (u - t) <= e - 1 for t in range(LOG_TANGENTS + 8))
    for base in range(2, 6):
        assert all(base**e >= (base - 1) * e + 1 for e in range(40))


@pytest.mark.parametrize("seed", range(4))
def test_what_is_proved_holds(seed: int) -> None:
    """Nothing that is proved has a counterexample among small numbers."""
    draw = random.Random(100 + seed)
    proved = 0
    grid = [dict(zip(NAMES, point, strict=True)) for point in product(range(1, 7), repeat=3)]
    for _ in range(120):
        given = [condition(draw, NAMES, 1) for _ in range(draw.randint(0, 2))]
        goal = condition(draw, NAMES, 2)
        know = Knowledge([*POSITIVE, *given], NAMES)
        if not know.proves(goal, thorough=draw.random() < 0.3):
            continue
        proved += 1
        for values in grid:
            if all(value(c, values) for c in given):
                assert value(goal, values) is not False, (given, goal, values)
    assert proved > 10


def test_agreement_with_isl_on_linear_formulas() -> None:
    """isl decides them completely: what the search proves isl proves, and isl's counterexamples are ones."""
    draw = random.Random(5)
    outcomes = {"both": 0, "isl": 0, "refuted": 0}
    for _ in range(250):
        given = [condition(draw, NAMES, 1, linear=True) for _ in range(draw.randint(0, 2))]
        goal = condition(draw, NAMES, 2, linear=True)
        answer = decide([*POSITIVE, *given], goal, NAMES)
        assert answer is not None
        found = Prover([*POSITIVE, *given]).proves(goal, 2)
        if answer is True:
            outcomes["both" if found else "isl"] += 1
            continue
        assert isinstance(answer, dict)
        assert not found, (given, goal, answer)
        assert value(conjunction([*POSITIVE, *given]), answer) is True
        assert value(goal, answer) is False
        outcomes["refuted"] += 1
    assert outcomes["both"] > 30
    assert outcomes["refuted"] > 30


def test_isl_says_where_it_cannot() -> None:
    assert decide(POSITIVE, formula("x*y >= 1"), NAMES) is None
    assert decide(POSITIVE, formula("ceil_log2(x) <= x"), NAMES) is None
    assert decide(POSITIVE, formula("x // y >= 0"), NAMES) is None


@pytest.mark.parametrize(
    ("given", "goal"),
    [
        ("p <= k", "L*max(k, p) <= k*L + p*ceil_log2(L)"),
        ("p >= 3*k", "L*max(k, p) >= k*L + p*ceil_log2(L)"),
        ("k >= 1", "(p + k - 2) // k == -((1 - p) // k)"),
        ("k >= 1", "(p + k - 1) // k * k >= p"),
        ("k >= 1", "(p // k) // k == p // (k*k)"),
        ("k >= 1", "min(k, p)*max(k, p) == k*p"),
        ("k >= 0", "k*(k + 1) // 2 * 2 == k*k + k"),
        ("k == 2*p", "k // p == 2 and k % p == 0"),
        ("k >= 1", "ceil_log2(2*L) == ceil_log2(L) + 1"),
        ("k >= 1", "2**(L + 1) == 2*2**L and 2**L >= L + 1"),
        ("k >= 1", "p % k <= k - 1 and p % k >= 0"),
        ("k != p", "(k - p)*(k - p) >= 1"),
        ("k < p or k > p", "abs(k - p) >= 1"),
    ],
)
def test_known_theorems(given: str, goal: str) -> None:
    domain = [formula("k >= 0"), formula("p >= 1"), formula("L >= 1")]
    assert Knowledge([*domain, formula(given)], ("L", "k", "p")).proves(formula(goal), thorough=True)


@pytest.mark.parametrize(
    ("given", "goal"),
    [
        ("k >= 1", "L*max(k, p) <= k*L + p*ceil_log2(L)"),
        ("p >= 2*k", "L*max(k, p) >= k*L + p*ceil_log2(L)"),
        ("k >= 0", "p // k >= 0"),
        ("L >= 1", "L // k == L // k"),
        ("L >= 1", "ceil_log2(k) >= 0"),
        ("p >= 1", "2**(k - 1) >= 1"),
    ],
)
def test_what_is_false_or_has_no_value_is_not_proved(given: str, goal: str) -> None:
    """With k = 0 a division by k, a logarithm of k and a power k - 1 have no value."""
    domain = [formula("k >= 0"), formula("p >= 1"), formula("L >= 1")]
    parts = goal.split(" == ")
    claim = formula(goal) if len(parts) == 1 or parts[0] != parts[1] else compare("<=", formula(parts[0]), formula("L"))
    assert not Knowledge([*domain, formula(given)], ("L", "k", "p")).proves(claim, thorough=True)


def test_questions_ask_for_a_case_distinction() -> None:
    know = Knowledge([formula("k >= 0"), formula("p >= 1")], ("k", "p"))
    assert know.ask(formula("k + p >= 1"))
    assert not know.ask(formula("k + p <= 0"))
    with pytest.raises(UndeterminedError) as depends:
        know.ask(formula("k < p"))
    for half in (depends.value.condition, negation(depends.value.condition)):
        assert know.given(half).ask(formula("k < p")) is (half == depends.value.condition)
    assert know.given(formula("k < 0")).contradictory
    assert not know.contradictory


def test_samples_satisfy_what_is_assumed() -> None:
    given = [formula("k >= 1"), formula("p == 3*k"), formula("n >= 4096")]
    found = samples(given, ("n", "k", "p"))
    assert found
    assert all(s["p"] == 3 * s["k"] and s["n"] >= 4096 for s in found)
    assert found == sorted(found, key=lambda s: s["n"])
    assert predicate(formula("k // p >= 1"))({"k": 1, "p": 0}) is None
    assert samples([Bool(False)], ("n",)) == []
