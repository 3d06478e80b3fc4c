"""Lowers a checked syntax tree to the intermediate representation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from patternc.diagnostics import Report
from patternc.frontend import ast
from patternc.frontend.claims import parameters_of
from patternc.frontend.scope import FREE, HEADS, Scope, Signature, bind, signatures
from patternc.frontend.to_expr import ToExpr
from patternc.frontend.to_relation import Lowered, ToRelation
from patternc.ir import program as ir
from patternc.ir.expr import HEAD_SYMBOLS, ZERO, Compare, Expr, Int, Logic, Sym, conjunction
from patternc.ir.instantiate import MAX_HEADS
from patternc.ir.recognise import least
from patternc.ir.relation import Lag, intersection
from patternc.source import Source, Span


def lower(file: ast.File, wrong: set[int], source: Source, report: Report) -> ir.Program:
    """The program of a file's items, those with errors left out."""
    known = signatures(file.items)
    patterns: list[ir.Pattern] = []
    stacks: list[ir.Stack] = []
    proves: list[ir.Prove] = []
    for index, item in enumerate(file.items):
        if index in wrong:
            continue
        before = len(report.found)
        match item:
            case ast.Pattern():
                lowered = _Pattern(item, report).lower()
                if len(report.found) == before:
                    patterns.append(lowered)
            case ast.Stack():
                stacks.append(_stack(item, known, report))
            case ast.Prove():
                proves.append(lower_claim(item, known, source, report))
    names = {p.name for p in patterns}
    # A stack of a pattern that is wrong has nothing to say of its own.
    whole = [s for s in stacks if all(layers.pattern in names for layers in _layers(s.entries))]
    return ir.Program(tuple(patterns), tuple(whole), tuple(proves))


def _layers(entries: Iterable[ir.Layers | ir.Repeat]) -> Iterator[ir.Layers]:
    for entry in entries:
        if isinstance(entry, ir.Repeat):
            yield from _layers(entry.entries)
        else:
            yield entry


def _parameters(parameters: Sequence[ast.Parameter], report: Report) -> tuple[ir.Parameter, ...]:
    lowered: list[ir.Parameter] = []
    for place, parameter in enumerate(parameters):
        scope = Scope("", [p.name.text for p in parameters[:place]])
        default = ToExpr(scope, report).number(parameter.default)
        lowered.append(ir.Parameter(parameter.name.text, default, parameter.name.span))
    return tuple(lowered)


@dataclass
class _Part:
    """What an entry of `heads`, or the whole body, attends to."""

    branches: tuple[Lowered, ...]

    def domains(self) -> tuple[ir.Requirement, ...]:
        return tuple({domain.span: domain for branch in self.branches for domain in branch.domains}.values())


class _Pattern:
    """One pattern."""

    def __init__(self, item: ast.Pattern, report: Report):
        self.item = item
        self.report = report
        self.parameters = _parameters(item.parameters, report)
        self.names = [p.name for p in self.parameters]
        self.requirements = tuple(self._requirements())
        scope = Scope("", self.names, HEADS)
        self.relations = ToRelation(scope, _lower_bounds(self.requirements), report)

    def lower(self) -> ir.Pattern:
        body: ast.Expression | ast.Heads = ast.Bad(span=self.item.span)
        for statement in self.item.statements:
            if isinstance(statement, ast.Define):
                self.relations.define(statement.name.text, statement.value)
            elif isinstance(statement, ast.Attend):
                body = statement.body
        by_head = isinstance(body, ast.Heads)
        entries = body.entries if isinstance(body, ast.Heads) else [ast.Entry(None, None, body, span=body.span)]
        ranges = tuple(self._range(entry) for entry in entries)
        used = {domain.span for part in ranges for domain in part.domains}
        # A definition that nothing uses must be right too; for the heads of which range, nobody knows.
        unused = {
            d.span: d for d in self.relations.domains() if d.span not in used and not HEAD_SYMBOLS & d.condition.symbols
        }
        name = self.item.name
        requirements = (*self.requirements, *unused.values())
        return ir.Pattern(name.text, self.item.causal, self.parameters, requirements, ranges, by_head, name.span)

    def _requirements(self) -> Iterator[ir.Requirement]:
        lower = ToExpr(Scope("", self.names), self.report)
        for statement in self.item.statements:
            if isinstance(statement, ast.Require):
                for condition in statement.conditions:
                    yield ir.Requirement(lower.condition(condition), span=condition.span)

    def _range(self, entry: ast.Entry) -> ir.HeadRange:
        body = entry.body
        nodes = [body]
        if isinstance(body, ast.Call) and body.function.text == "gate":
            nodes = [a.value for a in body.arguments]
        part = _Part(tuple(self.relations.lower(node) for node in nodes))
        branches = tuple(branch.relation for branch in part.branches)
        if self.item.causal:
            branches = tuple(intersection(Lag(lo=ZERO), branch) for branch in branches)
        bounds = ToExpr(Scope("", self.names, {"heads": "heads"}), self.report)
        lo = None if entry.lo is None else bounds.number(entry.lo)
        hi = None if entry.hi is None else bounds.number(entry.hi)
        return ir.HeadRange(branches, lo, hi, part.domains(), entry.span)


