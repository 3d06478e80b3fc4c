"""Integer and boolean expressions: the one form in which positions and parameters are computed with.

An expression is an immutable tree.  Integers follow Python: ``//`` rounds down and ``%`` takes the sign of its
divisor.  Constructors fold constants, so an expression without free symbols is a literal.  The symbols that carry a
meaning of their own are listed in `POSITIONS` and `HEAD_SYMBOLS`; every other symbol is a parameter (in a claim: or a
free variable, `L` and `n`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

LIMIT = 2**62
"""Values lie strictly between -LIMIT and LIMIT (LANGUAGE.md, section 2)."""

POSITIONS = frozenset({".q", ".k", ".d", ".n"})
"""Query, key, lag and length.  The dot keeps them apart from parameters of the same name; `show` leaves it out."""
DOCUMENT_POSITIONS = frozenset({".qd", ".kd", ".nd"})
"""Query, key and length counted within the document; the lag is the same in both frames."""
HEAD_SYMBOLS = frozenset({"h", "heads"})


class ExprError(ValueError):
    """An expression has no value: division by zero, a negative exponent, a value out of bounds."""


@dataclass(frozen=True)
class Expr:
    """Base of all expressions."""

    @cached_property
    def symbols(self) -> frozenset[str]:
        """The names of the free symbols."""
        return frozenset().union(*(child.symbols for child in self.children()))

    def children(self) -> tuple[Expr, ...]:
        """The operands, in order."""
        return ()


@dataclass(frozen=True)
class Int(Expr):
    """A number."""

    value: int


@dataclass(frozen=True)
class Bool(Expr):
    """A truth value."""

    value: bool


@dataclass(frozen=True)
class Sym(Expr):
    """A parameter, or with a leading point a position or another number of a pair."""

    name: str

    @cached_property
    def symbols(self) -> frozenset[str]:
        return frozenset({self.name})


@dataclass(frozen=True)
class Arith(Expr):
    """``op`` is one of ``+ - * // % ** neg min max abs ceil_log2``."""

    op: str
    args: tuple[Expr, ...]

    def children(self) -> tuple[Expr, ...]:
        return self.args


@dataclass(frozen=True)
class Compare(Expr):
    """``op`` is one of ``== != < <= > >=``."""

    op: str
    left: Expr
    right: Expr

    def children(self) -> tuple[Expr, ...]:
        return (self.left, self.right)


@dataclass(frozen=True)
class Logic(Expr):
    """``op`` is one of ``and or not``."""

    op: str
    args: tuple[Expr, ...]

    def children(self) -> tuple[Expr, ...]:
        return self.args


TRUE, FALSE = Bool(True), Bool(False)
ZERO, ONE = Int(0), Int(1)
NEGATED = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
MIRRORED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
"""What an operator becomes where its sides are exchanged."""
COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def bounded(value: int) -> int:
    """``value``, if it lies within the language's bounds; else `ExprError`."""
    if not -LIMIT < value < LIMIT:
        raise ExprError("value out of bounds: it must lie between -2^62 and 2^62")
    return value


def power(base: int, exponent: int) -> int:
    """``base ** exponent`` without ever building a number out of bounds."""
    if exponent < 0:
        raise ExprError(f"negative exponent {exponent}")
    if abs(base) > 1 and exponent > 62:
        raise ExprError("value out of bounds: it must lie between -2^62 and 2^62")
    return bounded(base ** min(exponent, 64 + exponent % 2) if abs(base) <= 1 else base**exponent)


def ceil_log2(value: int) -> int:
    """The least ``e >= 0`` with ``2**e >= value``."""
    if value < 1:
        raise ExprError(f"ceil_log2 of {value}: it takes numbers from 1 up")
    return (value - 1).bit_length()


def _divide(a: int, b: int) -> int:
    if b == 0:
        raise ExprError("division by zero")
    return a // b


