"""Chooses a schedule for every term of a softmax, and merges heads that differ in numbers only."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from patternc.ir.expr import (
    FALSE,
    Expr,
    Int,
    add,
    arith,
    compare,
    conjunction,
    disjunction,
    maximum,
    minimum,
    negation,
    sub,
)
from patternc.ir.instantiate import Instance
from patternc.ir.plan import FIRST_K, FIRST_Q, Branch, Gather, HeadGroup, Part, PerHead, Plan, Segment
from patternc.ir.printer import plan_expr
from patternc.ir.relation import (
    Atom,
    ChunkLag,
    Condition,
    KeyMod,
    LagMod,
    QueryMod,
    QueryRange,
    Relation,
    SameDocument,
    member,
)
from patternc.lowering.closed_forms import full, key_bounds, live_keys, live_queries, query_bounds
from patternc.lowering.schedules import BLOCKS, BY_KIND, SCHEDULES, Scheduled, schedule_of
from patternc.lowering.schedules.base import bounded
from patternc.lowering.terms import (
    Term,
    TooManyTermsError,
    disjoint,
    masked,
    meet,
    number,
    strengthened,
    terms,
)

T = TypeVar("T")


class DifferentShapeError(Exception):
    """Two heads differ in more than numbers."""


def lower(instance: Instance, heads: int | None = None) -> Plan:
    """The plan of a pattern for ``heads`` query heads; None where the heads do not matter.

    Raises `InstantiationError` where the pattern does not take that many heads.
    """
    if instance.depends_on_head:
        heads = instance.default_heads() if heads is None else heads
        rows = [h.branches for h in instance.heads(heads)]
        counts = instance.branch_counts(heads)
    else:
        heads, rows, counts = None, [instance.heads(1)[0].branches], (instance.branches,)
    cache: dict[Relation, tuple[Scheduled, ...]] = {}
    branches: list[Branch] = []
    for b in range(instance.branches):
        for row in rows:
            if row[b] not in cache:
                cache[row[b]] = schedule(row[b])
        branches.append(_branch([cache[row[b]] for row in rows], heads))
    groups = tuple(
        HeadGroup(group, tuple(member(r) for r in merged[0]), merged[1])
        for group, merged in _merged([(row, n) for row, n in zip(rows, counts, strict=True)], heads)
    )
    description = tuple(
        f"branch {b}, {part.kind}{'' if part.period is None else ' modulo ' + plan_expr(part.period)}, "
        f"{'all heads' if part.heads is None else 'heads ' + heads_text(part.heads)}: "
        + "; ".join(s.text for s in part.segments)
        for b, branch in enumerate(branches)
        for part in branch.parts
    )
    return Plan(instance.name, heads, tuple(branches), groups, instance.needs_documents, description)


def schedule(relation: Relation) -> tuple[Scheduled, ...]:
    """The parts of one softmax of one head, in launch order."""
    try:
        # Plain lag intervals come first, so that they stay whole when overlaps are taken out of the later ones.
        found = sorted(terms(relation), key=lambda t: (_place(t), len(t.atoms)))
        pieces = tuple(map(strengthened, disjoint(t for t in found if schedule_of(t) is not BLOCKS)))
    except TooManyTermsError:
        found, pieces = [masked(relation)], ()
    left = [t for t in (*pieces, *found) if schedule_of(t) is BLOCKS]
    result: list[Scheduled] = []
    for one in SCHEDULES:
        groups: dict[Hashable, list[Term]] = {}
        for term in (t for t in pieces if schedule_of(t) is one):
            groups.setdefault(one.together(one.grant(term)), []).append(term)
        for group in groups.values():
            if one.most is not None and len(group) > one.most:
                left += group
            else:
                result.append(Scheduled(one.kind, tuple(group), tuple(map(one.grant, group))))
    if left:
        # The terms as they were found say in fewer words what the pieces hold.
        others = [t for t in found if schedule_of(t) is not BLOCKS and any(meet(t, b) for b in left)]
        if not set(pieces).isdisjoint(left):
            others = [t for s in result for t in s.terms if any(meet(t, b) for b in left)]
        result.append(Scheduled(BLOCKS.kind, tuple(left), (None,) * len(left), tuple(others)))
    return tuple(result)


def _place(term: Term) -> int:
    """Where the schedule of a term stands in the order of launches."""
    return (*SCHEDULES, BLOCKS).index(schedule_of(term))


def _needs_guard(kept: tuple[Atom, ...]) -> bool:
    """Whether tiles of a residue class or of columns may hold no live pair."""
    return not bounded(kept) or any(isinstance(a, ChunkLag | SameDocument) for a in kept)


def _branch(rows: Sequence[tuple[Scheduled, ...]], heads: int | None) -> Branch:
    parts: list[Part] = []
    for step in range(max(len(r) for r in rows)):
        present = [(h, r[step]) for h, r in enumerate(rows) if step < len(r)]
        for group, scheduled in _merged([s for _, s in present], heads, [h for h, _ in present]):
            parts.append(_part(scheduled, group, first=step == 0))
    return Branch(tuple(parts), all(rows))


def _part(scheduled: Scheduled, heads: tuple[int, ...] | None, *, first: bool) -> Part:
    if scheduled.kind == BLOCKS.kind:
        below = not first and all(_below_zero(t) for t in scheduled.terms)
        return Part("blocks", heads, (_blocks_segment(scheduled),), first, guarded=True, below_zero=below)
    segments: list[Segment] = []
    guarded = False
    grant = scheduled.granted[0]
    for term, granted in zip(scheduled.terms, scheduled.granted, strict=True):
        kept = tuple(a for a in term.parts() if a != granted)
        classes: tuple[Atom, ...] = ()
        if isinstance(granted, LagMod):
            classes = tuple(a for a in kept if _holds_for_classes(a, granted.period))
            kept = tuple(a for a in kept if a not in classes)
        segment = _segment(term.member, kept, granted.phase if isinstance(granted, LagMod) else None)
        segments.append(_by_class(segment, classes))
        guarded |= not BY_KIND[scheduled.kind].gapless and _needs_guard(kept)
    return Part(
        scheduled.kind,
        heads,
        tuple(segments),
        first,
        guarded=guarded,
        span=_span(scheduled.terms),
        period=grant.period if isinstance(grant, LagMod) else None,
        gather=Gather(grant.period, _first_column(grant), grant.width) if isinstance(grant, KeyMod) else None,
    )


def _span(terms_of_part: tuple[Term, ...]) -> int | None:
    """How many lags lie between the least and the largest of the terms, summed; None where one has no bound."""
    total = 0
    for term in terms_of_part:
        lo, hi = (max(_by_head(e, e)) if e is not None else None for e in (term.lag.lo, term.lag.hi))
        if lo is None or hi is None:
            return None
        total += max(hi - lo, 0) + 1
    return total


def _holds_for_classes(atom: Atom, period: Expr) -> bool:
    """Whether a congruence of queries or keys holds for all or none of a residue class."""
    if not isinstance(atom, QueryMod | KeyMod) or atom.document:
        return False
    pairs = zip(_by_head(period, atom.period), _by_head(atom.period, period), strict=True)
    return all(p % q == 0 for p, q in pairs)


def _by_head(expr: Expr, like: Expr) -> tuple[int, ...]:
    """The numbers of a constant, as many as it or ``like`` has."""
    if isinstance(expr, PerHead):
        return expr.values
    value = number(expr)
    return (1 if value is None else value,) * (len(like.values) if isinstance(like, PerHead) else 1)


def _by_class(segment: Segment, classes: tuple[Atom, ...]) -> Segment:
    """``segment`` for those residue classes only in which the congruences hold."""
    phase = segment.phase or Int(0)
    queries, keys = [segment.queries_live], [segment.keys_live]
    for atom in classes:
        if isinstance(atom, QueryMod):
            first_q, first_k = FIRST_Q, add(FIRST_K, phase)
        elif isinstance(atom, KeyMod):
            first_q, first_k = sub(FIRST_Q, phase), FIRST_K
        else:
            continue
        queries.append(compare("<", arith("%", sub(first_q, atom.phase), atom.period), atom.width))
        keys.append(compare("<", arith("%", sub(first_k, atom.phase), atom.period), atom.width))
    return replace(segment, queries_live=conjunction(queries), keys_live=conjunction(keys))


def _below_zero(term: Term) -> bool:
    """Whether only queries before position 0 have pairs."""
    return any(isinstance(a, QueryRange) and (number(a.hi) or 0) < 0 for a in term.atoms if not a.document)


def _first_column(columns: KeyMod) -> Expr:
    """The phase, moved one period down where a run of columns wraps around it, so that column 0 is the first."""

    def moved(period: int, phase: int, width: int) -> int:
        return phase - period if phase + width > period else phase

    triple = (columns.period, columns.phase, columns.width)
    per_head = [e for e in triple if isinstance(e, PerHead)]
    if not per_head:
        period, phase, width = (number(e) or 0 for e in triple)
        return Int(moved(period, phase, width))
    count = len(per_head[0].values)
    table = [e.values if isinstance(e, PerHead) else (number(e) or 0,) * count for e in triple]
    return PerHead(tuple(moved(*row) for row in zip(*table, strict=True)))


def _segment(text: Expr, kept: tuple[Atom, ...], phase: Expr | None) -> Segment:
    key_lo, key_hi = key_bounds(kept)
    query_lo, query_hi = query_bounds(kept)
    return Segment(
        text=plan_expr(text),
        mask=conjunction(a.member() for a in kept),
        key_lo=key_lo,
        key_hi=key_hi,
        query_lo=query_lo,
        query_hi=query_hi,
        queries_live=live_queries(kept),
        keys_live=live_keys(kept),
        full=full(kept),
        phase=phase,
        wide=any(isinstance(a, Condition) for a in kept),
    )


def _blocks_segment(scheduled: Scheduled) -> Segment:
    atoms = [t.parts() for t in scheduled.terms]
    keys, queries = [key_bounds(a) for a in atoms], [query_bounds(a) for a in atoms]
    live = disjunction(t.member for t in scheduled.terms)
    mask = conjunction((live, negation(disjunction(t.member for t in scheduled.but))))
    return Segment(
        text=plan_expr(mask),
        mask=mask,
        key_lo=minimum(*(lo for lo, _ in keys)),
        key_hi=maximum(*(hi for _, hi in keys)),
        query_lo=minimum(*(lo for lo, _ in queries)),
        query_hi=maximum(*(hi for _, hi in queries)),
        queries_live=disjunction(live_queries(a) for a in atoms),
        keys_live=disjunction(live_keys(a) for a in atoms),
        full=FALSE,
        wide=any(isinstance(a, Condition) for t in (*scheduled.terms, *scheduled.but) for a in t.atoms),
    )


def _merged(
    items: Sequence[T], heads: int | None, owners: Sequence[int] | None = None
) -> list[tuple[tuple[int, ...] | None, T]]:
    """Groups of heads whose items differ in numbers only, each with the item that holds for all of the group."""
    if heads is None:
        return [(None, items[0])] if items else []
    owners = range(len(items)) if owners is None else owners
    groups: list[tuple[list[int], list[T]]] = []
    for h, item in zip(owners, items, strict=True):
        for group, members in groups:
            if _same_shape(members[0], item):
                group.append(h)
                members.append(item)
                break
        else:
            groups.append(([h], [item]))
    result: list[tuple[tuple[int, ...] | None, T]] = []
    for group, members in groups:
        everyone = tuple(group) if len(group) < heads else None
        result.append((everyone, _generalised(members, group, heads)))
    return result


def _same_shape(left: Any, right: Any) -> bool:
    try:
        _generalised([left, right], [0, 1], 2)
    except DifferentShapeError:
        return False
    return True


def _generalised(items: Sequence[Any], owners: Sequence[int], heads: int) -> Any:
    """One item for all, its differing numbers replaced by `PerHead`."""
    first = items[0]
    if all(i == first for i in items[1:]):
        return first
    if any(type(i) is not type(first) for i in items):
        raise DifferentShapeError
    if isinstance(first, Int):
        values: list[int] = []
        given = dict(zip(owners, (i.value for i in items), strict=True))
        for h in range(heads):
            values.append(given.get(h, values[-1] if values else first.value))
        return PerHead(tuple(values))
    if isinstance(first, tuple):
        if len({len(i) for i in items}) != 1:
            raise DifferentShapeError
        return tuple(_generalised(column, owners, heads) for column in zip(*items, strict=True))
    if is_dataclass(first):
        names = [f.name for f in fields(first)]
        return type(first)(**{n: _generalised([getattr(i, n) for i in items], owners, heads) for n in names})
    raise DifferentShapeError


def heads_text(heads: tuple[int, ...]) -> str:
    """``0..4`` for a run of heads, else a list."""
    if heads == tuple(range(heads[0], heads[-1] + 1)):
        return f"{heads[0]}..{heads[-1] + 1}"
    return ", ".join(map(str, heads))
