"""Which names mean what, and where."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from patternc.diagnostics import Report, did_you_mean
from patternc.frontend import ast
from patternc.frontend.lexer import keywords
from patternc.ir.program import Program
from patternc.primitives import PRIMITIVES, Parameter
from patternc.source import NOWHERE, Span

POSITIONS = {"q": ".q", "k": ".k", "d": ".d", "n": ".n"}
"""The positions of `where`, with their symbols in the intermediate representation."""
HEADS = {"h": "h", "heads": "heads"}
FREE = {"L": "L", "n": "n"}
"""What a claim ranges over."""
RESERVED = frozenset({"h", "heads", "layer", "L", "n", "oo", "all"})
FUNCTIONS = {"min": 2, "max": 2, "abs": 1, "ceil_log2": 1}
"""The functions of numbers, with how many arguments they take at least (for `min` and `max`: or more)."""
MEASURES = ("reach", "coverage", "prefix", "edges", "depth")
CLAIMS = {
    "causal": (),
    "nonempty": (),
    "covers": ("n", "layers"),
    "gapfree": ("L",),
    "subset": ("OTHER",),
    "equal": ("OTHER",),
}

_ELSEWHERE = {
    "h": "the head's index stands in arguments of relations and in `where`",
    "heads": "the head count stands in arguments of relations, head ranges and `where`",
    "layer": "the layer's index stands in the arguments of a stack's entries",
    "L": "the number of layers stands in claims",
    "n": "the length stands in `where` and in claims",
    "oo": "infinity stands in claims, alone on its side of a comparison",
    "all": "`all` stands for `hops` of a stride",
    "q": "positions stand in `where`",
    "k": "positions stand in `where`",
    "d": "positions stand in `where`",
}


@dataclass(frozen=True)
class Scope:
    """The names that stand for numbers in one place.

    ``symbols`` come before parameters: inside `where` a position hides the parameter of its name.
    """

    place: str
    parameters: Collection[str]
    symbols: Mapping[str, str] = field(default_factory=dict[str, str])
    unknown: bool = False
    """The parameters could not be read: no name is said to be wrong."""

    def symbol(self, name: str) -> str | None:
        """The symbol that a name means in the intermediate representation."""
        return self.symbols.get(name) or (name if name in self.parameters else None)

    def names(self) -> list[str]:
        """All names that can be used here."""
        return [*self.parameters, *self.symbols]

    def inside_where(self) -> Scope:
        """The scope of a condition in `where`: positions besides, which shadow parameters."""
        return replace(self, place="`where`", symbols={**self.symbols, **POSITIONS})


@dataclass(frozen=True)
class Signature:
    """What others need to know of a pattern or a stack."""

    kind: str
    name: str
    parameters: tuple[str, ...]
    broken: bool = False
    span: Span = NOWHERE


def signatures(items: Iterable[ast.Item]) -> dict[str, Signature]:
    """The patterns and stacks of a file; of two with one name the first."""
    found: dict[str, Signature] = {}
    for item in items:
        if not isinstance(item, ast.Prove):
            names = tuple(dict.fromkeys(p.name.text for p in item.parameters))
            kind = "pattern" if isinstance(item, ast.Pattern) else "stack"
            known = Signature(kind, item.name.text, names, item.broken, item.name.span)
            found.setdefault(known.name, known)
    return found


def signatures_of(program: Program) -> dict[str, Signature]:
    """The patterns and stacks of a program."""
    owners = [*(("pattern", p) for p in program.patterns), *(("stack", s) for s in program.stacks)]
    return {o.name: Signature(kind, o.name, tuple(p.name for p in o.parameters), span=o.span) for kind, o in owners}


def check_new(name: ast.Name, report: Report) -> bool:
    """Whether a name may be given to something; reported, where not."""
    word = name.text
    if word in keywords():
        what = "a keyword"
    elif word in PRIMITIVES:
        what = "a primitive"
    elif word in RESERVED:
        what = "reserved"
    else:
        return True
    hint = f"write `{word} ...`, without `=`" if word in ("attend", "require") else ""
    report.error("reserved", f"`{word}` is {what}; it cannot be the name of anything else", name.span, hint)
    return False


def unknown_name(name: str, span: Span, scope: Scope, others: Iterable[str], report: Report) -> None:
    """Say that a name means nothing here: because it belongs elsewhere, or because nothing has it."""
    if scope.unknown:
        return
    if name in RESERVED:
        report.error("scope", f"`{name}` has no meaning in {scope.place}", span, _ELSEWHERE[name])
        return
    if not scope.names():
        report.error("name", f"`{name}` is not defined in {scope.place}", span)
        return
    if name in POSITIONS:
        report.error("name", f"`{name}` is not defined in {scope.place}", span, _ELSEWHERE[name])
        return
    if name in CLAIMS or name in MEASURES:
        report.error("scope", f"`{name}` stands in claims only", span)
        return
    report.error("name", f"`{name}` is not defined", span, did_you_mean(name, [*scope.names(), *others]))


def bind(
    call: Iterable[ast.Argument], parameters: tuple[Parameter, ...], written: str, span: Span, report: Report
) -> dict[str, ast.Expression]:
    """The arguments of a call by the names of their parameters.  ``written`` is how the call is written.

    What is wrong with their number or their names is reported; the rest is bound as far as it goes.
    """
    names = [p.name for p in parameters]
    before = len(report.found)
    bound: dict[str, ast.Expression] = {}
    named = False
    for place, argument in enumerate(call):
        if argument.name is None:
            if named:
                report.error("arity", "an argument without a name stands before those with one", argument.span)
                continue
            if place >= len(names):
                limit = f"takes at most {_plural(len(names), 'argument')}" if names else "takes no arguments"
                report.error("arity", f"`{written}` {limit}", argument.span)
                continue
            bound[names[place]] = argument.value
            continue
        named = True
        name = argument.name.text
        if name not in names:
            hint = did_you_mean(name, names) or _equality(parameters, argument)
            report.error("arity", f"`{written}` has no argument `{name}`", argument.name.span, hint)
        elif name in bound:
            report.error("arity", f"the argument `{name}` is given twice", argument.name.span)
        else:
            bound[name] = argument.value
    for parameter in parameters:
        missing = parameter.name not in bound and parameter.default is None and not parameter.optional
        # An argument that was given by a wrong name is not missing as well.
        if missing and len(report.found) == before:
            report.error("arity", f"`{written}` needs the argument `{parameter.name}`", span)
    return bound


def _equality(parameters: tuple[Parameter, ...], argument: ast.Argument) -> str:
    condition = len(parameters) == 1 and parameters[0].kind.value == "a condition"
    return "compare with `==`" if condition and argument.name else ""


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")
