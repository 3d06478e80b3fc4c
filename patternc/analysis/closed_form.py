"""What a rule is: closed forms for some measures of some patterns, with the theorem that they rest on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from patternc.analysis.subject import Subject
from patternc.ir.expr import Expr


@dataclass(frozen=True)
class Bounds:
    """A measure that is only enclosed: ``lower <= value <= upper``."""

    lower: Expr
    upper: Expr


@dataclass(frozen=True)
class Cases:
    """A measure with one value for each of several conditions, of which always one holds; `oo` may be a value."""

    pieces: tuple[tuple[Expr, Expr], ...]


Value: TypeAlias = Expr | Bounds | Cases
Measured: TypeAlias = Callable[[Subject, Expr], Value | None]
"""The value of a measure at its argument; None where the rule does not apply.

It may raise `UndeterminedError`: the case is then split, and each half is asked again.
"""


@dataclass(frozen=True)
class Rule:
    """Closed forms by measure: ``reach``, ``coverage``, ``prefix``, ``edges``, ``depth``."""

    name: str
    theorem: str
    measures: Mapping[str, Measured]
