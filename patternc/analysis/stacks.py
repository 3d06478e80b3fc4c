"""Claims about a stack with the length open, as claims about the patterns of its layers."""

from __future__ import annotations

from collections.abc import Mapping

from patternc.analysis.question import Question
from patternc.ir.expr import Expr, Int, rebuild, substitute
from patternc.ir.instantiate import Instance, stack_layers
from patternc.ir.program import Chain, Claim, Covers, GapFree, Measure, Prove, Stack


def pattern_claims(question: Question) -> list[Prove] | None:
    """Claims that hold together exactly where the stack's does; None where there are none such.

    A stack of one pattern with the same numbers in every layer is that pattern.  An upper bound of the edges holds for
    a stack where it holds for each of its layers.
    """
    owner = question.owner
    if not isinstance(owner, Stack):
        return None
    values = question.values({})
    given = {name: values[name] for name in (p.name for p in owner.parameters)}
    layers = stack_layers(question.program, owner, given)
    distinct: dict[tuple[str, tuple[tuple[str, int], ...]], Instance] = {}
    for layer in layers:
        distinct[layer.name, tuple(layer.values.items())] = layer
    claim = _with_numbers(question.item.claim, given, len(layers))
    if claim is None or not (len(distinct) == 1 or _bounds_edges(claim)):
        return None
    condition = question.item.condition
    if condition is not None:
        condition = substitute(condition, given)
    heads = question.item.heads
    return [
        Prove(
            layer.name,
            tuple((name, Int(value)) for name, value in layer.values.items()),
            heads,
            condition,
            claim,
            question.item.text,
            question.item.span,
        )
        for layer in distinct.values()
    ]


def _with_numbers(claim: Claim, given: dict[str, int], count: int) -> Claim | None:
    """The claim with the stack's numbers; None where it speaks of the stack's end, which a pattern does not have."""
    match claim:
        case Covers(tokens, None):
            return Covers(substituted(tokens, given), Int(count))
        case Covers(tokens, Expr() as layers):
            return Covers(substituted(tokens, given), substituted(layers, given))
        case GapFree(layers):
            return GapFree(substituted(layers, given))
        case Chain(operands, ops):
            parts = tuple(substituted(o, given) for o in operands)
            if any(m.name == "depth" or "L" in m.symbols for o in parts for m in _measures(o)):
                return None
            return Chain(parts, ops)
        case _:
            return claim


def substituted(expr: Expr, given: Mapping[str, Expr | int]) -> Expr:
    """An operand of a claim with symbols replaced, within its terms too."""
    if isinstance(expr, Measure):
        return Measure(expr.name, substituted(expr.argument, given))
    children = expr.children()
    if not children:
        return substitute(expr, given)
    return rebuild(expr, tuple(substituted(c, given) for c in children))


def _measures(expr: Expr) -> list[Measure]:
    own = [expr] if isinstance(expr, Measure) else []
    return own + [m for child in expr.children() for m in _measures(child)]


def _bounds_edges(claim: Claim) -> bool:
    """Whether the claim is ``edges(...) <= E``, with no other term."""
    match claim:
        case Chain((left, right), (op,)):
            small, large = (left, right) if op in ("<", "<=") else (right, left)
            plain = isinstance(small, Measure) and small.name == "edges" and not _measures(large)
            return op not in ("==", "!=") and plain
        case _:
            return False
