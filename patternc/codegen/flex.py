"""A pattern as FlexAttention's `mask_mod` and `BlockMask`, for `compile --emit flex`.

The blocks come from closed forms, so that no n x n mask is ever made; where a branch has none, and under documents,
the emitted file falls back to `create_block_mask` and says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from patternc import __version__
from patternc.codegen.env import environment
from patternc.codegen.flex_text import Constants, FlexPrinter, group_test, steps
from patternc.codegen.layout import tidy
from patternc.ir.expr import Arith, Expr, Int, disjunction
from patternc.ir.instantiate import Instance
from patternc.ir.relation import Relation, member
from patternc.lowering.closed_forms import full
from patternc.lowering.emptiness import every_pair, sequence_terms, some_pair
from patternc.lowering.heads import merged
from patternc.lowering.terms import TooManyTermsError
from patternc.lowering.words import term_words

BLOCK = 128
PAIR = {".q": "q_idx", ".k": "kv_idx", ".n": "n", "lag": "lag"}
IN_DOCUMENTS = {
    ".same_document": "(start[q_idx] == start[kv_idx])",
    ".qd": "(q_idx - start[q_idx])",
    ".kd": "(kv_idx - start[kv_idx])",
    ".nd": "(end[kv_idx] - start[kv_idx])",
}
TILE = {".first_q": "q0", ".last_q": "q1", ".first_k": "k0", ".last_k": "k1", ".n": "n"}
LONG = 2**31
"""Positions are 32-bit integers in FlexAttention; numbers from here on need 64."""


@dataclass(frozen=True)
class BranchView:
    """What the template sees of one branch."""

    mask_mod: str
    factory: str | None
    made_mod: str
    block_mask: str
    tiles: str | None
    of: str
    doc: str
    how: str
    heads: str | None
    mask_lines: tuple[str, ...]
    tile_lines: tuple[str, ...]


def flex_text(instance: Instance, heads: int | None = None) -> str:
    """A standalone Python file: a `mask_mod` and a `block_mask(n)` for each branch, on torch alone.

    ``heads`` query heads, where the heads differ.  Raises `InstantiationError` where the pattern does not take so many.
    """
    if instance.depends_on_head:
        heads = instance.default_heads() if heads is None else heads
        rows = [head.branches for head in instance.heads(heads)]
    else:
        heads, rows = None, [instance.heads(1)[0].branches]
    columns = [[row[b] for row in rows] for b in range(instance.branches)]
    by_length = any(_speaks_of_length(c) for c in columns)
    branches = [_branch(instance, heads, column, b) for b, column in enumerate(columns)]
    documents = instance.needs_documents
    lines = " ".join(line for b in branches for line in (*b.mask_lines, *b.tile_lines))
    text = (
        environment()
        .get_template("flex/file.py.j2")
        .render(
            name=instance.name,
            version=__version__,
            parameters=", ".join(f"{name} = {value}" for name, value in instance.values.items()),
            notes=_notes(instance, by_length),
            example="cu_seqlens" if documents else "n",
            imports="BlockMask, create_block_mask" if any(b.tiles is None for b in branches) else "BlockMask",
            heads=heads,
            block=BLOCK,
            branches=branches,
            gated=instance.gated,
            documents=documents,
            uses_n=by_length,
            closure="cu_seqlens: torch.Tensor" if documents else "n: int",
            block_arguments="cu_seqlens: torch.Tensor" if documents else 'n: int, device: Any = "cuda"',
            any_tiles=any(b.tiles for b in branches),
            uses_holds="_holds(" in lines,
            uses_minimum="_minimum(" in lines or "_maximum(" in lines,
        )
    )
    return tidy(text)


def _speaks_of_length(column: Sequence[Relation]) -> bool:
    return any(".n" in member(relation).symbols for relation in column)


def _notes(instance: Instance, by_length: bool) -> list[str]:
    """What a reader must know before the code."""
    notes = ["Queries and keys are the same n tokens."]
    if instance.gated:
        notes += [
            "",
            f"The pattern is a gate: {instance.branches} softmaxes, fused by weights.  FlexAttention has one softmax a",
            "call, so there is one mask for each branch, and the outputs are added up with the gate's weights.",
        ]
    if instance.needs_documents:
        notes += [
            "",
            "The pattern speaks of documents, which a mask_mod knows by a tensor that it closes over: cu_seqlens,",
            "0 ... n.",
        ]
    elif by_length:
        notes += ["", "The pattern speaks of the length n, which a mask_mod is not given: it closes over it."]
    return notes


def _branch(instance: Instance, heads: int | None, rows: list[Relation], branch: int) -> BranchView:
    suffix = f"_{branch}" if instance.gated else ""
    documents = instance.needs_documents
    tiles = None if documents else _tile_lines(rows, heads)
    factory = f"mask_mod{suffix}_for" if documents or _speaks_of_length(rows) else None
    if tiles is not None:
        how = "its blocks from closed forms."
    elif documents:
        how = "documents come at run time, so all pairs are evaluated."
    else:
        how = "a condition has no closed form, so all pairs are evaluated."
    return BranchView(
        mask_mod=f"mask_mod{suffix}",
        factory=factory,
        made_mod=f"{factory}({'cu_seqlens' if documents else 'n'})" if factory else f"mask_mod{suffix}",
        block_mask=f"block_mask{suffix}",
        tiles=None if tiles is None else f"_tiles{suffix}",
        of=f" of branch {branch}" if instance.gated else "",
        doc=_doc(f" of branch {branch}" if instance.gated else "", rows),
        how=how,
        heads="HEADS" if heads is not None else None,
        mask_lines=_mask_lines(rows, heads),
        tile_lines=tiles or (),
    )


def _doc(of: str, rows: list[Relation]) -> str:
    """The docstring of a mask_mod: in one line where it is short."""
    words = _words(rows[0]) + (" (head 0; other heads differ)" if len(set(rows)) > 1 else "")
    short = f"Whether a query may attend a key{of}: {words}."
    return short if len(short) <= 100 else f"Whether a query may attend a key{of}.\n\n    {words}.\n    "


def _words(relation: Relation) -> str:
    try:
        return "; or ".join(term_words(t) for t in sequence_terms(relation)) or "no pair"
    except TooManyTermsError:
        return "a union of many terms"


def _condition(relation: Relation) -> Expr:
    """Membership, with numbers of the size of a sequence where the relation has few terms."""
    try:
        return disjunction(t.member for t in sequence_terms(relation))
    except TooManyTermsError:
        return member(relation)


def _mask_lines(rows: list[Relation], heads: int | None) -> tuple[str, ...]:
    """The body of a mask_mod.  The head is a tensor there, so constants and groups of heads are chosen by tensors."""
    groups = merged([_condition(r) for r in rows], heads)
    lines = ["q_idx, kv_idx = q_idx.to(torch.int64), kv_idx.to(torch.int64)"] * any(_is_wide(t) for _, t in groups)
    body: list[str] = []
    for index, (group, test) in enumerate(groups):
        constants = Constants(group, heads, "tensor", prefix="" if len(groups) == 1 else f"group_{index}_")
        printer = FlexPrinter(PAIR | IN_DOCUMENTS, constants)
        name = "live" if index == 0 else "other"
        found = steps(name, test, "or", printer, otherwise="kv_idx")
        if "lag" in printer.used and "lag = q_idx - kv_idx" not in lines:
            lines.append("lag = q_idx - kv_idx")
        body += constants.lines()
        body += found
        if group is not None:
            body.append(f"{name} = ({group_test(group, 'tensor')}) & {name}")
        if index:
            body.append("live = live | other")
    last = body[-1].removeprefix("live = ") if len(body) == 1 else "live"
    return (*lines, *(body if len(body) > 1 else ()), f"return {last}")


def _is_wide(expr: Expr) -> bool:
    """Whether numbers of 32 bits may be too small: a large constant, or a product."""
    if isinstance(expr, Int):
        return abs(expr.value) >= LONG
    return (isinstance(expr, Arith) and expr.op == "*") or any(map(_is_wide, expr.children()))


def _tile_lines(rows: list[Relation], heads: int | None) -> tuple[str, ...] | None:
    """The body of a function of blocks: whether a pair is live, and whether all are; None without closed forms."""
    found: dict[Relation, tuple[Expr, Expr]] = {}
    for relation in dict.fromkeys(rows):
        some = some_pair(relation, BLOCK)
        if some is None:
            return None
        found[relation] = some, _every(relation)
    lines: list[str] = []
    groups = merged([found[r] for r in rows], heads)
    for index, (group, (some, every)) in enumerate(groups):
        pad = ""
        if group is not None and index < len(groups) - 1:
            lines.append(f"if {group_test(group, 'number')}:")
            pad = "    "
        constants = Constants(group, heads, "number")
        printer = FlexPrinter(TILE, constants)
        tests = [*steps("some", some, "or", printer), *steps("every", every, "and", printer), "return some, every"]
        lines += [pad + line for line in (*constants.lines(), *tests)]
    return tuple(lines)


def _every(relation: Relation) -> Expr:
    """Whether a block holds live pairs only; where its complement has no closed form, whether one term fills it."""
    exact = every_pair(relation, BLOCK)
    return exact if exact is not None else disjunction(full(t.parts()) for t in sequence_terms(relation))
