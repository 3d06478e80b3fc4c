"""Lints: what is legal and probably not meant.  They look at numbers, those of the defaults or of the command line.

Each lint warns of what it has shown; where a question is too expensive for `check`, it is silent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import permutations

from patternc.analysis.decisions import Undecided, first_future_pair, first_query_without_key
from patternc.analysis.depth import depth, on_a_ring
from patternc.analysis.evidence import common_divisor
from patternc.analysis.intset import INF, TooLarge, interval
from patternc.analysis.large import Part, parts_of
from patternc.analysis.rows import rows_of, transposed
from patternc.analysis.semantics import Layer, Model, NotByLag, layer_of
from patternc.analysis.shapes import (
    ChunkIn,
    KeyIn,
    LagIn,
    Leaf,
    Pairs,
    QueryIn,
    Shape,
    by_lag,
    lag_set,
    leaves,
    shape_of,
)
from patternc.analysis.skip_family import skips_of
from patternc.diagnostics import Diagnostic, warning
from patternc.ir.expr import ZERO, ExprError
from patternc.ir.instantiate import Instance, InstantiationError, stack_layers
from patternc.ir.program import HeadRange, Layers, Program, Repeat, Stack
from patternc.ir.relation import NOTHING, Intersection, Lag, Relation, Union, intersection
from patternc.source import Source, Span

SAMPLE = 61
"""A length at which symmetry is looked at where it cannot be read off."""
MAX_SAMPLE = 256
PLAIN_SAMPLE = 64
MAX_LENGTH = 1 << 16
"""Lengths at which reachability is tried: of any pattern, of one with a condition on pairs, of chunks."""
MAX_HEADS = 32
MAX_TERMS = 16
MAX_RUNS = 4096
"""Conditions whose sets are more irregular than this are left alone."""
_GIVEN_UP = (Undecided, TooLarge, NotByLag, ExprError, InstantiationError)


def lint(program: Program, instances: Sequence[Instance], source: Source) -> list[Diagnostic]:
    """Warnings about the patterns, as instantiated, and about the stacks, for their defaults."""
    found: list[Diagnostic] = []
    stacked = {name for stack in program.stacks for name in _patterns(stack.entries)}
    for instance in instances:
        if _too_irregular(instance):
            continue
        for check in (_empty_rows, _contained, _future, _cheaper):
            found += _quietly(check, instance)
        if instance.name not in stacked:
            found += _quietly(_unreachable, instance)
    for stack in program.stacks:
        found += _quietly(lambda s=stack: _unreachable_in(program, s))
    return list(dict.fromkeys(found))


def _too_irregular(instance: Instance) -> bool:
    try:
        return sum(_runs(leaf) for leaf in leaves(layer_of(instance).shape)) > MAX_RUNS
    except _GIVEN_UP:
        return True


def _runs(leaf: Leaf) -> int:
    match leaf:
        case LagIn(members) | KeyIn(members) | QueryIn(members) | ChunkIn(_, _, members):
            return sum(len(p.runs) for p in members.pieces)
        case Pairs():
            return 1


def _patterns(entries: Sequence[Layers | Repeat]) -> Iterator[str]:
    for entry in entries:
        if isinstance(entry, Repeat):
            yield from _patterns(entry.entries)
        else:
            yield entry.pattern


def _quietly(check: Callable[..., Iterator[Diagnostic]], *arguments: Instance) -> list[Diagnostic]:
    """What a lint says; what it said before it gave up."""
    found: list[Diagnostic] = []
    try:
        found.extend(check(*arguments))
    except _GIVEN_UP:
        return found
    return found


def _heads(instance: Instance) -> Iterator[tuple[int, HeadRange, tuple[Relation, ...]]]:
    """A number, a range and the branches of each distinct head; of more than `MAX_HEADS` the first ones."""
    count = instance.default_heads() if instance.depends_on_head else 1
    seen: set[tuple[Relation, ...]] = set()
    for number, (part, head) in enumerate(zip(instance.owners(count), instance.heads(count), strict=True)):
        if head.branches not in seen and len(seen) < MAX_HEADS:
            seen.add(head.branches)
            yield number, part, head.branches[: len(part.branches)]


def _where(instance: Instance, number: int) -> str:
    return f" in head {number}" if instance.depends_on_head else ""


def _empty_rows(instance: Instance) -> Iterator[Diagnostic]:
    for number, part, branches in _heads(instance):
        seen = first_query_without_key(Union(branches), beyond=False)
        if seen is not None:
            tokens = "1 token" if seen.n == 1 else f"{seen.n} tokens"
            yield warning(
                "empty-row",
                f"query {seen.query} of a sequence of {tokens} sees no key{_where(instance, number)}; its output is 0",
                part.span,
                "`| window(0)` lets every token see itself",
            )
            return


def _contained(instance: Instance) -> Iterator[Diagnostic]:
    for number, part, branches in _heads(instance):
        where = _where(instance, number)
        shapes = [shape_of(b) for b in branches]
        for i, j in permutations(range(len(shapes)), 2):
            if _within(shapes[i], shapes[j]) and not (i > j and _within(shapes[j], shapes[i])):
                text = f"branch {i + 1} of the gate holds no pair that branch {j + 1} does not hold{where}"
                yield warning("contained", text, part.span, f"with {_values(instance)}" if instance.values else "")
        for branch in branches:
            if (text := _redundant_term(branch)) is not None:
                yield warning("contained", f"{text}{where}", part.span, "it can be left out")
                return


def _redundant_term(branch: Relation) -> str | None:
    rest, terms = _union_terms(branch)
    if not 2 <= len(terms) <= MAX_TERMS:
        return None
    shapes = [shape_of(intersection(*rest, t)) for t in terms]
    for i, j in permutations(range(len(terms)), 2):
        if _within(shapes[i], shapes[j]):
            return f"term {i + 1} of the union holds no pair that term {j + 1} does not hold"
    return None


def _union_terms(branch: Relation) -> tuple[list[Relation], list[Relation]]:
    """A branch as what all its pairs satisfy and the terms of its union."""
    if isinstance(branch, Union):
        return [], list(branch.parts)
    if isinstance(branch, Intersection):
        unions = [p for p in branch.parts if isinstance(p, Union) and p != NOTHING]
        if len(unions) == 1:
            return [p for p in branch.parts if p is not unions[0]], list(unions[0].parts)
    return [], [branch]


def _values(instance: Instance) -> str:
    return ", ".join(f"{name} = {value}" for name, value in instance.values.items())


def _within(small: Shape, large: Shape) -> bool:
    """Whether it is plain that every pair of ``small`` is one of ``large``."""
    if by_lag(small) and by_lag(large):
        return lag_set(small).within(lag_set(large))
    some, others = parts_of(small), parts_of(large)
    if some is None or others is None:
        return small == large
    return all(any(_part_within(p, o) for o in others) for p in some)


def _part_within(small: Part, large: Part) -> bool:
    plain = small.lags.within(large.lags) and small.keys.within(large.keys) and small.queries.within(large.queries)
    return plain and all(any(_chunk_within(c, o) for c in small.chunks) for o in large.chunks)


def _chunk_within(small: ChunkIn, large: ChunkIn) -> bool:
    same = (small.size, small.offset) == (large.size, large.offset)
    return same and small.distances.within(large.distances)


def _future(instance: Instance) -> Iterator[Diagnostic]:
    """Future pairs, except where the pattern treats both directions alike, and so means them."""
    if instance.causal:
        return
    layer = layer_of(instance)
    seen = first_future_pair(layer.relation, beyond=False)
    if seen is None or _symmetric(layer):
        return
    yield warning(
        "future",
        f"token {seen.query} sees the later token {seen.key}, and pattern `{instance.name}` is not declared causal",
        instance.pattern.span,
        f"`causal pattern {instance.name}` keeps the future out",
    )


def _symmetric(layer: Layer) -> bool:
    """Whether both directions are alike, or all positions are, as on a ring."""
    at = layer.at(SAMPLE)
    if by_lag(at) and on_a_ring(lag_set(at), SAMPLE):
        return True
    if by_lag(layer.shape):
        lags = lag_set(layer.shape)
        return lags.equals(lags.reflected())
    rows = rows_of(at, SAMPLE)
    return transposed(rows) == rows


def _cheaper(instance: Instance) -> Iterator[Diagnostic]:
    """A window longer than the period of a stride without end: two layers see everything without the excess."""
    for number, part, branches in _heads(instance):
        shape = shape_of(Union(branches))
        if not by_lag(shape) or lag_set(shape).greatest != INF:
            continue
        skips = skips_of(lag_set(shape) | interval(0, 0))
        if skips is not None and not skips.both and skips.hops == INF and 1 < skips.period <= skips.window:
            p = skips.period
            yield warning(
                "cheaper",
                f"from two layers on window({p - 1}) sees as much beside a stride of {p} as window({skips.window})"
                + _where(instance, number),
                part.span,
                "a shorter window has the same receptive field at a lower cost",
            )


def _unreachable(instance: Instance) -> Iterator[Diagnostic]:
    yield from _out_of_reach([layer_of(instance)], f"pattern `{instance.name}`", instance.pattern.span)


def _unreachable_in(program: Program, stack: Stack) -> Iterator[Diagnostic]:
    layers = stack_layers(program, stack, {})
    distinct = {id(layer): layer for layer in layers}
    if layers:
        yield from _out_of_reach([layer_of(i) for i in distinct.values()], f"stack `{stack.name}`", stack.span)


def _out_of_reach(layers: list[Layer], what: str, span: Span) -> Iterator[Diagnostic]:
    """Tokens that stay out of reach however often the layers are repeated."""
    relation = Union(tuple(dict.fromkeys(part for layer in layers for part in layer.relation.parts)))  # type: ignore[union-attr]
    documents = any(layer.documents for layer in layers)
    layer = Layer(((relation,),), documents=documents)
    if not _symmetric(layer):
        # Future pairs are another lint's matter; here it counts who sees the past.
        layer = Layer(((intersection(Lag(False, ZERO, None), relation),),), documents=documents)
    text = _lags_out_of_reach(layer) if by_lag(layer.shape) else _tokens_out_of_reach(layer)
    if text is not None:
        yield warning("unreachable", f"{what}: {text}", span, "no number of layers changes that")


def _lags_out_of_reach(layer: Layer) -> str | None:
    lags = layer.lags
    divisor = common_divisor([lags])
    if divisor == 0:
        return "a token sees itself only"
    if divisor > 1:
        return f"a token is reached from those only that are a multiple of {divisor} away, which divides every lag"
    if lags.least >= 0 and not lags.contains(1):
        return "the token just before is out of reach: no lag is 1, and none is negative"
    if lags.greatest <= 0 and not lags.contains(-1):
        return "the token just after is out of reach: no lag is -1, and none is positive"
    return None


def _tokens_out_of_reach(layer: Layer) -> str | None:
    n = 2
    for leaf in leaves(layer.shape):
        match leaf:
            case ChunkIn(size):
                n = max(n, 2 * size + 1)
            case KeyIn(members) | QueryIn(members):
                ends = [abs(int(x)) for p in members.pieces for x in (p.lo, p.hi, p.period) if abs(x) != INF]
                n = max([n, *(2 * e + 2 for e in ends)])
            case _:
                n = max(n, PLAIN_SAMPLE)
    if any(isinstance(leaf, Pairs) for leaf in leaves(layer.shape)):
        n = PLAIN_SAMPLE
    elif n > MAX_SAMPLE and not all(isinstance(x, ChunkIn) or by_lag(x) for x in leaves(layer.shape)):
        n = MAX_SAMPLE
    if n > MAX_LENGTH or depth(Model((layer,), True), n) != INF:
        return None
    return f"of {n} tokens some never see what they may, at any depth"
