"""Checks what `prove` says: its target, its arguments, its conditions and its claim."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from patternc.diagnostics import Report, did_you_mean
from patternc.frontend import ast
from patternc.frontend.scope import CLAIMS, FREE, MEASURES, Scope, Signature, bind
from patternc.frontend.types import Types
from patternc.ir.expr import ZERO
from patternc.primitives import Parameter
from patternc.source import Span

_COVERS = "covers(n, layers = L)"


def check_arguments(given: Iterable[ast.Argument], owner: Signature, span: Span, report: Report) -> None:
    """Whether the arguments given to a pattern or a stack are parameters of it."""
    if not owner.broken:
        bind(given, parameters_of(owner), f"{owner.name}({', '.join(owner.parameters)})", span, report)


def parameters_of(owner: Signature) -> tuple[Parameter, ...]:
    """The parameters of a pattern or a stack as those of a call: each has a default."""
    return tuple(Parameter(name, default=ZERO) for name in owner.parameters)


def check(item: ast.Prove, known: Mapping[str, Signature], report: Report) -> None:
    """One `prove`; its target may stand below it."""
    owner = known.get(item.target.text)
    if owner is None:
        hint = did_you_mean(item.target.text, known)
        report.error("name", f"there is no pattern or stack `{item.target.text}`", item.target.span, hint)
        return
    heads = [a for a in item.arguments if a.name is not None and a.name.text == "heads"]
    for extra in heads[1:]:
        report.error("arity", "the argument `heads` is given twice", extra.span)
    check_arguments([a for a in item.arguments if a not in heads], owner, item.target.span, report)
    values = Types(Scope("a value given to a claim's target, which is an integer", (), {}), report)
    for argument in item.arguments:
        values.number(argument.value)
    conditions = Types(Scope("the condition of a claim", owner.parameters, FREE, owner.broken), report)
    for condition in item.conditions:
        conditions.condition(condition)
    _Claim(item.claim, owner, known, report).check()


class _Claim:
    """One claim."""

    def __init__(self, claim: ast.Expression, owner: Signature, known: Mapping[str, Signature], report: Report):
        self.claim = claim
        self.owner = owner
        self.known = known
        self.report = report
        scope = Scope("a claim", owner.parameters, FREE, owner.broken)
        self.numbers = Types(scope, report)
        self.terms = Types(scope, report, measures=True)

    def check(self) -> None:
        match self.claim:
            case ast.Comparison(operands=operands):
                for operand in operands:
                    self._side(operand)
            case ast.Reference(name=name) if name in CLAIMS:
                if CLAIMS[name]:
                    self._error("arity", f"`{name}` needs arguments: `{_written(name)}`")
            case ast.Call(function=function) if function.text in CLAIMS:
                self._call(self.claim)
            case ast.Joined(op="and") | ast.Joined(op="&"):
                self._error("claim", "a `prove` makes one claim", "write a `prove` for each")
            case ast.Bad():
                pass
            case _:
                self._other()

    def _error(self, code: str, message: str, hint: str = "") -> None:
        self.report.error(code, message, self.claim.span, hint)

    def _other(self) -> None:
        claim = self.claim
        name = claim.name if isinstance(claim, ast.Reference) else ""
        if isinstance(claim, ast.Call):
            name = claim.function.text
        if name in MEASURES:
            argument = "n" if name in ("edges", "depth") else "L"
            self._error("claim", f"`{name}` is a number: compare it", f"as in `{name}({argument}) <= ...`")
            return
        if name and name not in self.owner.parameters and name not in FREE:
            hint = did_you_mean(name, [*CLAIMS, *MEASURES])
            if hint:
                self._error("name", f"`{name}` is no claim", hint)
                return
        listed = ", ".join(f"`{_written(c)}`" for c in CLAIMS)
        self._error("claim", "this is no claim", f"a claim is a comparison, or one of {listed}")

    def _side(self, node: ast.Expression) -> None:
        """A side of a comparison: a number, or `oo` alone."""
        if isinstance(node, ast.Reference) and node.name == "oo":
            return
        self.terms.number(node)

    def _call(self, call: ast.Call) -> None:
        name = call.function.text
        parameters = tuple(Parameter(p, optional=p == "layers") for p in CLAIMS[name])
        if not parameters:
            self.report.error("arity", f"`{name}` takes no arguments", call.span, f"write `{name}`")
            return
        before = len(self.report.found)
        bound = bind(call.arguments, parameters, _written(name), call.span, self.report)
        if name in ("subset", "equal"):
            self._other_pattern(call, bound.get("OTHER"))
            return
        for value in bound.values():
            self.numbers.number(value)
        if name == "covers" and len(self.report.found) == before:
            self._layers(call, bound)

    def _layers(self, call: ast.Call, bound: Mapping[str, ast.Expression]) -> None:
        if len(call.arguments) > 1 and call.arguments[1].name is None:
            hint = f"write `{_COVERS}`"
            self.report.error("arity", "the layers of `covers` are given by name", call.arguments[1].span, hint)
        elif self.owner.kind == "pattern" and "layers" not in bound and bound:
            hint = f"write `{_COVERS}`; a stack has layers of its own"
            self.report.error("arity", "`covers` for a pattern needs the argument `layers`", call.span, hint)

    def _other_pattern(self, call: ast.Call, other: ast.Expression | None) -> None:
        if self.owner.kind == "stack":
            message = f"`{call.function.text}` compares two patterns, and `{self.owner.name}` is a stack"
            self.report.error("claim", message, call.span)
        if other is None or isinstance(other, ast.Bad):
            return
        if not isinstance(other, ast.Reference):
            self.report.error("type", "expected the name of a pattern", other.span)
            return
        found = self.known.get(other.name)
        if found is None:
            patterns = [s.name for s in self.known.values() if s.kind == "pattern"]
            hint = did_you_mean(other.name, patterns)
            self.report.error("name", f"there is no pattern `{other.name}`", other.span, hint)
        elif found.kind == "stack":
            self.report.error("type", f"`{other.name}` is a stack; expected a pattern", other.span)


def _written(claim: str) -> str:
    if claim == "covers":
        return _COVERS
    return f"{claim}({', '.join(CLAIMS[claim])})" if CLAIMS[claim] else claim