def _modulo(a: int, b: int) -> int:
    if b == 0:
        raise ExprError("modulo by zero")
    return a % b


ARITHMETIC: dict[str, Callable[..., Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "//": _divide,
    "%": _modulo,
    "**": power,
    "neg": lambda a: -a,
    "min": min,
    "max": max,
    "abs": abs,
    "ceil_log2": ceil_log2,
}


def arith(op: str, *args: Expr) -> Expr:
    """An arithmetic expression, folded where its arguments are literals and by the neutral elements."""
    if all(isinstance(a, Int) for a in args):
        return Int(bounded(ARITHMETIC[op](*(a.value for a in args))))  # type: ignore[attr-defined]
    if op == "+":
        if args[0] == ZERO:
            return args[1]
        if args[1] == ZERO:
            return args[0]
        if isinstance(args[1], Int) and args[1].value < 0:
            return Arith("-", (args[0], Int(-args[1].value)))
    elif op == "-":
        if isinstance(args[1], Int) and args[1].value < 0:
            return Arith("+", (args[0], Int(-args[1].value)))
        if args[1] == ZERO:
            return args[0]
        if args[0] == args[1]:
            return ZERO
    elif op == "*":
        if ZERO in args:
            return ZERO
        if args[0] == ONE:
            return args[1]
        if args[1] == ONE:
            return args[0]
    elif op in ("//", "%") and isinstance(args[1], Int) and args[1].value < 0:
        # Kernels round down for positive divisors only.
        flipped = arith(op, neg(args[0]), Int(-args[1].value))
        return flipped if op == "//" else neg(flipped)
    elif op == "//" and args[1] == ONE:
        return args[0]
    elif op == "%" and args[1] == ONE:
        return ZERO
    elif op in ("min", "max"):
        distinct = tuple(dict.fromkeys(args))
        return distinct[0] if len(distinct) == 1 else Arith(op, distinct)
    return Arith(op, args)


def add(a: Expr, b: Expr) -> Expr:
    """``a + b``, folded."""
    return arith("+", a, b)


def sub(a: Expr, b: Expr) -> Expr:
    """``a - b``, folded."""
    return arith("-", a, b)


def mul(a: Expr, b: Expr) -> Expr:
    """``a * b``, folded."""
    return arith("*", a, b)


def neg(a: Expr) -> Expr:
    """``-a``, folded."""
    return sub(ZERO, a) if isinstance(a, Int) else arith("neg", a)


def minimum(*args: Expr) -> Expr:
    """The least of one or more."""
    return reduce(lambda a, b: arith("min", a, b), args)


def maximum(*args: Expr) -> Expr:
    """The greatest of one or more."""
    return reduce(lambda a, b: arith("max", a, b), args)


def compare(op: str, left: Expr, right: Expr) -> Expr:
    """``left op right``, folded; ``op`` is one of `COMPARISONS`."""
    if isinstance(left, Int) and isinstance(right, Int):
        return Bool(COMPARISONS[op](left.value, right.value))
    if left == right:
        return Bool(op in ("==", "<=", ">="))
    return Compare(op, left, right)


def conjunction(args: Iterable[Expr]) -> Expr:
    """Whether all hold, folded; true where there are none."""
    return _logic("and", args, TRUE, FALSE)


def disjunction(args: Iterable[Expr]) -> Expr:
    """Whether one holds, folded; false where there are none."""
    return _logic("or", args, FALSE, TRUE)


def _logic(op: str, args: Iterable[Expr], neutral: Bool, absorbing: Bool) -> Expr:
    flat: dict[Expr, None] = {}
    for arg in args:
        for part in arg.args if isinstance(arg, Logic) and arg.op == op else (arg,):
            if part == absorbing:
                return absorbing
            if part != neutral:
                flat[part] = None
    if not flat:
        return neutral
    return next(iter(flat)) if len(flat) == 1 else Logic(op, tuple(flat))


def negation(arg: Expr) -> Expr:
    """``not arg``, pushed into comparisons, `and` and `or`."""
    if isinstance(arg, Bool):
        return Bool(not arg.value)
    if isinstance(arg, Compare):
        return Compare(NEGATED[arg.op], arg.left, arg.right)
    if isinstance(arg, Logic):
        if arg.op == "not":
            return arg.args[0]
        inner = (negation(a) for a in arg.args)
        return disjunction(inner) if arg.op == "and" else conjunction(inner)
    return Logic("not", (arg,))


def rebuild(expr: Expr, children: tuple[Expr, ...]) -> Expr:
    """``expr`` with other children, folded again."""
    if isinstance(expr, Arith):
        return arith(expr.op, *children)
    if isinstance(expr, Compare):
        return compare(expr.op, *children)
    if isinstance(expr, Logic):
        if expr.op == "not":
            return negation(children[0])
        return conjunction(children) if expr.op == "and" else disjunction(children)
    return expr


def substitute(expr: Expr, values: Mapping[str, Expr | int]) -> Expr:
    """``expr`` with symbols replaced.  Raises `ExprError` where a fold has no value."""
    if isinstance(expr, Sym):
        value = values.get(expr.name, expr)
        return Int(bounded(value)) if isinstance(value, int) else value
    if not expr.symbols & values.keys():
        return expr
    return rebuild(expr, tuple(substitute(child, values) for child in expr.children()))


def evaluate(expr: Expr, values: Mapping[str, int]) -> int | bool:
    """The value of ``expr``; `ExprError` where it has none, `KeyError` where a symbol has no value.

    `and` and `or` stop early, as in Python, so that ``p > 0 and n % p == 0`` is safe.
    """
    match expr:
        case Int(value) | Bool(value):
            return value
        case Sym(name):
            return values[name]
        case Arith(op, args):
            return bounded(ARITHMETIC[op](*(evaluate(a, values) for a in args)))
        case Compare(op, left, right):
            return COMPARISONS[op](evaluate(left, values), evaluate(right, values))
        case Logic("and", args):
            return all(evaluate(a, values) for a in args)
        case Logic("or", args):
            return any(evaluate(a, values) for a in args)
        case Logic(_, args):
            return not evaluate(args[0], values)
        case _:
            raise TypeError(f"not an expression: {expr!r}")


_PRECEDENCE = {"or": 1, "and": 2, "not": 3, "compare": 4, "+": 5, "-": 5, "*": 6, "//": 6, "%": 6, "neg": 7, "**": 8}


def show(expr: Expr) -> str:
    """The expression in the language's own spelling, with the fewest parentheses."""
    return _show(expr)[0]


def _show(expr: Expr) -> tuple[str, int]:
    match expr:
        case Int(value):
            return str(value), 9 if value >= 0 else 7
        case Bool(value):
            return str(value).lower(), 9
        case Sym(name):
            return name.removeprefix("."), 9
        case Compare(op, left, right):
            return f"{_wrap(left, 5)} {op} {_wrap(right, 5)}", 4
        case Logic("not", args):
            return f"not {_wrap(args[0], 3)}", 3
        case Logic(op, args):
            level = _PRECEDENCE[op]
            return f" {op} ".join(_wrap(a, level + 1) for a in args), level
        case Arith("neg", args):
            return f"-{_wrap(args[0], 7)}", 7
        case Arith("**", args):
            return f"{_wrap(args[0], 9)} ** {_wrap(args[1], 7)}", 8
        case Arith(op, args) if op in _PRECEDENCE:
            level = _PRECEDENCE[op]
            return f"{_wrap(args[0], level)} {op} {_wrap(args[1], level + 1)}", level
        case Arith(op, args):
            return f"{op}({', '.join(show(a) for a in args)})", 9
        case _:
            raise TypeError(f"not an expression: {expr!r}")


def _wrap(expr: Expr, level: int) -> str:
    text, own = _show(expr)
    return text if own >= level else f"({text})"
