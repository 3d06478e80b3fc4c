"""Chooses a schedule for every term of a softmax, and merges heads that differ in numbers only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
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
from patternc.ir.plan import FIRST_K, FIRST_Q, Branch, Gather, HeadGroup, Kind, Part, PerHead, Plan, Segment
from patternc.ir.printer import plan_expr
from patternc.ir.relation import (
    Atom,
    ChunkLag,
    Condition,
    KeyMod,
    KeyRange,
    Lag,
    LagMod,
    QueryMod,
    QueryRange,
    Relation,
    SameDocument,
    member,
)
from patternc.lowering.closed_forms import full, key_bounds, live_keys, live_queries, query_bounds
from patternc.lowering.terms import (
    ANY_LAG,
    Term,
    TooManyTermsError,
    disjoint,
    masked,
    meet,
    number,
    strengthened,
    terms,
)

MAX_SEGMENTS = 8
"""More terms than this in one band part are cheaper as masked blocks."""

MAX_PERIOD = 2**22
"""Classes and columns further apart than this are masked blocks."""

ORDER: tuple[Kind, ...] = ("band", "columns", "residue", "blocks")

T = TypeVar("T")


@dataclass(frozen=True)
class Scheduled:
    """The terms of one part, before heads are merged.  ``but`` is what blocks leave to other parts."""

    kind: Kind
    terms: tuple[Term, ...]
    granted: tuple[Atom | None, ...]
    """For each term the atom that the tiling itself grants."""
    but: tuple[Term, ...] = ()


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
        found = sorted(terms(relation), key=lambda t: (ORDER.index(kind_of(t)), len(t.atoms)))
        pieces = tuple(map(strengthened, disjoint(t for t in found if kind_of(t) != "blocks")))
    except TooManyTermsError:
        found, pieces = [masked(relation)], ()
    by_kind: dict[Kind, list[Term]] = {kind: [] for kind in ORDER}
    for term in (*pieces, *(t for t in found if kind_of(t) == "blocks")):
        by_kind[kind_of(term)].append(term)
    if len(by_kind["band"]) > MAX_SEGMENTS:
        by_kind["blocks"] += by_kind["band"]
        by_kind["band"] = []
    result: list[Scheduled] = []
    if by_kind["band"]:
        result.append(Scheduled("band", tuple(by_kind["band"]), (None,) * len(by_kind["band"])))
    by_columns: dict[tuple[Expr, ...], list[Term]] = {}
    for term in by_kind["columns"]:
        grant = _columns_of(term)
        by_columns.setdefault((grant.period, grant.phase, grant.width), []).append(term)
    result += (Scheduled("columns", tuple(s), tuple(_columns_of(t) for t in s)) for s in by_columns.values())
    by_period: dict[Expr, list[Term]] = {}
    for term in by_kind["residue"]:
        by_period.setdefault(_congruence_of(term).period, []).append(term)
    result += (Scheduled("residue", tuple(s), tuple(_congruence_of(t) for t in s)) for s in by_period.values())
    if by_kind["blocks"]:
        # The terms as they were found say in fewer words what the pieces hold.
        others = [t for t in found if kind_of(t) != "blocks" and any(meet(t, b) for b in by_kind["blocks"])]
        if not set(pieces).isdisjoint(by_kind["blocks"]):
            others = [t for s in result for t in s.terms if any(meet(t, b) for b in by_kind["blocks"])]
        blocks = tuple(by_kind["blocks"])
        result.append(Scheduled("blocks", blocks, (None,) * len(blocks), tuple(others)))
    return tuple(result)


def kind_of(term: Term) -> Kind:
    """The cheapest exact schedule of a term."""
    if any(_is_congruence(a) for a in term.atoms):
        return "residue"
    if any(_is_column(a) for a in term.atoms):
        return "columns"
    return "band" if _gapless(term) else "blocks"


def _gapless(term: Term) -> bool:
    """Whether the keys of consecutive queries join up, so that every tile between a tile's bounds has a live pair."""
    if not _bounded(term.atoms):
        return False
    stairs = [a for a in term.atoms if isinstance(a, ChunkLag | SameDocument)]
    if not stairs or (term.lag == ANY_LAG and len(term.atoms) == 1):
        return True
    # A staircase that is cut has gaps between its steps, unless every row keeps the diagonal.
    lo, hi = number(term.lag.lo), number(term.lag.hi)
    chunks = [a for a in stairs if isinstance(a, ChunkLag)]
    diagonal = all((number(a.lo) or 0) <= 0 and (a.hi is None or (number(a.hi) or 0) >= 0) for a in chunks)
    return diagonal and (lo is None or lo <= 0) and (hi is None or hi >= 0)


def _bounded(atoms: tuple[Atom, ...]) -> bool:
    """Whether the closed forms of `closed_forms` say all that the atoms say."""
    kinds = Lag | KeyRange | QueryRange | ChunkLag
    return all((isinstance(a, SameDocument) and a.same) or (isinstance(a, kinds) and not a.document) for a in atoms)


def _needs_guard(kept: tuple[Atom, ...]) -> bool:
    """Whether tiles of a residue class or of columns may hold no live pair."""
    return not _bounded(kept) or any(isinstance(a, ChunkLag | SameDocument) for a in kept)


def _is_congruence(atom: Atom) -> bool:
    return isinstance(atom, LagMod) and _tiled(atom.period) and number(atom.width) == 1


def _is_column(atom: Atom) -> bool:
    return isinstance(atom, KeyMod) and not atom.document and _tiled(atom.period)


def _tiled(period: Expr) -> bool:
    """Whether the last row of a tile, that many periods behind its first, is a number of 32 bits."""
    value = number(period)
    return value is not None and value <= MAX_PERIOD


def _congruence_of(term: Term) -> LagMod:
    return next(a for a in term.atoms if isinstance(a, LagMod) and _is_congruence(a))


def _columns_of(term: Term) -> KeyMod:
    """The sparsest columns of a term."""
    found = [a for a in term.atoms if isinstance(a, KeyMod) and _is_column(a)]
    return min(found, key=lambda a: (number(a.width) or 0) / (number(a.period) or 1))


def _branch(rows: Sequence[tuple[Scheduled, ...]], heads: int | None) -> Branch:
    parts: list[Part] = []
    for step in range(max(len(r) for r in rows)):
        present = [(h, r[step]) for h, r in enumerate(rows) if step < len(r)]
        for group, scheduled in _merged([s for _, s in present], heads, [h for h, _ in present]):
            parts.append(_part(scheduled, group, first=step == 0))
    return Branch(tuple(parts), all(rows))


def _part(scheduled: Scheduled, heads: tuple[int, ...] | None, *, first: bool) -> Part:
    if scheduled.kind == "blocks":
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
        guarded |= scheduled.kind != "band" and _needs_guard(kept)
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
