"""Checks a file's names and types, item by item; every error is reported, and none twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from patternc.diagnostics import Report, did_you_mean, has_errors
from patternc.frontend import ast, claims
from patternc.frontend.scope import HEADS, Scope, Signature, check_new, signatures
from patternc.frontend.types import Types
from patternc.source import Source, Span

MAX_PARAMETERS = 500


def check(file: ast.File, source: Source, report: Report) -> set[int]:
    """Check a file.  The indices of the items that have errors."""
    known = signatures(file.items)
    wrong: set[int] = set()
    owned: dict[str, Span] = {}
    for index, item in enumerate(file.items):
        before = len(report.found)
        match item:
            case ast.Pattern():
                _owner(item.name, owned, source, report)
                _Pattern(item, index in file.damaged, source, report).check()
            case ast.Stack():
                _owner(item.name, owned, source, report)
                _stack(item, known, source, report)
            case ast.Prove():
                claims.check(item, known, report)
        lost = any(known[name].broken for name in _named(item) if name in known)
        if index in file.damaged or lost or has_errors(report.found[before:]) or report.full:
            wrong.add(index)
    return wrong


def _named(item: ast.Item) -> set[str]:
    """The patterns and stacks that an item names."""
    match item:
        case ast.Prove(target=target):
            return {target.text}
        case ast.Stack(entries=entries):
            return {layers.pattern.text for layers in ast.layers(entries)}
        case _:
            return set()


def _owner(name: ast.Name, owned: dict[str, Span], source: Source, report: Report) -> None:
    """Patterns and stacks share one namespace."""
    if check_new(name, report):
        _defined_once(name, owned, source, report)


def _defined_once(name: ast.Name, owned: dict[str, Span], source: Source, report: Report) -> None:
    if name.text in owned:
        line, _ = source.position(owned[name.text].start)
        hint = f"it was defined first on line {line}"
        report.error("duplicate", f"`{name.text}` is defined twice", name.span, hint)
    else:
        owned[name.text] = name.span


def _parameters(
    parameters: Sequence[ast.Parameter], broken: bool, source: Source, report: Report
) -> tuple[dict[str, Span], list[str]]:
    """The places of a header's names, and those that are parameters.  A default sees the parameters before it."""
    owned: dict[str, Span] = {}
    names: list[str] = []
    defined = {p.name.text: source.position(p.span.start)[0] for p in parameters}
    for place, parameter in enumerate(parameters):
        if place == MAX_PARAMETERS:
            report.error("bound", f"more than {MAX_PARAMETERS} parameters, the most that is allowed", parameter.span)
            break
        scope = Scope("a default, which sees the parameters before it", names, unknown=broken)
        Types(scope, report, defined=defined).number(parameter.default)
        if check_new(parameter.name, report):
            _defined_once(parameter.name, owned, source, report)
            names.append(parameter.name.text)
    return owned, names


