"""Certificates: evidence for verdicts that anyone can check with `patternc.analysis.checker`, and its format.

A certificate is the JSON object ``{"format": "patternc certificate", "version": 4, "statements": [...]}``.  Every
statement is checked by itself, and says all that it shows:

``pattern``
    A name to show.
``layers``
    The lags of each layer, first layer first; the last entry stands for all that follow.  A lag entry
    ``[start, width, period, hops]`` is ``{start + m*period + [0, width] : 0 <= m <= hops}``, ``hops`` may be ``"oo"``;
    with -1 as a fifth entry these lags are negated: they look ahead.
``given``
    Conditions ``[op, left, right]`` that the symbols satisfy.
``values``
    A number for every symbol, or a range ``[first, last]``: the statement is about these; or null: it is about all
    integers.
``claim``
    ``[op, left, right]`` with ``op`` one of ``<= < >= > ==``; or ``["covers", n, L]``: after L layers every one of n
    tokens sees all that it may (all tokens where a layer has a lag that looks ahead within n tokens, else itself and
    all before it); or ``["misses", n, L]``: one does not.
``proof``
    For all integers: a tree of cases, ``{"split": e, "yes": ..., "no": ...}`` for ``e >= 0`` or not.  A leaf is
    ``{"goals": [...], "evidence": [...]}``.  A goal ``g >= 0`` is shown from hypotheses ``h >= 0`` by whole numbers
    ``c >= 0`` and products of hypotheses, ``[[c, [i, j, ...]], ...]``, that sum to a number below 0 when ``-g - 1``
    joins the hypotheses as the last one.

    The ``evidence`` says for each prefix and each coverage what is seen, in runs ``[used, most, groups, size, step,
    width, slope]`` of cells that follow each other from lag 0 on.  A cell is ``step`` periods long; block number m of
    the sum, ``m p + [-r (L - j), k (L - j) + a j]`` with j skips, begins with the cell that begins where m does.  A run
    has ``groups`` of ``size`` cells each.  In group s = 0, 1, ... the block that begins with a cell, and has ``used +
    s`` skips, holds its lags up to ``m p + width + slope s``; the other lags of the cell lie in no block, neither in
    one with more than ``most + s`` skips nor in one with as many or with fewer.  The last run is a single cell.  Of the
    first cell the lags from 0 on count.  For a coverage nothing is seen beyond; for a prefix all cells before are seen
    as a whole, and the next lag is missing.  For n tokens, hops without end count as n hops: none that is longer stays
    among them.

    For given numbers a leaf without goals, whose ``evidence`` says for each term ``{"path", "hole"}``: a path, the hop
    of each layer, first layer first, that crosses the reach, the prefix, or of a coverage the greatest lag; and the
    least lag that no path crosses (where that is none below n: n).  Where a layer looks ahead within n tokens, the path
    leads from token 0 to the last token before the first one that does not see all (where that is token 0: to token 0),
    and the hole is the first pair ``[query, key]`` without a path (where there is none: ``[n, 0]``).  With n given no
    path leaves the tokens 0 to n - 1.  For a range of numbers they stand one after another.

An expression is a number, a symbol, or ``[op, ...]`` with ``op`` one of ``+ - * ** floor max ceil_log2``, or of
``reach``, ``coverage``, ``prefix`` with a number of layers, as in a claim; exponents have numbers.  A side of a
comparison may be ``"oo"``, and a reach or a coverage without end stands alone on its side.  The lags of a layer are
those of all its heads and branches.

Granted is this, and the checker shows all the rest.  Symbols are integers; L, n and periods are at least 1, the other
numbers of lags at least 0.  A layer's set D is 0 and its lags.  L >= 0 layers cross sums of L lags, one of each layer.
Where ``D = [-r, k] | ({-N p, ..., -p, 0, p, ..., M p} + [0, a])`` in every layer, these are the blocks
``m p + [-r (L - j), k (L - j) + a j]`` for -N j <= m <= j M, 0 <= j <= L.  Where no layer looks ahead, n tokens are
covered where lags below n are.  So they are where r = k, N = M and a = 0, if M = 0 or n >= M p + k: windows that lead
back and ahead can be taken together, as can skips, and of a window and a skip one does not leave the tokens.
With hops without end that look back, reach and coverage of L >= 1 layers are greater than every number; a prefix is
what it is with any number of hops, one or more, where that is the same.
``2^t (ceil_log2(e) - t) <= e - 1`` for t >= 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from patternc.analysis import checker
from patternc.analysis.family import lags
from patternc.analysis.number_search import UnprovedError
from patternc.analysis.proof_search import proof_of
from patternc.analysis.statements import (
    Comparison,
    Tree,
    UnstatedError,
    comparisons_of,
    conditions_of,
    lags_of,
    with_numbers,
)
from patternc.analysis.subject import heads_of
from patternc.analysis.symbolic.knowledge import Knowledge, UndeterminedError
from patternc.analysis.verdict import Json, Verdict
from patternc.ir.expr import Bool, Expr, ExprError, Int, Sym, compare, evaluate, substitute
from patternc.ir.instantiate import InstantiationError, parameter_values, stack_layers
from patternc.ir.program import Pattern, Program, Prove, Stack
from patternc.ir.relation import Relation, union

FORMAT = "patternc certificate"
VERSION = 4
_UNSTATED = (UnstatedError, UndeterminedError, ExprError, InstantiationError, KeyError)
"""What says that no statement is made of a claim."""
CONTRARY = {
    "<=": (">",),
    "<": (">=",),
    ">=": ("<",),
    ">": ("<=",),
    "==": ("<", ">"),
    "covers": ("misses",),
    "misses": ("covers",),
}


def document(results: Iterable[tuple[Prove, Verdict]]) -> Json:
    """One certificate for many verdicts; those without a certificate are left out."""
    found = [verdict.certificate["statements"] for _, verdict in results if verdict.certificate is not None]
    return _document([statement for statements in found for statement in statements])


def _document(statements: Sequence[Json]) -> Json:
    return {"format": FORMAT, "version": VERSION, "statements": list(statements)}


def certified(program: Program, item: Prove, verdict: Verdict) -> Verdict:
    """``verdict`` with a certificate, where its claim is of a kind that has one and a proof is found."""
    if verdict.certificate is not None or verdict.unknown:
        return verdict
    statements = _statements(program, item, verdict)
    return verdict if statements is None else replace(verdict, certificate=_document(statements))


def for_concrete(
    name: str, layers: Sequence[Sequence[Tree]], claim: Comparison, values: Mapping[str, int] | None = None
) -> Json | None:
    """The certificate that ``claim`` holds for given numbers; None where the checker does not confirm it.

    ``layers`` holds the lags of each layer as ``[start, width, period, hops]``, ``hops`` a number or ``"oo"``, the
    first layer first; the last one is repeated.  ``("covers", 512, 24)`` is the claim covers(512, layers = 24).
    """
    statement = _statement(name, layers, (), dict(values or {}), claim)
    return _document([statement]) if _accepted(statement) else None


def _statement(
    name: str,
    layers: Sequence[Sequence[Tree]],
    given: Sequence[Comparison],
    values: Mapping[str, Any] | None,
    claim: Comparison,
) -> Json:
    return {
        "pattern": name,
        "layers": [[list(lag) for lag in layer] for layer in layers],
        "given": [list(condition) for condition in given],
        "values": None if values is None else dict(values),
        "claim": list(claim),
    }


def _accepted(statement: Json) -> bool:
    """Whether a statement gets a proof that the checker accepts; the proof is added to it."""
    try:
        statement["proof"] = proof_of(statement)
        checker.check(statement, statement["proof"])
    except (UnprovedError, ValueError, ArithmeticError, LookupError, TypeError, StopIteration, RuntimeError):
        return False
    return True


@dataclass(frozen=True)
class _Layers:
    """What is stated of: layers of lags, the conditions on their symbols, and how many layers a stack has."""

    layers: list[list[list[Tree]]]
    given: list[Comparison]
    symbols: frozenset[str]
    count: int | None = None
    known: Mapping[str, int] = field(default_factory=dict)
    """The numbers of a stack's parameters."""