def _lower_bounds(requirements: Iterable[ir.Requirement]) -> dict[str, int]:
    """What `require` says that parameters are at least, as far as that is plain: ``p >= 1``, ``p > k``."""
    facts = [fact for r in requirements for fact in _comparisons(r.condition)]
    bounds: dict[str, int] = {}
    # A fact may build on another one: as many rounds as there are facts reach all of them, two reach most.
    for _ in range(min(len(facts), 4)):
        for small, large, strict in facts:
            low = least(small, bounds)
            if isinstance(large, Sym) and low is not None:
                bounds[large.name] = max(bounds.get(large.name, low + strict), low + strict)
    return bounds


def _comparisons(condition: Expr) -> Iterator[tuple[Expr, Expr, bool]]:
    """The facts ``small <= large`` (or ``<``, where the last is true) that a condition holds."""
    match condition:
        case Logic("and", args):
            for arg in args:
                yield from _comparisons(arg)
        case Compare(op, left, right) if op in ("<", "<=", "=="):
            yield left, right, op == "<"
            if op == "==":
                yield right, left, False
        case Compare(op, left, right) if op in (">", ">="):
            yield right, left, op == ">"
        case _:
            return


def _stack(item: ast.Stack, known: Mapping[str, Signature], report: Report) -> ir.Stack:
    parameters = _parameters(item.parameters, report)
    names = [p.name for p in parameters]
    counts = ToExpr(Scope("", names), report)
    values = ToExpr(Scope("", names, {"layer": "layer"}), report)

    def entries(nodes: Iterable[ast.Layers | ast.Repeat]) -> tuple[ir.Layers | ir.Repeat, ...]:
        return tuple(entry(node) for node in nodes)

    def entry(node: ast.Layers | ast.Repeat) -> ir.Layers | ir.Repeat:
        count = counts.number(node.count)
        if isinstance(node, ast.Repeat):
            return ir.Repeat(count, entries(node.entries), node.span)
        arguments = _arguments(node.arguments, known[node.pattern.text], node.span, values)
        return ir.Layers(count, node.pattern.text, arguments, node.span)

    return ir.Stack(item.name.text, parameters, entries(item.entries), item.name.span)


def _arguments(
    given: Iterable[ast.Argument], owner: Signature, span: Span, values: ToExpr
) -> tuple[tuple[str, Expr], ...]:
    bound = bind(given, parameters_of(owner), owner.name, span, values.report)
    return tuple((name, values.number(value)) for name, value in bound.items())


def lower_claim(
    item: ast.Prove,
    known: Mapping[str, Signature],
    source: Source,
    report: Report,
    more: Mapping[str, int] | None = None,
) -> ir.Prove:
    """A `prove` that was checked.  ``more`` are values for its target that it does not give itself."""
    owner = known[item.target.text]
    heads = [a for a in item.arguments if a.name is not None and a.name.text == "heads"]
    given = [a for a in item.arguments if a not in heads]
    values = ToExpr(Scope("", ()), report)
    count = values.number(heads[0].value) if heads else None
    if isinstance(count, Int) and not 1 <= count.value <= MAX_HEADS:
        report.error("heads", f"{count.value} heads: a pattern has 1 to {MAX_HEADS}", heads[0].value.span)
    written = dict(_arguments(given, owner, item.span, values))
    arguments = tuple({**{n: Int(v) for n, v in (more or {}).items()}, **written}.items())
    free = ToExpr(Scope("", owner.parameters, FREE), report, dict(arguments))
    conditions = [free.condition(c) for c in item.conditions]
    return ir.Prove(
        owner.name,
        arguments,
        count,
        conjunction(conditions) if conditions else None,
        _claim(item.claim, free),
        text_of(source, item.claim.span),
        item.span,
    )


def _claim(node: ast.Expression, free: ToExpr) -> ir.Claim:
    match node:
        case ast.Comparison(operands=operands, ops=ops):
            return ir.Chain(tuple(free.number(o) for o in operands), ops)
        case ast.Reference(name=name):
            return ir.Causal() if name == "causal" else ir.NonEmpty()
        case ast.Call(function=function, arguments=arguments):
            by_name = {("" if a.name is None else a.name.text): a.value for a in arguments}
            first = by_name.get("") or by_name.get("n") or arguments[0].value
            if function.text in ("subset", "equal"):
                other = first.name if isinstance(first, ast.Reference) else ""
                return ir.Subset(other) if function.text == "subset" else ir.Equal(other)
            if function.text == "gapfree":
                return ir.GapFree(free.number(first))
            layers = by_name.get("layers")
            return ir.Covers(free.number(first), None if layers is None else free.number(layers))
        case _:
            raise TypeError(f"not a claim: {node!r}")


def text_of(source: Source, span: Span) -> str:
    """A piece of the text in one line, without comments."""
    return " ".join(re.sub(r"#[^\n]*", " ", source.extract(span)).split())
