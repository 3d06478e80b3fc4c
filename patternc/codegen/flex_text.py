"""Expressions as the text of a FlexAttention file: tests in steps, constants by head, groups of heads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from patternc.codegen.printer import ATOM, Printer
from patternc.ir.expr import Arith, Bool, Compare, Expr, Int, Logic
from patternc.ir.plan import PerHead
from patternc.lowering.emptiness import Holds

Style: TypeAlias = Literal["tensor", "number"]
"""What the head is: a tensor in a mask_mod, a number where blocks are listed."""


LONG = 90
"""Longer expressions stand in parentheses, within which the layout may break lines."""


class Constants:
    """Names for the constants that differ from head to head within one group of heads."""

    def __init__(self, group: tuple[int, ...] | None, heads: int | None, style: Style, prefix: str = "") -> None:
        self.group = group or tuple(range(heads or 1))
        self.style: Style = style
        self.prefix = prefix
        self.names: dict[PerHead, str] = {}

    def __call__(self, expr: PerHead) -> str:
        closed = _affine(expr, self.group)
        if closed is not None:
            return closed if closed.isalnum() else f"({closed})"
        return self.names.setdefault(expr, f"{self.prefix}by_head_{len(self.names)}")

    def lines(self) -> list[str]:
        """Their definitions."""
        return [f"{name} = {self._text(expr)}" for expr, name in self.names.items()]

    def _text(self, expr: PerHead) -> str:
        if self.style == "number":
            return f"{expr.values}[h]"
        runs: list[tuple[int, int]] = []
        for h in self.group:
            if not runs or runs[-1][1] != expr.values[h]:
                runs.append((h, expr.values[h]))
        text = str(runs[-1][1])
        for (_, value), (end, _) in zip(reversed(runs[:-1]), reversed(runs[1:]), strict=True):
            text = f"torch.where(h < {end}, {value}, {text})"
        return text


def _affine(expr: PerHead, group: tuple[int, ...]) -> str | None:
    """The constants as ``a + b * h``, where those of the group are."""
    first, *rest = group
    start = expr.values[first]
    if not rest:
        return str(start)
    step, remainder = divmod(expr.values[rest[0]] - start, rest[0] - first)
    base = start - step * first
    if remainder or any(expr.values[h] != base + step * h for h in group):
        return None
    if step == 0:
        return str(base)
    scaled = "h" if step == 1 else f"{step} * h"
    return scaled if base == 0 else f"{base} + {scaled}"


class FlexPrinter(Printer):
    """Prints tests on tensors; whether a range holds a member of a residue class is a helper of the emitted file."""

    def __init__(self, names: Mapping[str, str], constants: Constants) -> None:
        super().__init__("torch", names, constants)

    def _print(self, expr: Expr) -> tuple[str, int]:
        match expr:
            case Holds(first, last, period, phase, width):
                return f"_holds({', '.join(self(e) for e in (first, last, period, phase, width))})", ATOM
            case Compare("<", Arith("%") as left, Int(1)):
                return super()._print(Compare("==", left, Int(0)))
            case Compare("<", Arith("%"), _):
                return super()._print(expr)
            case Compare(">", left, Int(bound)):
                return super()._print(Compare(">=", left, Int(bound + 1)))
            case Compare("<", left, Int(bound)):
                return super()._print(Compare("<=", left, Int(bound - 1)))
            case _:
                return super()._print(expr)


def steps(name: str, test: Expr, op: str, printer: Printer, otherwise: str = "q0 + k0") -> list[str]:
    """A test in steps, one part of its `or` or `and` a line.  ``otherwise`` is a tensor to make constants from."""
    if isinstance(test, Bool):
        return [f"{name} = {otherwise} {'>=' if test.value else '<'} 0"]
    parts = test.args if isinstance(test, Logic) and test.op == op else (test,)
    sign = "|" if op == "or" else "&"
    first = printer(parts[0])
    return [
        f"{name} = {first}" if len(first) < LONG else f"{name} = ({first})",
        *(f"{name} = {name} {sign} ({printer(p)})" for p in parts[1:]),
    ]


def group_test(group: tuple[int, ...], style: Style) -> str:
    """Whether a head is of a group."""
    runs: list[tuple[int, int]] = []
    for h in group:
        if runs and runs[-1][1] == h:
            runs[-1] = (runs[-1][0], h + 1)
        else:
            runs.append((h, h + 1))
    if style == "number":
        texts = [f"h == {lo}" if hi == lo + 1 else f"{lo} <= h < {hi}" for lo, hi in runs]
        return " or ".join(texts)
    texts = [f"h == {lo}" if hi == lo + 1 else f"(h >= {lo}) & (h < {hi})" for lo, hi in runs]
    return texts[0] if len(texts) == 1 else " | ".join(f"({t})" for t in texts)
