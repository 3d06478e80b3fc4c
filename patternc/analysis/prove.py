"""`prove`: a claim is decided exactly where it has numbers for everything, by rules where it does not, and refuted by
search where a counterexample is near.  What is left is unknown."""

from __future__ import annotations

import importlib
import time
from collections.abc import Mapping

from patternc.analysis import verdict
from patternc.analysis.evidence import counted
from patternc.analysis.numeric import Finding
from patternc.analysis.operands import spelt
from patternc.analysis.question import LAYERS, TOKENS, Question
from patternc.analysis.search import UNDECIDED, Search, exhaust
from patternc.analysis.verdict import Verdict
from patternc.ir.expr import ExprError, Sym, evaluate
from patternc.ir.program import Covers, NonEmpty, Program, Prove, Stack

BUDGET = 1.0
"""Seconds for the search for a counterexample."""
PATIENCE = 20.0
"""Seconds for trying all values, where they are finitely many."""


def prove(program: Program, item: Prove, *, budget: float = BUDGET) -> Verdict:
    """The verdict on a claim.  Raises `InstantiationError` where its numbers are none that the target takes."""
    question = Question(program, item)
    return _decided(question, budget).of(item.target, item.text)


def prove_all(program: Program, *, budget: float = BUDGET) -> list[tuple[Prove, Verdict]]:
    """The verdicts on all claims of a program, in order."""
    return [(item, prove(program, item, budget=budget)) for item in program.proves]


def _decided(question: Question, budget: float) -> Verdict:
    if not question.free:
        return _with_numbers(question)
    if (found := _exhausted(question)) is not None:
        return found
    if (found := _for_every_length(question)) is not None:
        return found
    search = Search(question, budget)
    if (near := search.look()) is not None:
        return _refuted(question, near.chosen, near.finding)
    answer = _proof(question)
    if answer is not None and answer.proved:
        return answer
    counterexample = search.run(_choice(question, answer))
    if counterexample is not None:
        return _refuted(question, counterexample.chosen, counterexample.finding)
    if answer is not None and answer.refuted:
        return answer
    return _unknown(question, answer)


def _with_numbers(question: Question) -> Verdict:
    values = question.values({})
    if question.item.condition is not None:
        try:
            if not evaluate(question.item.condition, values):
                return verdict.proved("the condition does not hold, so that there is nothing to show")
        except ExprError as problem:
            return verdict.unknown(f"the condition has no value: {problem}")
    point = question.point({})
    try:
        finding = point.finding()
    except ExprError as problem:
        return verdict.unknown(f"the claim has no value: {problem}")
    except UNDECIDED as problem:
        answer = _by_rules(question)
        return answer if answer is not None and answer.proved else verdict.unknown(str(problem))
    if finding.holds:
        return verdict.proved(finding.reason, path=finding.path, notes=point.notes())
    return _refuted(question, {}, finding).noting(*point.remarks)


def _exhausted(question: Question) -> Verdict | None:
    """The verdict where the free variables have few values; None where they have not."""
    choices = exhaust(question)
    if choices is None:
        return None
    count, deadline = 0, time.monotonic() + PATIENCE
    try:
        for chosen, finding in choices:
            if time.monotonic() > deadline:
                return None
            if not finding.holds:
                return _refuted(question, chosen, finding)
            count += 1
    except UNDECIDED:
        return None
    names = " and ".join(f"`{name}`" for name in question.free)
    reason = f"it holds for each of the {count} values that {names} can take"
    if count < 2:
        reason = f"it holds for the only value that {names} can take" if count else f"no value of {names} is left"
    return verdict.proved(reason, notes=question.point(_first(question)).notes() if count else ())


def _first(question: Question) -> dict[str, int]:
    return {name: question.ranges[name].number(0) for name in question.free}


