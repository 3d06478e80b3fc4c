"""The syntax tree: what a file says, with the places where it says it, before anything is known to be right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from patternc.source import Span


@dataclass(frozen=True)
class Node:
    """Base of everything in the tree; two nodes are equal where they say the same, wherever they stand."""

    span: Span = field(compare=False, kw_only=True)


@dataclass(frozen=True)
class Name(Node):
    """A name where it is defined or referred to."""

    text: str


# Expressions: numbers, conditions and relations alike


@dataclass(frozen=True)
class Number(Node):
    """A literal."""

    value: int


@dataclass(frozen=True)
class Reference(Node):
    """A name that stands for something: a parameter, a relation, a position, `causal`, `h`, `oo`."""

    name: str


@dataclass(frozen=True)
class Negative(Node):
    """``-operand``."""

    operand: Expression


@dataclass(frozen=True)
class Binary(Node):
    """``op`` is one of ``+ - * // % **``; ``-`` between relations is their difference."""

    op: str
    left: Expression
    right: Expression


@dataclass(frozen=True)
class Comparison(Node):
    """``operands[0] ops[0] operands[1] ops[1] ...``."""

    operands: tuple[Expression, ...]
    ops: tuple[str, ...]


@dataclass(frozen=True)
class Not(Node):
    """``not operand``."""

    operand: Expression


@dataclass(frozen=True)
class Joined(Node):
    """``op`` is one of ``and or | &``, between two operands or more."""

    op: str
    operands: tuple[Expression, ...]


@dataclass(frozen=True)
class Argument(Node):
    """An argument of a call; ``name`` is None where it is given by its place."""

    name: Name | None
    value: Expression


@dataclass(frozen=True)
class Call(Node):
    """A function, a primitive, `gate`, a measure or a claim, with arguments."""

    function: Name
    arguments: tuple[Argument, ...]


@dataclass(frozen=True)
class Bad(Node):
    """Stands where an error was reported already; nothing more is said about it."""


Expression: TypeAlias = Number | Reference | Negative | Binary | Comparison | Not | Joined | Call | Bad


# Patterns


@dataclass(frozen=True)
class Parameter(Node):
    """``name = default``."""

    name: Name
    default: Expression


@dataclass(frozen=True)
class Require(Node):
    """``require conditions``."""

    conditions: tuple[Expression, ...]


@dataclass(frozen=True)
class Define(Node):
    """``name = value``."""

    name: Name
    value: Expression


@dataclass(frozen=True)
class Entry(Node):
    """The heads ``lo .. hi`` of a block; both are None for `else`."""

    lo: Expression | None
    hi: Expression | None
    body: Expression


@dataclass(frozen=True)
class Heads(Node):
    """``heads { entries }``."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Attend(Node):
    """``attend body``."""

    body: Expression | Heads


Statement: TypeAlias = Require | Define | Attend


@dataclass(frozen=True)
class Pattern(Node):
    """``broken``: its header could not be read, so that nothing is known of its parameters."""

    causal: bool
    name: Name
    parameters: tuple[Parameter, ...]
    statements: tuple[Statement, ...]
    broken: bool = False


# Stacks


@dataclass(frozen=True)
class Layers(Node):
    """``layers count: pattern(arguments)``."""

    count: Expression
    pattern: Name
    arguments: tuple[Argument, ...]


@dataclass(frozen=True)
class Repeat(Node):
    """``repeat count { entries }``."""

    count: Expression
    entries: tuple[Layers | Repeat, ...]


@dataclass(frozen=True)
class Stack(Node):
    """``broken``: its header could not be read, so that nothing is known of its parameters."""

    name: Name
    parameters: tuple[Parameter, ...]
    entries: tuple[Layers | Repeat, ...]
    broken: bool = False


# Claims


@dataclass(frozen=True)
class Prove(Node):
    """``prove target(arguments) if conditions: claim``."""

    target: Name
    arguments: tuple[Argument, ...]
    conditions: tuple[Expression, ...]
    claim: Expression


Item: TypeAlias = Pattern | Stack | Prove


@dataclass(frozen=True)
class File(Node):
    """``damaged`` are the indices of the items that could not be read whole."""

    items: tuple[Item, ...]
    damaged: frozenset[int] = frozenset()


def children(node: Expression) -> Iterator[Expression]:
    """The expressions directly under an expression."""
    match node:
        case Negative(operand=operand) | Not(operand=operand):
            yield operand
        case Binary(left=left, right=right):
            yield left
            yield right
        case Comparison(operands=operands) | Joined(operands=operands):
            yield from operands
        case Call(arguments=arguments):
            yield from (a.value for a in arguments)
        case _:
            return


def layers(entries: tuple[Layers | Repeat, ...]) -> Iterator[Layers]:
    """The entries that are layers, those of repetitions too."""
    for entry in entries:
        if isinstance(entry, Repeat):
            yield from layers(entry.entries)
        else:
            yield entry


def expressions(item: Item) -> Iterator[Expression]:
    """The outermost expressions of an item."""
    match item:
        case Pattern():
            yield from (p.default for p in item.parameters)
            for statement in item.statements:
                match statement:
                    case Require(conditions=conditions):
                        yield from conditions
                    case Define(value=value):
                        yield value
                    case Attend(body=body):
                        if not isinstance(body, Heads):
                            yield body
                            continue
                        for entry in body.entries:
                            yield from (e for e in (entry.lo, entry.hi, entry.body) if e is not None)
        case Stack():
            yield from (p.default for p in item.parameters)
            yield from _in_entries(item.entries)
        case Prove():
            yield from (a.value for a in item.arguments)
            yield from item.conditions
            yield item.claim


def _in_entries(entries: tuple[Layers | Repeat, ...]) -> Iterator[Expression]:
    for entry in entries:
        yield entry.count
        if isinstance(entry, Repeat):
            yield from _in_entries(entry.entries)
        else:
            yield from (a.value for a in entry.arguments)
