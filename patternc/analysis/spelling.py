"""The statements of a certificate as a reader writes them."""

from __future__ import annotations

from typing import Any

_LEVELS = {"+": 1, "-": 1, "*": 2, "floor": 2}
_TERMS = ("+", "-", "*", "**", "floor", "max", "ceil_log2", "reach", "prefix", "coverage")
_OPERATORS = frozenset((*_TERMS, "<=", "<", ">=", ">", "==", "covers", "misses"))
_ATOM = 4
_NEGATIVE = 3


def statement_text(data: dict[str, Any]) -> str:
    """Pattern, layers, what the symbols satisfy, and the claim, in one line of ASCII.

    Raises `ValueError`, `TypeError`, `LookupError` where ``data`` is no statement.
    """
    parts = [f"{data['pattern']}", f"lags {_layers(data['layers'])}"]
    conditions = " and ".join(comparison(*c) for c in data["given"])
    if data["values"] is None:
        symbols = sorted(_symbols([data["layers"], *data["given"], data["claim"]]))
        spoken_of = f"for all {', '.join(symbols)} " if symbols else ""
        if symbols or conditions:
            parts.append(f"{spoken_of}{f'with {conditions}' if conditions else ''}".strip())
    elif data["values"]:
        chosen = ", ".join(f"{name} = {_number(value)}" for name, value in data["values"].items())
        parts.append(f"for {chosen}" + (f", with {conditions}" if conditions else ""))
    parts.append(comparison(*data["claim"]))
    text = ": ".join([parts[0], "; ".join(parts[1:-1]), parts[-1]])
    return text.encode("ascii", "backslashreplace").decode() if text.isprintable() else ascii(text)


def _number(value: Any) -> str:
    return "{} to {}".format(*value) if isinstance(value, list) else f"{value}"


def comparison(op: str, left: Any, right: Any) -> str:
    """A comparison of a certificate in words."""
    if op in ("covers", "misses"):
        return f"{'' if op == 'covers' else 'not '}covers({expression(left)}, layers = {expression(right)})"
    return f"{expression(left)} {op} {expression(right)}"


def expression(tree: Any) -> str:
    """An expression of a certificate in words."""
    return _spelt(tree)[0]


def _spelt(tree: Any) -> tuple[str, int]:
    """The text and how tightly it binds."""
    match tree:
        case int():
            return str(tree), _ATOM if tree >= 0 else _NEGATIVE
        case str():
            return tree, _ATOM
        case ["-", 0, ["max", ["-", 0, a], ["-", 0, b]]]:
            return f"min({expression(a)}, {expression(b)})", _ATOM
        case ["-", a, ["*", b, ["floor", other, divisor]]] if (a, b) == (other, divisor):
            return f"{_wrapped(a, 2)} % {_wrapped(b, 3)}", 2
        case ["-", 0, a]:
            return f"-{_wrapped(a, _NEGATIVE)}", _NEGATIVE
        case ["**", a, b]:
            return f"{_wrapped(a, _ATOM)} ** {_wrapped(b, _ATOM)}", _NEGATIVE
        case [op, a, b] if op in _LEVELS:
            level, sign = _LEVELS[op], "//" if op == "floor" else op
            return f"{_wrapped(a, level)} {sign} {_wrapped(b, level + 1)}", level
        case [str(name), *args]:
            return f"{name}({', '.join(expression(a) for a in args)})", _ATOM
        case _:
            raise ValueError("not an expression")


def _wrapped(tree: Any, level: int) -> str:
    text, own = _spelt(tree)
    return text if own >= level else f"({text})"


def _layers(layers: list[Any]) -> str:
    """Layers that follow each other with the same lags are written once."""
    if len(layers) == 1:
        return _layer(layers[0])
    runs: list[tuple[int, int, Any]] = []
    for i, layer in enumerate(layers, 1):
        if runs and runs[-1][2] == layer:
            runs[-1] = (runs[-1][0], i, layer)
        else:
            runs.append((i, i, layer))
    spans = [f"{a}" if a == b else f"{a}-{b}" for a, b, _ in runs]
    spans[-1] = f"{runs[-1][0]}-"
    return ", ".join(f"{_layer(layer)} in layer {span}" for span, (_, _, layer) in zip(spans, runs, strict=True))


def _layer(lags: list[Any]) -> str:
    held = [_lag(*lag) for lag in lags if lag[:4] != [0, 0, 1, 0]] or ["0"]
    return "{" + " | ".join(dict.fromkeys(held)) + "}"


def _lag(start: Any, width: Any, period: Any, hops: Any, *negated: Any) -> str:
    run = expression(start) if width == 0 else f"{expression(start)}..{expression(_sum(start, width))}"
    sign, held = "-" if negated else "", f"-({run})" if negated else run
    if hops == 0:
        return held
    bound = "m >= 0" if hops == "oo" else f"0 <= m <= {expression(hops)}"
    stride = f"m*{_wrapped(period, 3)}"
    if (start, width) == (0, 0):
        return f"{sign}{stride} ({bound})"
    held = f"{run} + {stride}" if width == 0 else f"{stride} + ({run})"
    return f"-({held}) ({bound})" if negated else f"{held} ({bound})"


def _sum(a: Any, b: Any) -> Any:
    return b if a == 0 else a if b == 0 else ["+", a, b]


def _symbols(tree: Any) -> set[str]:
    if isinstance(tree, str):
        return {tree} if tree.isidentifier() else set()
    if not isinstance(tree, list):
        return set()
    inner = tree[1:] if tree and isinstance(tree[0], str) and tree[0] in _OPERATORS else tree
    return set().union(*(_symbols(t) for t in inner)) - {"oo"}
