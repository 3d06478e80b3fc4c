"""What a primitive of the language is: a name, parameters with their domains, and the relation it stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from patternc.ir.expr import Expr
from patternc.ir.relation import Relation


class Kind(StrEnum):
    """What an argument is."""

    NUMBER = "a number"
    COUNT = "a number or `all`"
    RELATION = "a relation"
    CONDITION = "a condition"


@dataclass(frozen=True)
class Parameter:
    """An argument's name, what it is, and what it must be at least.

    ``optional``: it may be left out, or be `all`; the primitive then gets None for it, unless there is a ``default``.
    """

    name: str
    kind: Kind = Kind.NUMBER
    minimum: int = 0
    default: Expr | None = None
    optional: bool = False


@dataclass(frozen=True)
class Given:
    """The arguments of a call, by name, in the intermediate representation."""

    numbers: Mapping[str, Expr]
    relations: Mapping[str, Relation]

    def number(self, name: str) -> Expr:
        """An argument that must be there, or has a default."""
        return self.numbers[name]

    def get(self, name: str) -> Expr | None:
        """An argument; None where it was left out or is `all`."""
        return self.numbers.get(name)

    def relation(self, name: str) -> Relation:
        """A relation; a condition arrives as the relation that it describes."""
        return self.relations[name]


@dataclass(frozen=True)
class Primitive:
    """``build`` makes the relation.  A primitive without parameters stands without parentheses."""

    name: str
    parameters: tuple[Parameter, ...]
    build: Callable[[Given], Relation]
    summary: str

    @property
    def signature(self) -> str:
        """How it is written: ``stride(p, hops, phase)``."""
        if not self.parameters:
            return self.name
        shown = (f"[{p.name}]" if p.optional or p.default is not None else p.name for p in self.parameters)
        return f"{self.name}({', '.join(shown)})"
