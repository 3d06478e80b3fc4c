"""Random relations of every primitive, and how a pattern is made from text."""

from __future__ import annotations

import random

from patternc import driver
from patternc.ir.instantiate import Instance, instantiate
from patternc.ir.program import Program
from patternc.ir.relation import Relation
from patternc.source import Source


def loaded(text: str, **values: int) -> tuple[Source, Program, Instance]:
    """The first pattern of a text."""
    source = Source("<test>", text)
    program = driver.load_program(source)
    return source, program, instantiate(program.patterns[0], values)


def relation_of(text: str) -> Relation:
    """The relation that a text describes."""
    return loaded(f"pattern a {{ attend {text} }}")[2].heads(1)[0].branches[0]


def random_relation(rng: random.Random, depth: int = 0) -> str:
    """The text of a relation without `where` and documents, its numbers small."""
    if depth <= 2 and rng.random() > 0.35:
        op = rng.choice("|&&-")
        return f"({random_relation(rng, depth + 1)} {op} {random_relation(rng, depth + 1)})"
    r = rng.randint
    return rng.choice(
        (
            f"window({r(0, 12)})",
            f"window({r(0, 9)}, {r(0, 9)})",
            f"stride({r(1, 13)})",
            f"stride({r(1, 13)}, {r(0, 4)}, {r(0, 9)})",
            f"ring({r(0, 6)}, {r(0, 4)})",
            f"chunk({r(1, 14)}, {r(0, 3)})",
            f"columns({r(1, 9)}, {r(0, 9)}, {r(1, 5)})",
            f"mirror(columns({r(1, 9)}, {r(0, 9)}, {r(1, 5)}))",
            f"sink({r(0, 9)})",
            f"global({r(0, 9)})",
            "causal",
            "full",
        )
    )
