"""What a file holds: patterns with parameters, stacks of layers, and claims about both."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from patternc.ir.expr import Expr
from patternc.ir.relation import Relation
from patternc.source import NOWHERE, Span


@dataclass(frozen=True)
class Parameter:
    """A parameter and its default, which may use the parameters before it."""

    name: str
    default: Expr
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Requirement:
    """A condition that the parameters must satisfy: a `require`, or the domain of an argument.

    A domain may speak of `h` and `heads`; then it must hold for the heads of its own range only.
    ``message`` says it in words, for a domain: "the period of stride must be at least 1".
    """

    condition: Expr
    message: str = ""
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class HeadRange:
    """What the heads ``lo <= h < hi`` attend to; a range without bounds is `else`, or every head.

    One branch is a single softmax; several are the branches of a gate.
    """

    branches: tuple[Relation, ...]
    lo: Expr | None = None
    hi: Expr | None = None
    domains: tuple[Requirement, ...] = ()
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Pattern:
    """A pattern with its parameters still open.  ``causal`` is intersected into the branches already.

    ``by_head`` says that it was written with a `heads` block; without an `else` such a block fixes the head count.
    """

    name: str
    causal: bool
    parameters: tuple[Parameter, ...]
    requirements: tuple[Requirement, ...]
    ranges: tuple[HeadRange, ...]
    by_head: bool = False
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Layers:
    """``count`` layers of one pattern; arguments may use `layer` and the stack's parameters."""

    count: Expr
    pattern: str
    arguments: tuple[tuple[str, Expr], ...]
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Repeat:
    """The entries of a stack, several times over."""

    count: Expr
    entries: tuple[Layers | Repeat, ...]
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Stack:
    """A model's attention layers, in order."""

    name: str
    parameters: tuple[Parameter, ...]
    entries: tuple[Layers | Repeat, ...]
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Measure(Expr):
    """A term of a claim: ``name`` is one of reach, coverage, prefix, edges, depth."""

    name: str
    argument: Expr

    def children(self) -> tuple[Expr, ...]:
        return (self.argument,)


@dataclass(frozen=True)
class Infinity(Expr):
    """`oo`."""


@dataclass(frozen=True)
class Chain:
    """``operands[0] ops[0] operands[1] ops[1] ...``, over measures, parameters, `L`, `n` and `oo`."""

    operands: tuple[Expr, ...]
    ops: tuple[str, ...]


@dataclass(frozen=True)
class Covers:
    """``depth(tokens) <= layers``; a stack's own layers where ``layers`` is None."""

    tokens: Expr
    layers: Expr | None


@dataclass(frozen=True)
class GapFree:
    """``gapfree(layers)``."""

    layers: Expr


@dataclass(frozen=True)
class Causal:
    """``causal``."""


@dataclass(frozen=True)
class NonEmpty:
    """``nonempty``."""


@dataclass(frozen=True)
class Subset:
    """``subset(other)``."""

    other: str


@dataclass(frozen=True)
class Equal:
    """``equal(other)``."""

    other: str


Claim: TypeAlias = Chain | Covers | GapFree | Causal | NonEmpty | Subset | Equal


@dataclass(frozen=True)
class Prove:
    """``prove target(arguments) [if condition]: claim``; ``text`` is the claim as it was written."""

    target: str
    arguments: tuple[tuple[str, Expr], ...]
    heads: Expr | None
    condition: Expr | None
    claim: Claim
    text: str
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Program:
    """The items of a file, each kind in order."""

    patterns: tuple[Pattern, ...]
    stacks: tuple[Stack, ...]
    proves: tuple[Prove, ...]

    def pattern(self, name: str) -> Pattern | None:
        """The pattern of a name."""
        return next((p for p in self.patterns if p.name == name), None)

    def stack(self, name: str) -> Stack | None:
        """The stack of a name."""
        return next((s for s in self.stacks if s.name == name), None)
