"""Random programs over the whole language, as syntax trees.

Every number is an expression that is made to lie in its argument's domain for every head count in `HEAD_COUNTS`, so
that a program that is drawn is one that the language takes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from patternc.frontend import ast
from patternc.frontend.printer import print_file
from patternc.source import NOWHERE
from tests.fuzz.tape import Tape
from tests.oracle import section1

HEAD_COUNTS = (1, 2, 3, 4, 8)
"""Arguments that depend on the head are in their domain for these; 8 is what is assumed where no count is given."""

LENGTH = 400
"""The bytes that choose a program and a call of it; where they run out, zeros follow."""

PARAMETER_NAMES = ("a", "b1", "k", "p", "w", "hops", "_x", "phase")
RELATION_NAMES = ("local", "skip", "r", "s2")


@dataclass(frozen=True)
class Drawn:
    """A program of one pattern, and the head count to run it with."""

    pattern: ast.Pattern
    heads: int

    @property
    def file(self) -> ast.File:
        return ast.File((self.pattern,), span=NOWHERE)


@dataclass(frozen=True)
class Scope:
    """What a number may speak of: names, and every assignment to them under which it is used."""

    names: tuple[str, ...]
    worlds: tuple[dict[str, int], ...]

    def inside_where(self) -> Scope:
        """Positions hide the parameters of their names."""
        return replace(self, names=tuple(n for n in self.names if n not in ("q", "k", "d", "n")))


def num(value: int) -> ast.Expression:
    node = ast.Number(abs(value), span=NOWHERE)
    return ast.Negative(node, span=NOWHERE) if value < 0 else node


def ref(name: str) -> ast.Expression:
    return ast.Reference(name, span=NOWHERE)


def named(text: str) -> ast.Name:
    return ast.Name(text, span=NOWHERE)


def binary(op: str, left: ast.Expression, right: ast.Expression) -> ast.Expression:
    return ast.Binary(op, left, right, span=NOWHERE)


def joined(op: str, *operands: ast.Expression) -> ast.Expression:
    return ast.Joined(op, operands, span=NOWHERE)


def call(function: str, *arguments: ast.Expression | ast.Argument) -> ast.Expression:
    given = tuple(a if isinstance(a, ast.Argument) else ast.Argument(None, a, span=NOWHERE) for a in arguments)
    return ast.Call(named(function), given, span=NOWHERE)


# Numbers


def number(tape: Tape, scope: Scope, minimum: int = 0, depth: int = 2, maximum: int = 2**41) -> ast.Expression:
    """An expression whose value lies between the bounds in every world."""
    node = _number(tape, scope, depth)
    try:
        values = [section1.number(node, w) for w in scope.worlds]
    except (ArithmeticError, StopIteration):
        values = [2**62]
    if max(abs(v) for v in values) >= maximum:
        return num(minimum + tape.integer(0, 9))
    if min(values) >= minimum:
        return node
    return call("max", num(minimum), node) if tape.chance(50) else binary("+", call("abs", node), num(minimum))


def _number(tape: Tape, scope: Scope, depth: int) -> ast.Expression:
    kind = tape.integer(0, 11 if depth else 7)
    if kind <= 3:
        return num(tape.integer(0, 9))
    if kind <= 6 and scope.names:
        return ref(tape.choice(scope.names))
    if kind <= 7:
        return num(tape.choice((0, 1, 2, 3, 12, 17, 33, 2**30, 2**40)))
    if kind == 8:
        return ast.Negative(_number(tape, scope, depth - 1), span=NOWHERE)
    if kind == 9:
        name = tape.choice(("min", "max", "abs", "ceil_log2"))
        if name == "ceil_log2":
            return call(name, number(tape, scope, 1, depth - 1))
        return call(name, *(_number(tape, scope, depth - 1) for _ in range(1 if name == "abs" else 2)))
    op = tape.choice(("+", "-", "*", "//", "%", "**"))
    if op in ("//", "%"):
        return binary(op, _number(tape, scope, depth - 1), number(tape, scope, 1, depth - 1))
    if op == "**":
        return binary(op, num(tape.integer(0, 3)), num(tape.integer(0, 4)))
    return binary(op, _number(tape, scope, depth - 1), _number(tape, scope, depth - 1))


# Conditions


def affine(tape: Tape, scope: Scope, depth: int = 2) -> ast.Expression:
    """A quasi-affine expression over positions."""
    if depth == 0 or tape.chance(35):
        return ref(tape.choice(("q", "k", "d", "d", "n")))
    inner = affine(tape, scope, depth - 1)
    kind = tape.integer(0, 8)
    if kind <= 2:
        constant = number(tape, scope, 0, 1)
        return binary(tape.choice(("+", "-")), inner, constant)
    if kind == 3:
        factor = num(tape.integer(-3, 3))
        return binary("*", *tape.shuffled((factor, inner)))
    if kind <= 6:
        divisor = number(tape, scope, 1, 1)
        divisor = ast.Negative(divisor, span=NOWHERE) if tape.chance(10) else divisor
        return binary("%" if kind < 6 else "//", inner, divisor)
    if kind == 7:
        name = tape.choice(("min", "max", "abs"))
        return call(name, inner) if name == "abs" else call(name, inner, affine(tape, scope, depth - 1))
    return binary(tape.choice(("+", "-")), inner, affine(tape, scope, depth - 1))


def condition(tape: Tape, scope: Scope, depth: int = 2) -> ast.Expression:
    kind = tape.integer(0, 9)
    if depth and kind >= 8:
        op = tape.choice(("and", "or"))
        return joined(op, *(condition(tape, scope, depth - 1) for _ in range(tape.integer(2, 3))))
    if depth and kind == 7:
        return ast.Not(condition(tape, scope, depth - 1), span=NOWHERE)
    count = 3 if tape.chance(20) else 2
    operands = [affine(tape, scope)] + [
        affine(tape, scope) if tape.chance(30) else number(tape, scope, 0, 1) for _ in range(count - 1)
    ]
    ops = [tape.choice(("==", "!=", "<", "<=", ">", ">=")) for _ in range(count - 1)]
    return ast.Comparison(tuple(tape.shuffled(operands)), tuple(ops), span=NOWHERE)


# Relations

SIGNATURES: dict[str, tuple[tuple[str, int], ...]] = {
    "window": (("l", 0), ("r", 0)),
    "ring": (("l", 0), ("r", 0)),
    "stride": (("p", 1), ("hops", 0), ("phase", 0)),
    "chunk": (("b", 1), ("back", 0)),
    "columns": (("p", 1), ("phase", 0), ("width", 1)),
    "sink": (("g", 0),),
    "global": (("g", 0),),
}
"""The arguments of the primitives, each with the least value it may have."""
PLAIN = ("causal", "full", "none", "same_document")
LEAVES = (*SIGNATURES, "window", "stride", "stride", "columns", "where", "where", *PLAIN)


def primitive(tape: Tape, name: str, scope: Scope) -> ast.Expression:
    if name in PLAIN:
        return ref(name)
    if name == "where":
        return call("where", condition(tape, scope.inside_where()))
    signature = SIGNATURES[name]
    given = tape.integer(1, len(signature))
    values = [
        ref("all") if argument == "hops" and tape.chance(25) else number(tape, scope, least, maximum=2**31)
        for argument, least in signature[:given]
    ]
    positional = given - tape.integer(0, given)
    by_name = [
        ast.Argument(named(argument), value, span=NOWHERE)
        for (argument, _), value in zip(signature[positional:], values[positional:], strict=False)
    ]
    return call(name, *values[:positional], *tape.shuffled(by_name))


def relation(tape: Tape, scope: Scope, known: tuple[str, ...], depth: int = 3) -> ast.Expression:
    """A relation; ``known`` are the names of those defined before."""
    kind = tape.integer(0, 13) if depth else 0
    if kind <= 4:
        name = tape.choice((*LEAVES, *known * 4))
        return ref(name) if name in known else primitive(tape, name, scope)
    if kind in (12, 13):
        function = "mirror" if kind == 12 else "per_document"
        return call(function, relation(tape, scope, known, depth - 1))
    parts = [relation(tape, scope, known, depth - 1) for _ in range(3 if tape.chance(20) else 2)]
    if kind <= 7:
        return joined("|", *parts)
    if kind <= 9:
        return joined("&", *parts)
    return binary("-", parts[0], parts[1])


# Patterns


def body(tape: Tape, scope: Scope, known: tuple[str, ...]) -> ast.Expression:
    """What a head attends to: one relation, or a gate."""
    if not tape.chance(25):
        return relation(tape, scope, known)
    return call("gate", *(relation(tape, scope, known, 2) for _ in range(tape.integer(2, 3))))


def heads_block(tape: Tape, heads: int, scope: Scope, known: tuple[str, ...]) -> ast.Heads:
    """Ranges that cover ``heads`` heads, in any order but that of `else`."""
    if tape.chance(25):
        half = binary("//", ref("heads"), num(2))
        bounds = [(num(0), half), (half, ref("heads"))]
    else:
        cuts = sorted({0, heads, *(tape.integer(0, heads) for _ in range(tape.integer(0, 2)))})
        bounds = [(num(a), num(b)) for a, b in pairwise(cuts)]
    entries = [ast.Entry(lo, hi, body(tape, scope, known), span=NOWHERE) for lo, hi in tape.shuffled(bounds)]
    if tape.chance(50):
        last = entries.pop()
        entries.append(ast.Entry(None, None, last.body, span=NOWHERE))
    return ast.Heads(tuple(entries), span=NOWHERE)


def program(tape: Tape) -> Drawn:
    """A pattern with parameters, `require`, named relations and a body."""
    heads = tape.integer(1, 4)
    scope = Scope((), ({},))
    parameters: list[ast.Parameter] = []
    for name in tape.some(PARAMETER_NAMES, 3):
        default = number(tape, scope, 0, 1)
        parameters.append(ast.Parameter(named(name), default, span=NOWHERE))
        value = section1.number(default, scope.worlds[0])
        scope = Scope((*scope.names, name), ({**scope.worlds[0], name: value},))
    statements: list[ast.Statement] = []
    if scope.names and tape.chance(40):
        left, right = number(tape, scope, 0, 1), number(tape, scope, 0, 1)
        values = [section1.number(e, scope.worlds[0]) for e in (left, right)]
        op = "<=" if values[0] <= values[1] else ">"
        test = ast.Comparison((left, right), (op,), span=NOWHERE)
        statements.append(ast.Require((test,), span=NOWHERE))
    numbers = scope.worlds[0]
    worlds = tuple({**numbers, "h": h, "heads": count} for count in {*HEAD_COUNTS, heads} for h in range(count))
    scope = Scope((*scope.names, "h", "h", "heads") if tape.chance(50) else scope.names, worlds)
    known: tuple[str, ...] = ()
    taken = {p.name.text for p in parameters}
    for name in tape.some(RELATION_NAMES, 2):
        if name not in taken:
            statements.append(ast.Define(named(name), relation(tape, scope, known, 2), span=NOWHERE))
            known = (*known, name)
    by_head = tape.chance(25)
    attend = heads_block(tape, heads, scope, known) if by_head else body(tape, scope, known)
    statements.append(ast.Attend(attend, span=NOWHERE))
    pattern = ast.Pattern(tape.chance(50), named("fuzzed"), tuple(parameters), tuple(statements), span=NOWHERE)
    return Drawn(pattern, heads)


# Calls


@dataclass(frozen=True, repr=False)
class Sample:
    """A program, and a call of it."""

    drawn: Drawn
    nk: int
    nq: int
    ends: tuple[int, ...]
    """Where documents begin and end, for a program that speaks of them."""
    seed: int
    options: tuple[int, ...]
    """More numbers to choose by, each below 256."""

    def _repr_pretty_(self, printer: Any, _: bool) -> None:
        """Hypothesis prints a failing example by this."""
        printer.text(repr(self))

    def __repr__(self) -> str:
        call = f"heads {self.drawn.heads}, nk {self.nk}, nq {self.nq}, ends {self.ends}, options {self.options}"
        return print_file(self.drawn.file) + call


def sample(data: bytes, tokens: int) -> Sample:
    tape = Tape(data)
    nk = tape.integer(1, tokens)
    nq = tape.integer(1, tokens + 4) if tape.chance(40) else nk
    ends = (0, *sorted(tape.integer(0, nk) for _ in range(tape.integer(0, 3))), nk)
    options = tuple(tape.byte() for _ in range(8))
    return Sample(program(tape), nk, nq, ends, tape.integer(0, 2**16 - 1), options)


@st.composite
def samples(draw: Callable[[st.SearchStrategy[bytes]], bytes], tokens: int) -> Sample:
    """Programs with calls of up to ``tokens`` keys."""
    return sample(draw(st.binary(min_size=LENGTH, max_size=LENGTH)), tokens)
