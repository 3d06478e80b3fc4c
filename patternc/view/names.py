"""What to call the branches of a pattern: the words of its author, where they can be found, else its terms."""

from __future__ import annotations

import re
from dataclasses import dataclass

from patternc.ir.instantiate import Instance
from patternc.ir.program import HeadRange
from patternc.ir.relation import Relation
from patternc.lowering.emptiness import sequence_terms
from patternc.lowering.heads import heads_text
from patternc.lowering.terms import TooManyTermsError
from patternc.lowering.words import term_words
from patternc.source import Source

_COMMENT = re.compile(r"#[^\n]*")
_NEXT_ENTRY = re.compile(r"\s*(else\s*:|[^\n:#]*\.\.)")


def written_branches(source: Source, part: HeadRange) -> tuple[str, ...]:
    """The branches of a range of heads as they stand in the file; empty strings where that is not clear."""
    body = _plain(source.extract(part.span)) if part.lo is None and part.hi is None else ""
    if not body or body == "else":
        # The place of an entry of `heads` is its range; what it attends to stands behind the colon.
        body = _entry(source.text[part.span.end :])
    pieces = _arguments(body[5:-1]) if body.startswith("gate(") and body.endswith(")") else [body]
    return tuple(pieces) if len(pieces) == len(part.branches) and all(pieces) else ("",) * len(part.branches)


def _plain(text: str) -> str:
    """One line without comments."""
    return " ".join(_COMMENT.sub(" ", text).split())


def _entry(text: str) -> str:
    """What an entry of `heads` attends to: from its colon to the next entry or the closing brace."""
    colon, depth = text.find(":"), 0
    for end in range(colon + 1, len(text)):
        char = text[end]
        depth += (char == "(") - (char == ")")
        if depth == 0 and (char in ",;}" or (char == "\n" and _NEXT_ENTRY.match(text, end))):
            found = _plain(text[colon + 1 : end])
            return "" if ":" in found else found
    return ""


def _arguments(text: str) -> list[str]:
    """The parts between commas that stand in no inner bracket."""
    parts, depth = [""], 0
    for char in text:
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return [p.strip() for p in parts if p.strip()]


def relation_words(relation: Relation) -> str:
    """A relation by its terms."""
    try:
        return ", or ".join(term_words(t) for t in sequence_terms(relation)) or "no pair"
    except TooManyTermsError:
        return "a union of many terms"


def heads_label(heads: tuple[int, ...]) -> str:
    """``head 3``, ``heads 0..4``."""
    first, *others = heads
    return f"heads {heads_text(heads)}" if others else f"head {first}"


@dataclass(frozen=True)
class Softmax:
    """One distinct relation of a pattern: its branch, the heads that have it, and what its author calls it."""

    branch: int
    heads: tuple[int, ...]
    relation: Relation
    name: str

    @property
    def words(self) -> str:
        """Its pairs, by their terms."""
        return relation_words(self.relation)


def softmaxes(source: Source, instance: Instance, heads: int) -> list[Softmax]:
    """The distinct softmaxes of a pattern with ``heads`` query heads, branch by branch; missing branches left out.

    Raises `InstantiationError` for a head count that the pattern does not take.
    """
    rows, owners = instance.heads(heads), instance.owners(heads)
    names = {id(part): written_branches(source, part) for part in owners}
    found: dict[tuple[int, Relation], tuple[list[int], str]] = {}
    for h, (head, part) in enumerate(zip(rows, owners, strict=True)):
        for b in range(len(part.branches)):
            found.setdefault((b, head.branches[b]), ([], names[id(part)][b]))[0].append(h)
    ordered = sorted(found.items(), key=lambda item: (item[0][0], item[1][0][0]))
    return [Softmax(b, tuple(members), relation, name) for (b, relation), (members, name) in ordered]
