"""From schedules to the parts of a plan: segments with their closed forms, one launch for the heads of a schedule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from patternc.ir.expr import (
    FALSE,
    ONE,
    ZERO,
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
    KeyRange,
    LagMod,
    QueryMod,
    QueryRange,
    Relation,
    SameDocument,
    member,
)
from patternc.lowering.closed_forms import full, key_bounds, live_keys, live_queries, query_bounds
from patternc.lowering.heads import Together, generalised, heads_text, merged, together
from patternc.lowering.schedule import schedule
from patternc.lowering.schedules import BAND, BLOCKS, BY_KIND, Scheduled, launch_order
from patternc.lowering.schedules.base import Piece, bounded
from patternc.lowering.terms import Term, number

FIRST_KEYS = 64
"""Sinks begin before this key."""


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
        HeadGroup(group, tuple(member(r) for r in members), count)
        for group, (members, count) in merged([(row, n) for row, n in zip(rows, counts, strict=True)], heads)
    )
    description = tuple(
        f"branch {b}, {part.kind}{'' if part.period is None else ' modulo ' + plan_expr(part.period)}, "
        f"{'all heads' if part.heads is None else 'heads ' + heads_text(part.heads)}: "
        + "; ".join(s.text for s in part.segments)
        for b, branch in enumerate(branches)
        for part in branch.parts
    )
    return Plan(instance.name, heads, tuple(branches), groups, instance.needs_documents, description)


def _branch(rows: Sequence[tuple[Scheduled, ...]], heads: int | None) -> Branch:
    """One launch for each schedule that a head's softmax has, whatever the heads see in it."""
    places: dict[tuple[int, int], dict[int, Scheduled]] = {}
    for h, row in enumerate(rows):
        kinds = [s.kind for s in row]
        for i, scheduled in enumerate(row):
            places.setdefault((launch_order(scheduled.kind), kinds[:i].count(scheduled.kind)), {})[h] = scheduled
    parts: list[Part] = []
    begun: set[int] = set()
    for _, place in sorted(places.items()):
        for group in together(place):
            fresh = [h not in begun for h in group.heads]
            parts.append(_part(place, group, heads, first=all(fresh), leaves_delta=any(fresh)))
            begun.update(group.heads)
    return Branch(tuple(parts), all(rows) and all(p.first or not p.leaves_delta for p in parts))


def _part(place: dict[int, Scheduled], group: Together, heads: int | None, *, first: bool, leaves_delta: bool) -> Part:
    kind = place[group.heads[0]].kind
    count = heads or 1
    segments: list[Segment] = []
    guarded = kind == BLOCKS.kind
    for owned in group.segments:
        piece: Piece = generalised(list(owned.values()), list(owned), count)
        segment = _blocks_segment(piece) if kind == BLOCKS.kind else _segment(piece)
        guarded |= not BY_KIND[kind].gapless and _needs_guard(piece.kept())
        segments.append(segment if len(owned) == len(group.heads) else _for_heads(segment, tuple(owned), count))
    grants = [place[h].pieces()[0].granted for h in group.heads]
    tiled: Atom | None = None
    if kind in ("residue", "columns"):
        # What tells the tiles apart is one for each head; what else the atom says is its segment's.
        shapes = [replace(g, phase=ZERO) if isinstance(g, LagMod) else g for g in grants]
        tiled = generalised(shapes, group.heads, count)
    seen = [place[h].terms for h in group.heads]
    own = [p for owned in group.segments for p in owned.values()]
    below = kind == BLOCKS.kind and not leaves_delta and all(_below_zero(t) for p in own for t in p.terms)
    return Part(
        kind,
        None if heads is None or len(group.heads) == heads else tuple(group.heads),
        tuple(segments),
        first,
        leaves_delta,
        guarded=guarded,
        uneven=kind == BAND.kind and any(len(o) > 1 and any(t.lag.hi is None for t in o) for o in seen),
        sinks=max(_sinks(terms) for terms in seen) if kind == BAND.kind and not guarded else 0,
        span=None if kind == BLOCKS.kind else _span(seen),
        period=tiled.period if isinstance(tiled, LagMod) else None,
        gather=Gather(tiled.period, _first_column(tiled), tiled.width) if isinstance(tiled, KeyMod) else None,
        below_zero=below,
    )


