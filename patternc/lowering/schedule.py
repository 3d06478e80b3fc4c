"""Chooses a schedule for every term of a softmax."""

from __future__ import annotations

from collections.abc import Hashable

from patternc.ir.relation import Relation
from patternc.lowering.schedules import BLOCKS, SCHEDULES, Scheduled, launch_order, schedule_of
from patternc.lowering.terms import Term, TooManyTermsError, disjoint, masked, meet, strengthened, terms


def schedule(relation: Relation) -> tuple[Scheduled, ...]:
    """The parts of one softmax of one head, in launch order."""
    try:
        # Plain lag intervals come first, so that they stay whole when overlaps are taken out of the later ones.
        found = sorted(terms(relation), key=lambda t: (_place(t), len(t.atoms)))
        tiled = [t for t in found if schedule_of(t) is not BLOCKS]
        pieces = tuple(map(strengthened, disjoint(tiled)))
    except TooManyTermsError:
        found, tiled, pieces = [masked(relation)], [], ()
    whole = set(map(strengthened, tiled))
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
                cut = not whole.issuperset(group)
                result.append(Scheduled(one.kind, tuple(group), tuple(map(one.grant, group)), cut=cut))
    if left:
        # The terms as they were found say in fewer words what the pieces hold.
        others = [t for t in found if schedule_of(t) is not BLOCKS and any(meet(t, b) for b in left)]
        if not set(pieces).isdisjoint(left):
            others = [t for s in result for t in s.terms if any(meet(t, b) for b in left)]
        result.append(Scheduled(BLOCKS.kind, tuple(left), (None,) * len(left), tuple(others)))
    return tuple(sorted(result, key=lambda one: launch_order(one.kind)))


def _place(term: Term) -> int:
    """Where the schedule of a term stands among those that keep their terms whole."""
    return (*SCHEDULES, BLOCKS).index(schedule_of(term))
