"""The primitives of the language: an explicit registry, one file and one line here for each."""

from patternc.primitives.causal import CAUSAL
from patternc.primitives.chunk import CHUNK
from patternc.primitives.columns import COLUMNS
from patternc.primitives.full import FULL
from patternc.primitives.global_tokens import GLOBAL
from patternc.primitives.mirror import MIRROR
from patternc.primitives.none import NONE
from patternc.primitives.per_document import PER_DOCUMENT
from patternc.primitives.primitive import Given, Kind, Parameter, Primitive
from patternc.primitives.ring import RING
from patternc.primitives.same_document import SAME_DOCUMENT
from patternc.primitives.sink import SINK
from patternc.primitives.stride import STRIDE
from patternc.primitives.where import WHERE
from patternc.primitives.window import WINDOW

PRIMITIVES: dict[str, Primitive] = {
    primitive.name: primitive
    for primitive in (
        WINDOW,
        RING,
        STRIDE,
        CHUNK,
        COLUMNS,
        SINK,
        GLOBAL,
        CAUSAL,
        FULL,
        NONE,
        SAME_DOCUMENT,
        PER_DOCUMENT,
        WHERE,
        MIRROR,
    )
}

__all__ = ["PRIMITIVES", "Given", "Kind", "Parameter", "Primitive"]
