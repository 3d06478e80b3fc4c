"""Closed forms for patterns with open parameters, and the decision of claims by them.

The registry is explicit: a rule is one module that defines `RULE`, and one line here.  For every term of a claim the
first rule that applies gives its value.
"""

from __future__ import annotations

from patternc.analysis import parametric
from patternc.analysis.closed_form import Rule
from patternc.analysis.rules import (
    chunks,
    columns,
    edges,
    enclosed,
    endless,
    lag_sets,
    neighbourhood,
    phases,
    reach,
    ring,
    sinks,
    skips,
    symmetric,
    window,
)
from patternc.analysis.verdict import Verdict
from patternc.ir.program import Program, Prove

RULES: tuple[Rule, ...] = (
    reach.RULE,
    ring.RULE,
    window.RULE,
    skips.RULE,
    endless.RULE,
    neighbourhood.RULE,
    phases.RULE,
    symmetric.RULE,
    lag_sets.RULE,
    edges.RULE,
    sinks.RULE,
    chunks.RULE,
    columns.RULE,
)
BOUNDS: tuple[Rule, ...] = (enclosed.RULE, enclosed.COVERAGE)
"""Tried where the closed forms do not decide: of all that is counted, and of coverage alone."""


def decide(program: Program, item: Prove) -> Verdict | None:
    """The verdict on a claim about a pattern, for all values of what it leaves open; None where no rule applies."""
    return parametric.decide(program, item, RULES, BOUNDS)
