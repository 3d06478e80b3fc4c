"""The schedules: an explicit registry, one file and one line here for each."""

from patternc.lowering.schedules.band import BAND
from patternc.lowering.schedules.base import Schedule, Scheduled
from patternc.lowering.schedules.blocks import BLOCKS
from patternc.lowering.schedules.columns import COLUMNS
from patternc.lowering.schedules.residue import RESIDUE
from patternc.lowering.terms import Term

SCHEDULES: tuple[Schedule, ...] = (
    BAND,
    COLUMNS,
    RESIDUE,
)
"""A term gets the last one that fits it, and `BLOCKS` where none does.  Where terms overlap, those of earlier ones stay
whole.
"""

BY_KIND = {one.kind: one for one in (*reversed(SCHEDULES), BLOCKS)}
"""In the order of their launches: later ones go on from what earlier ones left, and a band, which computes most for
what it loads, has the time to load that, too.
"""


def launch_order(kind: str) -> int:
    """Where the kernels of a schedule stand in the order of launches."""
    return list(BY_KIND).index(kind)


def schedule_of(term: Term) -> Schedule:
    """The schedule of a term."""
    return next((one for one in reversed(SCHEDULES) if one.fits(term)), BLOCKS)


__all__ = ["BLOCKS", "BY_KIND", "SCHEDULES", "Schedule", "Scheduled", "launch_order", "schedule_of"]