def _statements(program: Program, item: Prove, verdict: Verdict) -> list[Json] | None:
    if verdict.refuted:
        # Where the form of the lags depends on the parameters, it does not for the counterexample's numbers.
        return _contrary(program, item, verdict) or _contrary(program, _with_numbers(item, verdict), verdict)
    try:
        about = _about(program, item)
        if about is None:
            return None
        links, values = _links(item, about), _values(item, about)
    except _UNSTATED:
        return None
    statements = [_shown(_statement(item.target, about.layers, about.given, values, link)) for link in links]
    return [s for s in statements if s is not None] if None not in statements else None


def _links(item: Prove, about: _Layers) -> list[Comparison]:
    return comparisons_of(item.claim, None if about.count is None else Int(about.count))


def _with_numbers(item: Prove, verdict: Verdict) -> Prove:
    """The claim about the counterexample's parameters alone."""
    found = verdict.counterexample or {}
    numbers = {name: Int(value) for name, value in found.get("parameters", {}).items()}
    return replace(item, arguments=tuple({**dict(item.arguments), **numbers}.items()), condition=None)


def _values(item: Prove, about: _Layers) -> Mapping[str, Any] | None:
    """Numbers for the symbols: none where the claim is about all; for the layers of a stack all that it speaks of."""
    if about.count is None:
        return None if about.symbols else {}
    values: dict[str, Any] = {name: about.known[name] for name in sorted(about.symbols) if name in about.known}
    if "L" in about.symbols:
        condition = item.condition if item.condition is not None else Bool(True)
        spoken_of = [n for n in range(1, about.count + 1) if evaluate(condition, {**about.known, "L": n})]
        if not spoken_of or spoken_of != list(range(spoken_of[0], spoken_of[-1] + 1)):
            raise UnstatedError("layers that are no range")
        values["L"] = [spoken_of[0], spoken_of[-1]]
    return values


