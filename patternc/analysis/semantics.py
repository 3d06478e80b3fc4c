"""Patterns and stacks as proofs see them: layers of relations, heads and gate branches united, residual added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from patternc.analysis.apart import Apart
from patternc.analysis.intset import INF, IntSet, TooLarge, interval
from patternc.analysis.lagset import Term, terms_of
from patternc.analysis.rows import rows_of
from patternc.analysis.shapes import EVERY, SELF, Both, Either, LagIn, Shape, by_lag, depends_on_n, lag_set, shape_of
from patternc.ir.instantiate import Instance
from patternc.ir.relation import Relation, Union, alternatives

ONE_DOCUMENT = "documents come at run time: the sequence is taken to be one document"


class NotByLag(ValueError):  # noqa: N818
    """Membership is not a function of the lag alone, so a term over lags has no value."""


@dataclass(frozen=True)
class Layer:
    """One layer: for each distinct head the relations of its branches, arguments all numbers.

    ``order`` says for each head number which of the distinct heads it is; a layer whose heads are alike has one.
    ``assumed`` is the head count where it matters and nobody gave it, else 0.
    """

    heads: tuple[tuple[Relation, ...], ...]
    name: str = ""
    documents: bool = False
    order: tuple[int, ...] = (0,)
    assumed: int = 0

    @cached_property
    def _hash(self) -> int:
        return hash((self.heads, self.name))

    def __hash__(self) -> int:
        return self._hash

    def head(self, number: int) -> tuple[Relation, ...]:
        """The branches of one head."""
        return self.heads[self.order[number if len(self.order) > 1 else 0]]

    @cached_property
    def relation(self) -> Relation:
        """Heads and branches as one union."""
        return Union(tuple(dict.fromkeys(b for head in self.heads for b in head)))

    @cached_property
    def shape(self) -> Shape:
        """The union for every n."""
        return shape_of(self.relation)

    @lru_cache(maxsize=64)  # noqa: B019 - layers are few and short-lived
    def at(self, n: int) -> Shape:
        """The union at length n.  Whatever does not depend on n is sorted once."""
        return shape_of(self.relation, n)

    @cached_property
    def lags(self) -> IntSet:
        """The lags that one layer crosses, 0 among them: a token sees itself.  Raises `NotByLag` or `TooLarge`."""
        if not by_lag(self.shape):
            raise NotByLag(f"in pattern {self.name} " + _why_not(self.shape))
        return lag_set(self.shape) | interval(0, 0)

    @cached_property
    def crossed(self) -> IntSet | Apart:
        """Its `lags`, with parts kept apart where they are too large for one set.  Raises `NotByLag`."""
        try:
            return self.lags
        except TooLarge:
            return Apart(Either((*(self.shape.parts if isinstance(self.shape, Either) else (self.shape,)), SELF)))

    @cached_property
    def terms(self) -> list[Term] | None:
        """Its `lags` as the terms of the parts that the pattern is written in; None where they are not by lag.

        Strides that lie over one another are hard to tell apart once they are one set.
        """
        shapes = [shape_of(part) for part in alternatives(self.relation)]
        try:
            if not all(map(by_lag, shapes)):
                return None
            return list(dict.fromkeys([Term(0), *(t for shape in shapes for t in terms_of(lag_set(shape)))]))
        except TooLarge:
            return None

    def step(self, n: int) -> Shape:
        """The union with the residual, at length n."""
        shape = self.at(n)
        if shape == EVERY:
            return EVERY
        if by_lag(shape):
            return LagIn(lag_set(shape) | interval(0, 0))
        return Either((*(shape.parts if isinstance(shape, Either) else (shape,)), SELF))

    @lru_cache(maxsize=4)  # noqa: B019
    def rows(self, n: int) -> tuple[int, ...]:
        """The union with the residual at length n, as bit rows."""
        return tuple(row | 1 << q for q, row in enumerate(rows_of(self.at(n), n)))

    def branch_shapes(self, n: int | None) -> list[list[Shape]]:
        """Each distinct head's branches by themselves."""
        return [[shape_of(b, n) for b in head] for head in self.heads]

    @cached_property
    def branch_lags(self) -> list[list[IntSet]] | None:
        """Each distinct head's branches as sets of lags; None where one is none, or too large."""
        shapes = self.branch_shapes(None)
        try:
            plain = all(by_lag(shape) for head in shapes for shape in head)
            return [[lag_set(shape) for shape in head] for head in shapes] if plain else None
        except TooLarge:
            return None

    def head_shapes(self, n: int | None) -> list[Shape]:
        """Each distinct head, its branches united."""
        return [shape_of(Union(head), n) for head in self.heads]


