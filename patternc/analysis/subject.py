"""What a claim about a pattern with open parameters speaks of: its heads and branches, and what may be assumed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from patternc.analysis.family import Lags, Part, Side, lags, parts, side
from patternc.analysis.symbolic.formula import formula
from patternc.analysis.symbolic.knowledge import Knowledge
from patternc.ir.expr import HEAD_SYMBOLS, Expr, Int, substitute
from patternc.ir.program import HeadRange, Pattern
from patternc.ir.relation import N, Relation, atoms, substituted, union

MAX_HEADS = 64


@dataclass(frozen=True)
class Heads:
    """The distinct heads of a pattern, each with its branches, and the domains of their arguments."""

    branches: tuple[tuple[Relation, ...], ...]
    domains: tuple[Expr, ...]


def heads_of(pattern: Pattern, arguments: Mapping[str, Expr | int], count: int | None) -> Heads | None:
    """The heads of ``pattern``; None where they depend on a head count that is not known, or are too many.

    Raises `ExprError` where an argument has no value.
    """
    uniform = not pattern.by_head and not any(_names_heads(part) for part in pattern.ranges)
    ranges = [(h, part) for h, part in _owners(pattern, 1 if uniform else count)]
    if not ranges:
        return None
    branches: dict[tuple[Relation, ...], None] = {}
    domains: dict[Expr, None] = {}
    for head, part in ranges:
        values = dict(arguments) if uniform else {**arguments, "h": head, "heads": count or 0}
        branches[tuple(substituted(branch, values) for branch in part.branches)] = None
        domains |= dict.fromkeys(substitute(r.condition, values) for r in part.domains)
    return Heads(tuple(branches), tuple(domains))


def default_heads(pattern: Pattern) -> int:
    """The head count that is assumed where a claim gives none: the least power of two from 8 on that the ranges fit."""
    ends = [part.hi.value for part in pattern.ranges if isinstance(part.hi, Int)]
    return max(8, 1 << (max(ends, default=1) - 1).bit_length())


def _owners(pattern: Pattern, count: int | None) -> list[tuple[int, HeadRange]]:
    """Every head and the range that it lies in; nothing where that cannot be said."""
    bounded = [part for part in pattern.ranges if part.lo is not None and part.hi is not None]
    if count is None:
        ends = [part.hi for part in bounded]
        if len(bounded) < len(pattern.ranges) or not all(isinstance(e, Int) for e in ends):
            return []
        count = max(e.value for e in ends if isinstance(e, Int))
    if count > MAX_HEADS:
        return []
    otherwise = next((part for part in pattern.ranges if part.lo is None), None)
    result: list[tuple[int, HeadRange]] = []
    for head in range(count):
        owner = otherwise
        for part in bounded:
            lo, hi = (substitute(e, {"heads": count}) for e in (part.lo, part.hi) if e is not None)
            if not isinstance(lo, Int) or not isinstance(hi, Int):
                return []
            if lo.value <= head < hi.value:
                owner = part
        if owner is None:
            return []
        result.append((head, owner))
    return result


def _names_heads(part: HeadRange) -> bool:
    used = (e for branch in part.branches for atom in atoms(branch) for e in atom.arguments().values())
    return any(HEAD_SYMBOLS & e.symbols for e in used)


@dataclass(frozen=True)
class Subject:
    """One case of a claim: the pattern's heads, under what is known."""

    heads: tuple[tuple[Relation, ...], ...]
    know: Knowledge

    def given(self, know: Knowledge) -> Subject:
        """The same under more knowledge; what was found out already stays true."""
        result = Subject(self.heads, know)
        result.__dict__.update(
            {
                n: v
                for n, v in self.__dict__.items()
                if n in ("_names_length", "layer", "parts", "lags", "back", "ahead")
            }
        )
        return result

    def at(self, tokens: Expr) -> Subject:
        """The same at a length: what depends on it is a ring whose period is ``tokens``, for instance."""
        if not self._names_length:
            return self
        heads = tuple(tuple(substituted(branch, {N.name: tokens}) for branch in head) for head in self.heads)
        return Subject(heads, self.know)

    @cached_property
    def _names_length(self) -> bool:
        return any(N.name in atom.member().symbols for head in self.heads for b in head for atom in atoms(b))

    @cached_property
    def layer(self) -> Relation:
        """One layer: heads and branches united."""
        return union(*(branch for head in self.heads for branch in head))

    @cached_property
    def parts(self) -> list[Part] | None:
        """The layer as conjunctions of atoms; None where that is not possible."""
        return parts(self.layer, self.know)

    def parts_of(self, relation: Relation) -> list[Part] | None:
        """The relation as conjunctions of atoms."""
        return parts(relation, self.know)

    @cached_property
    def lags(self) -> Lags | None:
        """The lags of a layer, where membership is a function of the lag."""
        return lags(self.layer, self.know)

    @cached_property
    def back(self) -> Side | None:
        """The lags >= 0 as a window and skips."""
        return None if self.lags is None else side(self.lags.up, self.know)

    @cached_property
    def ahead(self) -> Side | None:
        """The negated lags <= 0 as a window and skips."""
        return None if self.lags is None else side(self.lags.down, self.know)

    @property
    def causal(self) -> bool:
        """Whether membership is a function of the lag and no lag is negative."""
        return self.lags is not None and not self.lags.down

    def ask(self, condition: str, **values: Expr | int) -> bool:
        """Whether a condition holds, written as a formula."""
        return self.know.ask(formula(condition, **values))
