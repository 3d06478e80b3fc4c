"""Formulas of linear integer arithmetic, decided completely by isl."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from patternc.ir.expr import Arith, Bool, Compare, Expr, Int, Logic, Sym, conjunction, negation

MAX_OPERATIONS = 5_000_000
"""isl gives up after so many steps: a formula may take time exponential in its size, and worse."""
MAX_TEXT = 50_000


class NonLinearError(ValueError):
    """The formula is outside linear integer arithmetic."""


def decide(assumptions: Sequence[Expr], goal: Expr, order: Sequence[str]) -> bool | dict[str, int] | None:
    """True where the goal follows, else the first counterexample in the lexicographic order of the symbols.

    None where the formula is not linear, or too large for isl.
    """
    try:
        found = solutions(conjunction((*assumptions, negation(goal))), order)
    except NonLinearError:
        return None
    return True if found is None else found


def solutions(condition: Expr, order: Sequence[str]) -> dict[str, int] | None:
    """The first assignment of the symbols ``order`` that satisfies the condition; None where there is none.

    Raises `NonLinearError` where isl cannot say.
    """
    import islpy

    names = {name: f"x{i}" for i, name in enumerate(order)}
    context = islpy.Context()
    context.set_max_operations(MAX_OPERATIONS)
    text = f"{{ [{', '.join(names.values())}] : {formula(condition, names)} }}"
    if len(text) > MAX_TEXT:
        raise NonLinearError("too large a formula")
    try:
        solution = islpy.Set(text, context)
        if solution.is_empty():
            return None
        point = _first(solution)
        return {name: _coordinate(point, i) for i, name in enumerate(order)}
    except islpy.Error as error:
        raise NonLinearError(f"isl gave up: {error}") from error


def _first(solution: Any) -> Any:
    import islpy

    try:
        return solution.lexmin().sample_point()
    except islpy.Error:
        # There need not be a first one: a symbol may be unbounded below.
        return solution.sample_point()


def _coordinate(point: Any, index: int) -> int:
    import islpy

    return int(point.get_coordinate_val(islpy.dim_type.set, index).to_python())


def formula(condition: Expr, names: Mapping[str, str]) -> str:
    """``condition`` in isl's spelling.  Raises `NonLinearError`."""
    match condition:
        case Bool(value):
            return "1 = 1" if value else "1 = 0"
        case Compare(op, left, right):
            spelt = {"==": "=", "!=": "!="}.get(op, op)
            return f"{affine(left, names)} {spelt} {affine(right, names)}"
        case Logic("not", (arg,)):
            return f"not ({formula(arg, names)})"
        case Logic(op, args):
            return f" {op} ".join(f"({formula(a, names)})" for a in args)
        case _:
            raise NonLinearError("a condition of no known kind")


def affine(expr: Expr, names: Mapping[str, str]) -> str:
    """``expr`` in isl's spelling.  Raises `NonLinearError`."""
    match expr:
        case Int(value):
            return f"({value})"
        case Sym(name) if name in names:
            return names[name]
        case Arith("+" | "-" as op, (a, b)):
            return f"({affine(a, names)} {op} {affine(b, names)})"
        case Arith("neg", (a,)):
            return f"(-{affine(a, names)})"
        case Arith("*", (Int(value), a) | (a, Int(value))):
            return f"({value} * {affine(a, names)})"
        case Arith("//", (a, Int(value))) if value > 0:
            return f"floor({affine(a, names)} / {value})"
        case Arith("%", (a, Int(value))) if value > 0:
            return f"({affine(a, names)} mod {value})"
        case Arith("min" | "max" as op, args):
            parts = [affine(a, names) for a in args]
            text = parts[0]
            for part in parts[1:]:
                text = f"{op}({text}, {part})"
            return text
        case Arith("abs", (a,)):
            inner = affine(a, names)
            return f"max({inner}, -{inner})"
        case _:
            raise NonLinearError("not linear")