def _why_not(shape: Shape) -> str:
    if depends_on_n(shape):
        return "what a token sees depends on the length of the sequence"
    return "what a token sees depends on where it stands, and not on the lag alone"


def layer_of(instance: Instance, heads: int | None = None, given: bool = True) -> Layer:
    """The layer of an instance.  Where heads matter and ``heads`` is None, the pattern's default head count is taken.

    ``given`` says that ``heads`` was asked for, and not chosen for want of a better one.
    """
    depends = instance.depends_on_head
    chosen = (heads is None or not given) and depends and instance.fixed_heads is None
    count = heads if heads is not None else instance.default_heads() if depends else 1
    if not depends:
        instance.owners(count)  # heads that are alike are looked at once, where there can be so many
        count = 1
    branches = [head.branches for head in instance.heads(count)]
    distinct = list(dict.fromkeys(branches))
    order = tuple(distinct.index(b) for b in branches) if depends else (0,)
    return Layer(tuple(distinct), instance.name, instance.needs_documents, order, count if chosen else 0)


@dataclass(frozen=True)
class Model:
    """Layers in order.  ``endless`` says that there is one, and as many of it as a question asks for."""

    layers: tuple[Layer, ...]
    endless: bool

    def layer(self, index: int) -> Layer:
        """The layer ``index`` (0-based, the first is nearest to the input)."""
        return self.layers[0 if self.endless else index]

    @property
    def limit(self) -> int | float:
        """How many layers there are."""
        return INF if self.endless else len(self.layers)

    def groups(self, count: int) -> list[tuple[Layer, int]]:
        """The first ``count`` layers: each distinct one and how often it stands there."""
        if self.endless:
            return [(self.layers[0], count)] if count else []
        found: dict[Layer, int] = {}
        for layer in self.layers[:count]:
            found[layer] = found.get(layer, 0) + 1
        return list(found.items())

    @cached_property
    def distinct(self) -> tuple[Layer, ...]:
        """The different layers, in order."""
        return tuple(dict.fromkeys(self.layers))

    @property
    def documents(self) -> bool:
        """Whether a layer speaks of documents."""
        return any(layer.documents for layer in self.distinct)


def model_of(instances: Sequence[Instance], endless: bool, heads: int | None = None) -> Model:
    """A pattern's model (one instance, ``endless``) or a stack's (its layers, which share one head count)."""
    given = heads is not None
    if not given and not endless and instances:
        fixed = (i.fixed_heads for i in instances)
        heads = next((f for f in fixed if f is not None), max(i.default_heads() for i in instances))
    made: dict[int, Layer] = {}
    for instance in instances:
        if id(instance) not in made:
            made[id(instance)] = layer_of(instance, heads, given)
    return Model(tuple(made[id(i)] for i in instances), endless)


def plainly_causal(shape: Shape) -> bool:
    """Whether the shape is plainly causal: an intersection with lags that are not negative, or a union of such."""
    match shape:
        case LagIn(lags):
            return lags.least >= 0
        case Both(parts):
            return any(plainly_causal(p) for p in parts)
        case Either(parts):
            return all(plainly_causal(p) for p in parts)
        case _:
            return False