def _by_rules(question: Question) -> Verdict | None:
    """What follows for all values of the free variables; None where nothing does."""
    from patternc.analysis import structural

    if isinstance(question.owner, Stack):
        return _by_layers(question)
    if (plain := structural.decide(question)) is not None:
        return plain
    if isinstance(question.item.claim, NonEmpty) and len(question.owner.ranges) > 1:
        # The rules unite the heads; a query of any head must see a key.
        return None
    return importlib.import_module("patternc.analysis.rules").decide(question.program, question.item)


def _proof(question: Question) -> Verdict | None:
    """What is known for all values: a proof where there is one."""
    from patternc.analysis import eventual

    answer = _by_rules(question)
    return (eventual.decide(question) or answer) if answer is None or answer.unknown else answer


def _by_layers(question: Question) -> Verdict | None:
    from patternc.analysis.stacks import pattern_claims

    questions = [Question(question.program, item) for item in pattern_claims(question) or ()]
    answers = [_proof(q) for q in questions]
    if not answers or not all(a is not None and a.proved for a in answers):
        return None
    first = answers[0]
    assert first is not None
    return first if len(answers) == 1 else verdict.proved(f"for each layer: {first.reason}", notes=first.notes)


def _choice(question: Question, answer: Verdict | None) -> dict[str, int] | None:
    """The choice that a rule's counterexample names, where it names every free variable."""
    if answer is None or not answer.refuted or answer.counterexample is None:
        return None
    known: Mapping[str, int | None] = {
        **answer.counterexample["parameters"],
        LAYERS: answer.counterexample["layers"],
        TOKENS: answer.counterexample["n"],
    }
    chosen = {name: value for name in question.free if isinstance(value := known.get(name), int)}
    return chosen if len(chosen) == len(question.free) else None


def _refuted(question: Question, chosen: Mapping[str, int], finding: Finding) -> Verdict:
    values = question.values(chosen)
    parameters = {name: value for name, value in values.items() if name not in (LAYERS, TOKENS)}
    found = verdict.counterexample(
        layers=values.get(LAYERS, finding.layers),
        n=finding.n if finding.n is not None else values.get(TOKENS),
        parameters=parameters,
        lag=finding.lag,
        pair=finding.pair,
        values=None if finding.values is None else [v if isinstance(v, int) else spelt(v) for v in finding.values],
        path=finding.path,
        why=finding.reason,
    )
    if finding.query is not None and finding.pair is None:
        found["query"] = finding.query
    if finding.documents is not None:
        found["documents"] = list(finding.documents)
    return verdict.refuted(finding.reason, found).noting(*question.point(chosen).notes())


def _for_every_length(question: Question) -> Verdict | None:
    """`covers` with only the length free: the first lag that is missing says from which length on it fails."""
    claim = question.item.claim
    if question.free != (TOKENS,) or not isinstance(claim, Covers) or claim.tokens != Sym(TOKENS):
        return None
    if claim.layers is not None and claim.layers.symbols:
        return None
    point = question.point({TOKENS: 1})
    try:
        layers = len(point.model.layers) if claim.layers is None else point.number(claim.layers)
        if not all(layer.lags.least >= 0 for layer in point.model.distinct):
            return None
        prefix = point.field(layers, "covers").prefix
        if not isinstance(prefix, int):
            reason = f"after {counted(layers)} no lag is missing, however long the sequence"
            return verdict.proved(reason, notes=point.notes())
        chosen = {TOKENS: prefix + 2}
        if question.admits(question.values(chosen)) and not (finding := question.point(chosen).finding()).holds:
            return _refuted(question, chosen, finding)
    except UNDECIDED:
        return None
    return None


def _unknown(question: Question, answer: Verdict | None) -> Verdict:
    names = ", ".join(f"`{name}`" for name in question.free)
    searched = f"no rule decides it for all values of {names}, and no counterexample was found"
    if answer is not None and answer.reason:
        return verdict.unknown(f"{answer.reason}; no counterexample was found")
    try:
        question.point(_first(question)).finding()
    except UNDECIDED as problem:
        return verdict.unknown(f"{problem}")
    except (KeyError, ValueError):
        return verdict.unknown(searched)
    return verdict.unknown(searched)
