"""Random claims about all parameters: nothing that is proved has a counterexample that counting finds, and every
counterexample is one."""

from __future__ import annotations

import random
from collections import Counter
from itertools import islice

import pytest

from patternc import driver
from patternc.analysis.certificate import certified
from patternc.analysis.checker import check
from patternc.analysis.rules import decide
from patternc.diagnostics import DiagnosticError
from patternc.ir.expr import show
from patternc.source import Source
from tests.analysis.arithmetic import expression
from tests.analysis.families import FAMILIES, Family
from tests.analysis.judge import points, verdict

OPERATORS = ("==", "<=", ">=", "<", ">")
SAMPLE = 160


def claim(draw: random.Random, family: Family) -> str:
    """A claim that is near a true one, or any."""
    names = list(family.grid)
    a, b = names[0], names[1]
    hops = names[2] if len(names) > 2 else "1"
    conditions = [f"{draw.choice(names)} {draw.choice(OPERATORS)} {draw.choice([*names, '1', '2'])}"]
    conditions = conditions if draw.random() < 0.6 else []
    if draw.random() < 0.6:
        conditions.append(f"{a} >= 1")
    terms = ["depth", "edges", "covers"] + (["reach", "prefix", "coverage", "gapfree"] * 2 if family.lags else [])
    term = draw.choice(terms)
    free = "n" if term in ("depth", "edges") else "L"
    noise = show(expression(draw, [*names, free], 1))
    near = {
        "L": [f"L*{a}", f"L*{b}*{hops}", f"L*max({a}, {b}*{hops})", f"L*({a} + {b}*{hops})"],
        "n": ["n", "n - 1", f"n*({a} + {hops} + 1)", f"(n - 1 + max({a}, 1) - 1) // max({a}, 1)", "2"],
    }[free]
    bound = f"{draw.choice(near)} {draw.choice(['', '+ 1', '- 1', f'+ ({noise})'])}"
    if draw.random() < 0.25:
        bound = show(expression(draw, [*names, free], 2))
    if term == "covers":
        text = "covers(n, layers = L)"
        conditions.append(draw.choice([f"n <= L*{a} + 1", "n <= L", f"n <= L*{b}", f"L >= n + {a}"]))
    elif term == "gapfree":
        text = "gapfree(L)"
        conditions.append(draw.choice([f"{b} <= {a} + 1", f"L*{a} >= {b} - 1", f"{b} <= {a}", "L >= 2"]))
    else:
        text = f"{term}({free}) {draw.choice(OPERATORS)} {bound}"
    values = draw.choice(list(family.parameters()))
    fixed = [f"{name} = {values[name]}" for name in draw.sample(names, draw.randint(1, len(names)))]
    given = f"({', '.join(fixed)})" if draw.random() < 0.4 else ""
    return f"{family.name}{given}{' if ' + ', '.join(conditions) if conditions else ''}: {text}"


def fuzz(seed: int, count: int) -> Counter[str]:
    draw = random.Random(seed)
    seen: Counter[str] = Counter()
    for _ in range(count):
        family = draw.choice(FAMILIES)
        text = f"{family.text}\nprove {claim(draw, family)}\n"
        try:
            program = driver.load_program(Source("fuzz", text))
        except DiagnosticError:
            # A claim without a value for its numbers: it divides by 0, for instance.
            continue
        item, pattern = program.proves[0], program.patterns[0]
        found = decide(program, item)
        assert found is not None
        seen[found.outcome] += 1
        if found.refuted:
            counter = found.counterexample
            assert counter is not None
            numbers = {**counter["parameters"], "L": counter["layers"] or 1, "n": counter["n"] or 1}
            # The families' models are for numbers from 0 up, and small ones.
            modelled = all(0 <= number <= 40 for number in numbers.values())
            assert not modelled or verdict(family, pattern, item, numbers) is not True, (text, numbers)
        if found.proved:
            fixed = {name: value.value for name, value in item.arguments}  # type: ignore[attr-defined]
            every = [p for p in points(family, item, 4, 10) if fixed.items() <= p.items()]
            for numbers in draw.sample(every, min(SAMPLE, len(every))):
                assert verdict(family, pattern, item, numbers) is not False, (text, numbers)
        if found.unknown or draw.random() < 0.7:
            continue
        held = certified(program, item, found).certificate
        for statement in [] if held is None else held["statements"]:
            seen["statements"] += 1
            check(statement, statement["proof"])
    return seen


@pytest.mark.parametrize("seed", range(4))
def test_verdicts_agree_with_counting(seed: int) -> None:
    seen = fuzz(seed, 120)
    assert seen["proved"] >= 10
    assert seen["refuted"] >= 30


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 120))
def test_many_verdicts_agree_with_counting(seed: int) -> None:
    fuzz(seed, 200)


def test_the_fuzzer_notices_a_wrong_closed_form(monkeypatch: pytest.MonkeyPatch) -> None:
    from patternc.analysis.rules import reach
    from patternc.analysis.symbolic.formula import formula

    def wrong(*arguments: object) -> object:
        value = right(*arguments)  # type: ignore[arg-type]
        return value if value is None else formula("x + 1", x=value)

    right = reach.RULE.measures["reach"]
    monkeypatch.setitem(reach.RULE.measures, "reach", wrong)  # type: ignore[arg-type]
    draw = random.Random(7)
    family = next(f for f in FAMILIES if f.name == "skips_")
    text = f"{family.text}\nprove skips_: reach(L) == L*max(k, p*M) + 1\n"
    program = driver.load_program(Source("fuzz", text))
    found = decide(program, program.proves[0])
    assert found is not None
    assert found.proved
    sample = draw.sample(list(islice(points(family, program.proves[0]), 500)), 50)
    assert any(verdict(family, program.patterns[0], program.proves[0], p) is False for p in sample)
    assert certified(program, program.proves[0], found).certificate is None