def _contrary(program: Program, item: Prove, verdict: Verdict) -> list[Json] | None:
    """The statement that one of the comparisons fails for the counterexample's numbers."""
    try:
        about = _about(program, item)
        links = [] if about is None else _links(item, about)
    except _UNSTATED:
        return None
    found = verdict.counterexample or {}
    values: dict[str, Any] = {**found.get("parameters", {}), "L": found.get("layers"), "n": found.get("n")}
    if about is None or any(values.get(name) is None for name in about.symbols):
        return None
    chosen: dict[str, int] = {name: values[name] for name in sorted(about.symbols)}
    for op, left, right in links:
        for contrary in CONTRARY[op]:
            statement = _shown(_statement(item.target, about.layers, about.given, chosen, (contrary, left, right)))
            if statement is not None:
                return [statement]
    return None


def _shown(statement: Json) -> Json | None:
    """The statement with a proof; where hops have no end, one for numbers is one for all numbers that are left."""
    if _accepted(statement):
        return statement
    values = statement["values"]
    if values is None or any(isinstance(v, list) for v in values.values()) or "oo" not in str(statement["layers"]):
        return None
    layers = [[[with_numbers(e, values) for e in lag] for lag in lags] for lags in statement["layers"]]
    claim = with_numbers(statement["claim"], values)
    general = {**statement, "layers": layers, "given": [], "values": None, "claim": claim}
    return general if _accepted(general) else None


def _about(program: Program, item: Prove) -> _Layers | None:
    pattern = program.pattern(item.target)
    if pattern is not None:
        return _about_pattern(pattern, item)
    stack = program.stack(item.target)
    return None if stack is None else _about_stack(program, stack, item)


def _about_pattern(pattern: Pattern, item: Prove) -> _Layers | None:
    given: dict[str, Expr | int] = dict(item.arguments)
    heads = heads_of(pattern, given, item.heads.value if isinstance(item.heads, Int) else None)
    if heads is None:
        return None
    required = [substitute(r.condition, given) for r in pattern.requirements]
    conditions = [*required, *([] if item.condition is None else [item.condition])]
    free = [p.name for p in pattern.parameters if p.name not in given]
    names = frozenset(free) | {"L", "n"}
    domains = [c for c in heads.domains if c.symbols <= names]
    positive = [compare(">=", Sym(name), Int(1)) for name in ("L", "n")]
    know = Knowledge([*conditions, *domains, *positive], ["L", "n", *free])
    layer = _lags(union(*(branch for head in heads.branches for branch in head)), know)
    if layer is None:
        return None
    stated = [c for condition in conditions for c in _stated(condition)]
    claimed = [t for link in comparisons_of(item.claim) for t in link[1:]]
    symbols = _symbols([*claimed, *(t for c in stated for t in c[1:]), *(t for lag in layer for t in lag)])
    return _Layers([layer], stated, symbols) if symbols <= names | set(given) else None


def _about_stack(program: Program, stack: Stack, item: Prove) -> _Layers | None:
    arguments = {name: value.value for name, value in item.arguments if isinstance(value, Int)}
    instances = stack_layers(program, stack, arguments)
    found: dict[int, list[list[Tree]]] = {}
    for instance in {id(i): i for i in instances}.values():
        given = item.heads.value if isinstance(item.heads, Int) else None
        count = given or (instance.default_heads() if instance.depends_on_head else 1)
        branches = {branch: None for head in instance.heads(count) for branch in head.branches}
        layer = _lags_of_numbers(union(*branches))
        if layer is None:
            return None
        found[id(instance)] = layer
    layers = [found[id(instance)] for instance in instances]
    claimed = [t for link in comparisons_of(item.claim, Int(len(layers))) for t in link[1:]]
    conditions = _stated(item.condition) if item.condition is not None else []
    symbols = _symbols([*claimed, *(t for c in conditions for t in c[1:])])
    known = parameter_values(stack.parameters, arguments, f"stack {stack.name}")
    return _Layers(layers, conditions, symbols, len(layers), known)


def _lags(relation: Relation, know: Knowledge) -> list[list[Tree]] | None:
    """The lags of a layer."""
    found = lags(relation, know, loose=True)
    return None if found is None else lags_of(found, know)


@lru_cache(maxsize=256)
def _lags_of_numbers(relation: Relation) -> list[list[Tree]] | None:
    return _lags(relation, Knowledge((), ()))


def _stated(condition: Expr) -> list[Comparison]:
    """The condition, or nothing where statements do not know it: what holds without it holds with it."""
    try:
        return conditions_of(condition)
    except UnstatedError:
        return []


def _symbols(trees: Iterable[Tree]) -> frozenset[str]:
    found: set[str] = set()
    for tree in trees:
        if isinstance(tree, str) and tree != "oo":
            found.add(tree)
        elif isinstance(tree, list):
            found |= _symbols(tree[1:])
    return frozenset(found)
