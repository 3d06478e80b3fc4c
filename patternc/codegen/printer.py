"""Expressions as source text: for scalars in Python, for tensors in torch, for both in Triton."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from patternc.ir.expr import Arith, Bool, Compare, Expr, Int, Logic, Sym
from patternc.ir.plan import PerHead
from patternc.ir.relation import LAG, K, Q

FLOOR: dict[str, dict[str, str]] = {
    # Triton rounds towards zero where Python rounds down.
    "triton": {"//": "floor_div({}, {})", "%": "floor_mod({}, {})"},
    "python": {"//": "{} // {}", "%": "{} % {}"},
    "torch": {"//": "{} // {}", "%": "{} % {}"},
}
CALLS: dict[str, dict[str, str]] = {
    "triton": {"min": "tl.minimum", "max": "tl.maximum", "abs": "tl.abs"},
    "python": {"min": "min", "max": "max", "abs": "abs"},
    "torch": {"min": "_minimum", "max": "_maximum", "abs": "abs"},
}
LOGIC: dict[str, dict[str, str]] = {
    "triton": {"and": " & ", "or": " | ", "not": "~"},
    "python": {"and": " and ", "or": " or ", "not": "not "},
    "torch": {"and": " & ", "or": " | ", "not": "~"},
}
LEVEL = {"+": 5, "-": 5, "*": 6, "//": 6, "%": 6}
ATOM, CONDITION = 9, 4


class Printer:
    """Prints expressions in one ``style``; ``names`` spells the symbols, ``constant`` the per-head constants."""

    def __init__(self, style: str, names: Mapping[str, str], constant: Callable[[PerHead], str] | None = None):
        self.style = style
        self.names = names
        self.constant = constant
        self.used: set[str] = set()

    def __call__(self, expr: Expr) -> str:
        return self._print(expr)[0]

    def _print(self, expr: Expr) -> tuple[str, int]:
        if expr == LAG and "lag" in self.names:
            self.used |= {"lag", Q.name, K.name}
            return self.names["lag"], ATOM
        match expr:
            case Bool(value):
                return str(value), ATOM
            case Int(value):
                return str(value), ATOM if value >= 0 else 5
            case Sym(name):
                self.used.add(name)
                return self.names[name], ATOM
            case PerHead() if self.constant is not None:
                return self.constant(expr), ATOM
            case Compare(op, left, right):
                return f"{self._wrap(left, 5)} {op} {self._wrap(right, 5)}", CONDITION
            case Logic("not", args):
                return LOGIC[self.style]["not"] + self._wrap(args[0], ATOM), 8
            case Logic(op, args):
                inner = LOGIC[self.style][op].join(self._wrap(a, ATOM) for a in args)
                return inner, 1
            case Arith("neg", args):
                return f"-{self._wrap(args[0], ATOM)}", 5
            case Arith(("//" | "%") as op, args):
                form = FLOOR[self.style][op]
                if self.style == "triton":
                    return form.format(self(args[0]), self(args[1])), ATOM
                return form.format(self._wrap(args[0], 6), self._wrap(args[1], 7)), 6
            case Arith(("+" | "-" | "*") as op, args):
                if op == "-" and isinstance(args[1], Int) and args[1].value < 0:
                    return f"{self._wrap(args[0], 5)} + {-args[1].value}", 5
                if op == "+" and isinstance(args[1], Int) and args[1].value < 0:
                    return f"{self._wrap(args[0], 5)} - {-args[1].value}", 5
                level = LEVEL[op]
                return f"{self._wrap(args[0], level)} {op} {self._wrap(args[1], level + 1)}", level
            case Arith(("min" | "max" | "abs") as op, args):
                return f"{CALLS[self.style][op]}({', '.join(self(a) for a in args)})", ATOM
            case _:
                raise TypeError(f"no {self.style} text for {expr!r}")

    def _wrap(self, expr: Expr, level: int) -> str:
        text, own = self._print(expr)
        return text if own >= level else f"({text})"


def by_head(values: tuple[int, ...], style: str, h: str = "h") -> str:
    """A constant that differs from head to head as a closed form in ``h``: affine or periodic, else piecewise."""
    for period in range(1, len(values) + 1):
        step = values[1] - values[0] if period > 1 else 0
        if all(v == values[0] + i % period * step for i, v in enumerate(values)):
            if style == "triton" and any(not -(2**31) <= v < 2**31 for v in (*values, step)):
                h = f"(tl.full([], 0, tl.int64) + {h})"
            index = h if period == len(values) else f"{h} % {period}"
            return _affine(values[0], step, index)
    if style == "python":
        return f"{values}[{h}]"
    runs: list[tuple[int, int]] = []
    for i, value in enumerate(values):
        if not runs or runs[-1][1] != value:
            runs.append((i, value))
    text = str(runs[-1][1])
    for (_, value), (end, _) in zip(reversed(runs[:-1]), reversed(runs[1:]), strict=True):
        text = f"tl.where({h} < {end}, {value}, {text})"
    return text


def _affine(start: int, step: int, index: str) -> str:
    if step == 0:
        return str(start)
    scaled = index if step == 1 else f"{step} * ({index})" if "%" in index else f"{step} * {index}"
    return scaled if start == 0 else f"{start} + {scaled}"
