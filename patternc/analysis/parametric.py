"""Decides a claim for all parameters: by closed forms, case distinctions, and arithmetic.

A claim becomes a formula over integers, term by term, by the rules' closed forms.  Where a form depends on the
parameters (is ``k < p``?) both cases are looked at.  Each formula is put to samples (a value that violates it refutes
the claim), to isl where it is linear, and to the search for non-negative combinations where it is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic

from patternc.analysis import verdict
from patternc.analysis.claims import NoClosedFormError, Translation
from patternc.analysis.closed_form import Rule, Value
from patternc.analysis.pairs import pair_formula
from patternc.analysis.subject import Subject, default_heads, heads_of
from patternc.analysis.symbolic.knowledge import Knowledge, UndeterminedError
from patternc.analysis.symbolic.lowering import Sample
from patternc.analysis.verdict import Verdict
from patternc.ir.expr import ONE, Expr, ExprError, Int, Sym, compare, negation, show, substitute
from patternc.ir.program import Chain, Claim, Covers, GapFree, Pattern, Program, Prove
from patternc.ir.relation import Relation

MAX_SPLITS = 12
MAX_CASES = 200
MAX_SECONDS = 10.0
"""A claim that takes longer is given up."""
FREE = ("L", "n")


def decide(program: Program, item: Prove, rules: Sequence[Rule], bounds: Sequence[Rule] = ()) -> Verdict | None:
    """The verdict on a claim about a pattern; None where it is no claim for the rules."""
    pattern = program.pattern(item.target)
    if pattern is None:
        return None
    try:
        question = _question(program, pattern, item, rules, bounds)
        return None if question is None else question.answer().noting(*question.notes)
    except ExprError:
        return None


def _question(
    program: Program, pattern: Pattern, item: Prove, rules: Sequence[Rule], bounds: Sequence[Rule]
) -> Question | None:
    given: dict[str, Expr | int] = dict(item.arguments)
    if item.heads is not None and not isinstance(item.heads, Int):
        return None
    count = item.heads.value if isinstance(item.heads, Int) else None
    heads, notes = heads_of(pattern, given, count), []
    if heads is None and count is None:
        count = default_heads(pattern)
        heads, notes = heads_of(pattern, given, count), [f"for {count} heads, since the claim gives no head count"]
    if heads is None:
        return None
    conditions = [substitute(r.condition, given) for r in pattern.requirements]
    conditions += [*heads.domains, *([] if item.condition is None else [item.condition])]
    used = _symbols(item.claim).union(*(c.symbols for c in conditions))
    free = [name for name in FREE if name in used]
    open_parameters = [p.name for p in pattern.parameters if p.name not in given]
    conditions += [compare(">=", Sym(name), ONE) for name in free]
    claim = item.claim
    structural = pair_formula(program, pattern, item, heads.branches)
    order = [*free, *open_parameters]
    if structural is not None:
        order = [*structural.symbols, *open_parameters]
        conditions += structural.conditions
        claim = structural.goal
    known = frozenset(order)
    if not all(c.symbols <= known for c in (*conditions, *([structural.goal] if structural else []))):
        return None
    fixed = {name: value.value for name, value in item.arguments if isinstance(value, Int)}
    return Question(claim, heads.branches, Knowledge(conditions, order), rules, bounds, fixed, notes)


@dataclass
class Question:
    """A claim, or the formula it stands for, with the heads that it speaks of and what it assumes."""

    claim: Claim | Expr
    heads: tuple[tuple[Relation, ...], ...]
    know: Knowledge
    rules: Sequence[Rule]
    bounds: Sequence[Rule]
    """Rules that enclose a measure, for what the others do not decide."""
    fixed: dict[str, int]
    notes: list[str]
    cases: int = MAX_CASES
    started: float = field(default_factory=monotonic)
    theorems: dict[str, None] = field(default_factory=dict)

    def answer(self) -> Verdict:
        """The verdict, for all values at once."""
        self.know.until = self.started + MAX_SECONDS
        if self.know.contradictory:
            return verdict.proved("nothing satisfies the conditions")
        answer = self._case(Subject(self.heads, self.know), MAX_SPLITS)
        return verdict.proved(self._reason()) if answer.proved else answer

    def _case(self, subject: Subject, splits: int) -> Verdict:
        """The verdict under what is known."""
        know = subject.know
        if know.contradictory:
            return verdict.proved("nothing satisfies the conditions of this case")
        self.cases -= 1
        try:
            return self._settled(subject)
        except UndeterminedError as depends:
            condition = depends.condition
        if not splits or self.cases <= 0 or monotonic() > self.started + MAX_SECONDS:
            return verdict.unknown(f"too many cases; the last one is {show(condition)}")
        answers: list[Verdict] = []
        for half in (condition, negation(condition)):
            answer = self._case(subject.given(know.given(half)), splits - 1)
            if answer.refuted:
                return answer
            answers.append(answer)
        return next((a for a in answers if a.unknown), answers[0])

    def _settled(self, subject: Subject) -> Verdict:
        """The verdict by exact values; by bounds, where these give none."""
        try:
            answer = self._decided(subject, self.rules)
        except NoClosedFormError as missing:
            answer = verdict.unknown(f"no closed form for {missing}")
        held = dict(self.theorems)
        for bounds in self.bounds if answer.unknown else ():
            self.theorems = dict(held)
            try:
                if (found := self._decided(subject, (bounds, *self.rules))).proved:
                    return found
            except NoClosedFormError:
                continue
        self.theorems = held
        return answer

    def _decided(self, subject: Subject, rules: Sequence[Rule]) -> Verdict:
        know = subject.know
        translation = Translation(
            lambda name, argument: self._measured(subject, rules, name, argument), lambda: subject.causal
        )
        goal = self.claim if isinstance(self.claim, Expr) else translation.formula(self.claim)
        if goal is None:
            return verdict.unknown("no rule for such a claim")
        if translation.exact and (found := know.counterexample(goal)) is not None:
            return self._refuted(found, goal)
        if know.proves(goal, thorough=True):
            return verdict.proved(self._reason())
        if translation.exact and (found := know.counterexample(goal)) is not None:
            return self._refuted(found, goal)
        return verdict.unknown(f"{show(goal)} was neither proved nor refuted")

    def _measured(self, subject: Subject, rules: Sequence[Rule], name: str, argument: Expr) -> Value | None:
        subject = subject.at(argument) if name in ("depth", "edges") else subject
        for rule in rules:
            measured = rule.measures.get(name)
            value = None if measured is None else measured(subject, argument)
            if value is not None:
                self.theorems[rule.theorem] = None
                return value
        return None

    def _reason(self) -> str:
        return "; ".join(self.theorems) or "for every pair of positions"

    def _refuted(self, found: Sample, goal: Expr) -> Verdict:
        parameters = {**self.fixed, **{name: v for name, v in found.items() if name not in FREE and name[0] != "."}}
        why = f"{show(goal)} is false"
        pair = (found[".q"], found[".k"]) if {".q", ".k"} <= found.keys() else None
        return verdict.refuted(
            self._reason(),
            verdict.counterexample(
                layers=found.get("L"), n=found.get("n", found.get(".n")), parameters=parameters, pair=pair, why=why
            ),
        )


def _symbols(claim: Claim) -> frozenset[str]:
    match claim:
        case Chain(operands):
            return frozenset().union(*(e.symbols for e in operands))
        case Covers(tokens, layers):
            return tokens.symbols | (layers.symbols if layers is not None else frozenset())
        case GapFree(layers):
            return layers.symbols
        case _:
            return frozenset()