class _Pattern:
    """One pattern."""

    def __init__(self, item: ast.Pattern, damaged: bool, source: Source, report: Report):
        self.item = item
        self.damaged = damaged
        self.source = source
        self.report = report
        self.owned, self.parameters = _parameters(item.parameters, item.broken, source, report)
        self.relations: set[str] = set()
        self.defined = {
            s.name.text: source.position(s.span.start)[0]
            for s in reversed(item.statements)
            if isinstance(s, ast.Define)
        }
        self.hidden: dict[str, Span] = {}

    def check(self) -> None:
        for statement in self.item.statements:
            match statement:
                case ast.Require(conditions=conditions):
                    types = Types(self._scope("`require`, which sees parameters only"), self.report, self.relations)
                    for condition in conditions:
                        types.condition(condition)
                case ast.Define(name=name, value=value):
                    self._types().relation(value)
                    self._define(name)
                case ast.Attend(body=body):
                    self._body(body)
        self._attends()
        for name, place in self.hidden.items():
            meaning = {"q": "the query's position", "k": "the key's position", "d": "the lag"}.get(name, "a position")
            hint = f"rename the parameter `{name}`"
            self.report.warning("shadow", f"inside `where`, `{name}` is {meaning}, not the parameter", place, hint)

    def _scope(self, place: str, symbols: Mapping[str, str] | None = None) -> Scope:
        return Scope(place, self.parameters, symbols or {}, self.item.broken)

    def _types(self) -> Types:
        """Types as they are after the statements so far."""
        types = Types(self._scope("the arguments of a relation", HEADS), self.report, self.relations, self.defined)
        types.hidden = self.hidden
        return types

    def _define(self, name: ast.Name) -> None:
        if check_new(name, self.report):
            _defined_once(name, self.owned, self.source, self.report)
            if name.text not in self.parameters:
                self.relations.add(name.text)

    def _body(self, body: ast.Expression | ast.Heads) -> None:
        types = self._types()
        if not isinstance(body, ast.Heads):
            self._branches(body, types)
            return
        bounds = Types(self._scope("a head range", {"heads": "heads"}), self.report, self.relations)
        if not body.entries and not self.damaged:
            self.report.error("heads", "`heads` has no entries", body.span, "as in `heads { 0..4 : window(64) }`")
        for place, entry in enumerate(body.entries):
            for bound in (entry.lo, entry.hi):
                if bound is not None:
                    bounds.number(bound)
            if entry.lo is None and any(e.lo is None for e in body.entries[:place]):
                self.report.error("duplicate", "`heads` has two `else` entries", entry.span)
            self._branches(entry.body, types)

    def _branches(self, body: ast.Expression, types: Types) -> None:
        """A relation, or a gate of relations."""
        if not (isinstance(body, ast.Call) and body.function.text == "gate"):
            types.relation(body)
            return
        if len(body.arguments) < 2:
            hint = "without a gate, `attend R` is one softmax over R"
            self.report.error("gate", "a gate has at least two branches", body.span, hint)
        for argument in body.arguments:
            if argument.name is not None:
                self.report.error("arity", "the branches of a gate have no names", argument.name.span)
            types.relation(argument.value)

    def _attends(self) -> None:
        """Exactly one `attend`, and it is the last statement."""
        statements = self.item.statements
        attends = [s for s in statements if isinstance(s, ast.Attend)]
        name = self.item.name
        if not attends and not self.damaged:
            hint = "its last statement says what a query attends to: `attend RELATION`"
            self.report.error("attend", f"pattern `{name.text}` has no `attend`", name.span, hint)
        for extra in attends[1:]:
            hint = "one softmax over several relations is `attend A | B`, a fusion of several is `attend gate(A, B)`"
            self.report.error("attend", "a second `attend`: a pattern has exactly one", _keyword(extra), hint)
        if len(attends) == 1 and statements[-1] is not attends[0]:
            after = statements[statements.index(attends[0]) + 1]
            self.report.error("attend", "a statement after `attend`, which is the last one", _keyword(after))


def _keyword(statement: ast.Statement) -> Span:
    """The first word of a statement."""
    if isinstance(statement, ast.Define):
        return statement.name.span
    length = len("attend") if isinstance(statement, ast.Attend) else len("require")
    return Span(statement.span.start, statement.span.start + length)


def _stack(item: ast.Stack, known: Mapping[str, Signature], source: Source, report: Report) -> None:
    """A stack; the patterns that it names may stand below it."""
    _, parameters = _parameters(item.parameters, item.broken, source, report)
    counts = Types(
        Scope("the count of an entry, which sees the stack's parameters", parameters, {}, item.broken), report
    )
    place = "the arguments of an entry, which see `layer` and the stack's parameters"
    arguments = Types(Scope(place, parameters, {"layer": "layer"}, item.broken), report)
    _entries(item.entries, counts.number, arguments.number, known, report)


def _entries(
    entries: Iterable[ast.Layers | ast.Repeat],
    count: Callable[[ast.Expression], None],
    value: Callable[[ast.Expression], None],
    known: Mapping[str, Signature],
    report: Report,
) -> None:
    for entry in entries:
        count(entry.count)
        if isinstance(entry, ast.Repeat):
            _entries(entry.entries, count, value, known, report)
            continue
        pattern = known.get(entry.pattern.text)
        if pattern is None:
            patterns = [s.name for s in known.values() if s.kind == "pattern"]
            hint = did_you_mean(entry.pattern.text, patterns)
            report.error("name", f"there is no pattern `{entry.pattern.text}`", entry.pattern.span, hint)
        elif pattern.kind == "stack":
            report.error("type", f"`{pattern.name}` is a stack; layers are of a pattern", entry.pattern.span)
        else:
            claims.check_arguments(entry.arguments, pattern, entry.span, report)
        for argument in entry.arguments:
            value(argument.value)
