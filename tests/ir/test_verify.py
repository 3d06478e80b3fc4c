"""What no pass may leave is found after the pass that left it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from patternc import driver
from patternc.ir.expr import Int, Sym
from patternc.ir.instantiate import Instance, instantiate
from patternc.ir.plan import PerHead, Plan
from patternc.ir.program import Program
from patternc.ir.relation import Lag
from patternc.ir.verify import instance_problems, plan_problems, program_problems
from patternc.lowering.parts import lower
from patternc.passes import BrokenInvariantError, Watch, run, watched
from patternc.source import Source

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.pat"))
TEXT = "causal pattern a(p = 7) { attend gate(window(3), stride(p) | window(p // 2)) }"
BY_HEAD = "pattern a { attend window(h) | stride(5, phase = h) }"


def program(text: str = TEXT) -> Program:
    return driver.load_program(Source("a", text))


def instance(text: str = TEXT) -> Instance:
    return instantiate(program(text).patterns[0], {})


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_examples_are_sound(path: Path) -> None:
    found = driver.load_program(driver.read_source(str(path)))
    assert list(program_problems(found)) == []
    for pattern in found.patterns:
        one = instantiate(pattern, {})
        assert list(instance_problems(one)) == []
        assert list(plan_problems(lower(one))) == []


def stranger(found: Any) -> Any:
    """The pattern or instance with a name in its first branch that nobody gave."""
    first, *others = found.ranges
    part = replace(first, branches=(Lag(lo=Sym("nobody")), *first.branches[1:]))
    return replace(found, ranges=(part, *others))


def test_a_name_that_nobody_gave() -> None:
    broken = replace(program(), patterns=(stranger(program().patterns[0]),))
    assert list(program_problems(broken)) == ["branch 0 of a speaks of nobody"]
    assert list(instance_problems(stranger(instance()))) == ["branch 0 of a speaks of nobody"]


def in_first_part(plan: Plan, **changed: Any) -> Plan:
    first, *others = plan.branches
    return replace(
        plan, branches=(replace(first, parts=(replace(first.parts[0], **changed), *first.parts[1:])), *others)
    )


def in_first_segment(plan: Plan, **changed: Any) -> Plan:
    part = plan.branches[0].parts[0]
    return in_first_part(plan, segments=(replace(part.segments[0], **changed), *part.segments[1:]))


@pytest.mark.parametrize(
    ("text", "change", "said"),
    [
        (TEXT, lambda p: in_first_segment(p, mask=Sym("p")), "band of branch 0 of a: it speaks of p"),
        (TEXT, lambda p: in_first_segment(p, key_lo=PerHead((1, 2))), "2 numbers for None heads"),
        (BY_HEAD, lambda p: in_first_segment(p, key_lo=PerHead((1, 2))), "2 numbers for 8 heads"),
        (TEXT, lambda p: in_first_part(p, first=False), "it folds into a part that no head has"),
    ],
)
def test_a_broken_plan(text: str, change: Callable[[Plan], Plan], said: str) -> None:
    problems = list(plan_problems(change(lower(instance(text)))))
    assert [p for p in problems if said in p] != []


def test_a_second_first_part() -> None:
    plan = lower(instance("causal pattern a { attend window(3) | stride(7) }"))
    (branch,) = plan.branches
    parts = tuple(replace(p, first=True) for p in branch.parts)
    broken = replace(plan, branches=(replace(branch, parts=parts),))
    assert list(plan_problems(broken)) == ["band of branch 0 of a: a second first part"]


def test_a_pass_is_verified_where_it_runs() -> None:
    with watched(Watch()), pytest.raises(BrokenInvariantError, match="after the pass instantiate: branch 0 of a"):
        run("instantiate", lambda: stranger(instance()))
    with watched(Watch()):
        assert run("assemble", lambda: Int(3)) == Int(3)