def part_of(scheduled: Scheduled) -> Part:
    """The part of a single head, with a segment for each of its pieces."""
    return _branch([(scheduled,)], None).parts[0]


def _for_heads(segment: Segment, owners: tuple[int, ...], heads: int) -> Segment:
    """The segment of some of the heads of its part."""
    mine = compare("==", PerHead(tuple(int(h in owners) for h in range(heads))), ONE)
    return replace(
        segment,
        text=f"heads {heads_text(owners)}: {segment.text}",
        queries_live=conjunction((mine, segment.queries_live)),
        keys_live=conjunction((mine, segment.keys_live)),
    )


def _span(terms_by_head: list[tuple[Term, ...]]) -> int | None:
    """How many keys lie between the first and the last that a query sees by a term, summed over a head's terms, for the
    head where they are most; None where one has no bound.
    """
    largest = 0
    for terms_of_head in terms_by_head:
        keys = [_keys(term) for term in terms_of_head]
        if None in keys:
            return None
        largest = max(largest, sum(n for n in keys if n is not None))
    return largest


def _sinks(terms_of_head: tuple[Term, ...]) -> int:
    """How many first keys a head's queries see from any distance; 0 where nothing bounds them.

    Keys that begin further on are none of these: room for partial sums is taken from key 0 on.
    """
    found = 0
    for term in terms_of_head:
        if term.lag.hi is not None or _ends(term, QueryRange) is not None:
            continue
        last = _ends(term, KeyRange)
        if last is None:
            return 0
        if all((number(a.lo) or 0) < FIRST_KEYS for a in term.of(KeyRange) if not a.document):
            found = max(found, last + 1)
    return found


def _ends(term: Term, kind: type[KeyRange] | type[QueryRange]) -> int | None:
    """The last position that a term's range of keys or queries allows."""
    return min((n for a in term.of(kind) if not a.document and (n := number(a.hi)) is not None), default=None)


def _keys(term: Term) -> int | None:
    """How many keys lie between the first and the last that a query sees by a term."""
    bounds = [(number(term.lag.lo), number(term.lag.hi))]
    bounds += [(0 if a.lo is None else number(a.lo), number(a.hi)) for a in term.of(KeyRange)]
    return min((max(hi - lo, 0) + 1 for lo, hi in bounds if lo is not None and hi is not None), default=None)


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


def _segment(piece: Piece) -> Segment:
    (term,), kept = piece.terms, piece.kept()
    key_lo, key_hi = key_bounds(kept)
    query_lo, query_hi = query_bounds(kept)
    segment = Segment(
        text=plan_expr(term.member),
        mask=conjunction(a.member() for a in kept),
        key_lo=key_lo,
        key_hi=key_hi,
        query_lo=query_lo,
        query_hi=query_hi,
        queries_live=live_queries(kept),
        keys_live=live_keys(kept),
        full=full(kept),
        phase=piece.granted.phase if isinstance(piece.granted, LagMod) else None,
        wide=any(isinstance(a, Condition) for a in kept),
    )
    return _by_class(segment, piece.of_classes())


def _blocks_segment(piece: Piece) -> Segment:
    atoms = [t.parts() for t in piece.terms]
    keys, queries = [key_bounds(a) for a in atoms], [query_bounds(a) for a in atoms]
    live = disjunction(t.member for t in piece.terms)
    mask = conjunction((live, negation(disjunction(t.member for t in piece.but))))
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
        wide=any(isinstance(a, Condition) for t in (*piece.terms, *piece.but) for a in t.atoms),
    )


def _needs_guard(kept: tuple[Atom, ...]) -> bool:
    """Whether tiles of a residue class or of columns may hold no live pair."""
    return not bounded(kept) or any(isinstance(a, ChunkLag | SameDocument) for a in kept)


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


def _below_zero(term: Term) -> bool:
    """Whether only queries before position 0 have pairs."""
    return any(isinstance(a, QueryRange) and (number(a.hi) or 0) < 0 for a in term.atoms if not a.document)
