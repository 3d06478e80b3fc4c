"""A pattern as data for the page: expressions as lists, relations with their membership, parameters left open."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
from typing import Any, TypeAlias

from patternc.analysis.intset import TooLarge
from patternc.analysis.verdict import Verdict, numbers
from patternc.ir.expr import Bool, Expr, ExprError, Int, Logic, Sym, show, substitute
from patternc.ir.instantiate import Instance, InstantiationError, stack_layers
from patternc.ir.program import HeadRange, Pattern, Program, Prove, Requirement
from patternc.ir.recognise import recognised
from patternc.ir.relation import (
    Atom,
    ChunkLag,
    Complement,
    Condition,
    Intersection,
    KeyMod,
    KeyRange,
    Lag,
    LagMod,
    QueryMod,
    QueryRange,
    Relation,
    SameDocument,
    Union,
    substituted,
)
from patternc.passes import run
from patternc.source import Source
from patternc.view.names import written_branches

Json: TypeAlias = Any

SAFE = 2**53
MAX_HEADS = 64
"""A page holds the heads of a pattern one by one, and not more than these."""

_KINDS: dict[type[Atom], str] = {
    Lag: "lag",
    LagMod: "lagmod",
    KeyRange: "key",
    QueryRange: "query",
    KeyMod: "keymod",
    QueryMod: "querymod",
    ChunkLag: "chunk",
    SameDocument: "doc",
    Condition: "cond",
}


def expr_data(expr: Expr | None) -> Json:
    """An expression: a number, a truth value, a name, or ``[operator, ...arguments]``."""
    match expr:
        case None:
            return None
        case Int(value):
            return value if abs(value) < SAFE else ["big", str(value)]
        case Bool(value):
            return value
        case Sym(name):
            return name
        case Logic(op, args) if len(args) == 1 and op != "not":
            return expr_data(args[0])
        case _:
            op = getattr(expr, "op", None)
            if op is None:
                raise TypeError(f"no data for {expr!r}")
            return [op, *(expr_data(child) for child in expr.children())]


def relation_data(relation: Relation) -> Json:
    """A relation: ``t`` is its kind; atoms carry their arguments, and their membership as ``m``."""
    match relation:
        case Union(parts):
            return {"t": "or", "p": [relation_data(p) for p in parts]}
        case Intersection(parts):
            return {"t": "and", "p": [relation_data(p) for p in parts]}
        case Complement(part):
            return {"t": "not", "p": relation_data(part)}
        case _:
            fields = {n: expr_data(getattr(relation, n)) for n in _arguments(relation)}
            framed = {"f": 1} if relation.document else {}
            return {"t": _KINDS[type(relation)], **framed, **fields, "m": expr_data(relation.member())}


def _arguments(atom: Atom) -> tuple[str, ...]:
    match atom:
        case Lag() | KeyRange() | QueryRange():
            return ("lo", "hi")
        case LagMod() | KeyMod() | QueryMod():
            return ("period", "phase", "width")
        case ChunkLag():
            return ("size", "lo", "hi")
        case _:
            return ()


def pattern_data(source: Source, instance: Instance, heads: int) -> Json:
    """A pattern for ``heads`` query heads; ``values`` are the numbers to begin with."""
    pattern = instance.pattern
    trees: dict[Relation, int] = {}
    ranges = [_range_data(source, part, heads, trees) for part in pattern.ranges]
    shared = (r for part in pattern.ranges for r in part.domains if not {"h", "heads"} & r.condition.symbols)
    return {
        "causal": pattern.causal,
        "values": dict(instance.values),
        "requirements": [_requirement_data(r) for r in (*pattern.requirements, *dict.fromkeys(shared))],
        "heads": heads,
        "by_head": instance.depends_on_head,
        "branches": instance.branches,
        "documents": instance.needs_documents,
        "ranges": ranges,
        "trees": [relation_data(relation) for relation in trees],
    }


def _range_data(source: Source, part: HeadRange, heads: int, trees: dict[Relation, int]) -> Json:
    def head(h: int) -> list[int] | None:
        values = {"h": h, "heads": heads}
        try:
            branches = [recognised(substituted(b, values)) for b in part.branches]
        except ExprError:
            return None
        return [trees.setdefault(b, len(trees)) for b in branches]

    domains = [r for r in part.domains if {"h", "heads"} & r.condition.symbols]
    return {
        "lo": _bound(part.lo, heads),
        "hi": _bound(part.hi, heads),
        "names": list(written_branches(source, part)),
        "domains": [_requirement_data(r) for r in domains],
        "trees": [head(h) for h in range(heads)],
    }


def _bound(expr: Expr | None, heads: int) -> Json:
    return None if expr is None else expr_data(substitute(expr, {"heads": heads}))


def _requirement_data(requirement: Requirement) -> Json:
    text = requirement.message or f"`require {show(requirement.condition)}` does not hold"
    return {"test": expr_data(requirement.condition), "text": text}


def stacks_data(program: Program, pattern: str) -> list[Json]:
    """The stacks that have a layer of ``pattern``, as runs of equal layers: times, pattern, values."""
    found: list[Json] = []
    for stack in program.stacks:
        layers = stack_layers(program, stack, {})
        if any(layer.name == pattern for layer in layers):
            runs = [(len(list(run)), *key) for key, run in groupby(layers, key=_layer_key)]
            found.append({"name": stack.name, "layers": [[times, name, dict(values)] for times, name, values in runs]})
    return found


def _layer_key(layer: Instance) -> tuple[str, tuple[tuple[str, int], ...]]:
    return layer.name, tuple(layer.values.items())


def claims_data(program: Program, names: Iterable[str], progress: Callable[[str], None]) -> list[Json]:
    """The file's claims about some patterns and stacks, with their verdicts.  ``progress`` hears of each before."""
    from patternc.analysis.prove import prove

    wanted = set(names)
    found: list[Json] = []
    for item in program.proves:
        if item.target not in wanted:
            continue
        progress(f"{item.target}: {item.text}")
        try:
            verdict = run("prove", prove, program, item)
            answer, reason = verdict.outcome, _reason(verdict)
        except (InstantiationError, TooLarge) as problem:
            answer, reason = "unknown", str(problem)
        found.append({"name": _target(item), "claim": item.text, "verdict": answer, "reason": reason})
    return found


def _reason(verdict: Verdict) -> str:
    """Why, with the numbers of a counterexample before it."""
    example = verdict.counterexample
    return verdict.reason if example is None else f"{numbers(example)}{example['why'] or verdict.reason}"


def _target(item: Prove) -> str:
    """What a claim is about, as it was written."""
    given = [f"{name} = {show(value)}" for name, value in item.arguments]
    if item.heads is not None:
        given.append(f"heads = {show(item.heads)}")
    condition = "" if item.condition is None else f" if {show(item.condition)}"
    return item.target + (f"({', '.join(given)})" if given else "") + condition


def used_patterns(program: Program, subject: str, stacks: Iterable[Mapping[str, Any]]) -> list[Pattern]:
    """The subject and every pattern that stands in one of the stacks."""
    names = dict.fromkeys([subject, *(layer[1] for stack in stacks for layer in stack["layers"])])
    return [p for name in names if (p := program.pattern(name)) is not None]
