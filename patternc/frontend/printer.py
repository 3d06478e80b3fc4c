"""Prints a syntax tree as a pattern file in the one canonical form, with the fewest parentheses."""

from __future__ import annotations

from collections.abc import Iterable

from patternc.frontend import ast

_INDENT = "    "
_LEVELS = {"or": 1, "and": 2, "|": 5, "&": 6, "+": 7, "-": 7, "*": 8, "//": 8, "%": 8, "**": 10}
_NOT, _COMPARISON, _NEGATIVE, _ATOM = 3, 4, 9, 11


def print_file(file: ast.File) -> str:
    """The text of a file; parsed again, it says the same."""
    return "\n\n".join(print_item(item) for item in file.items) + ("\n" if file.items else "")


def print_item(item: ast.Item) -> str:
    """A pattern, a stack or a claim as the language writes it."""
    match item:
        case ast.Pattern(causal=causal, name=name, parameters=parameters, statements=statements):
            head = f"{'causal ' if causal else ''}pattern {name.text}{_parameters(parameters)} {{\n"
            return head + "".join(f"{_INDENT}{_statement(s)}\n" for s in statements) + "}"
        case ast.Stack(name=name, parameters=parameters, entries=entries):
            return f"stack {name.text}{_parameters(parameters)} {{\n{_entries(entries, _INDENT)}}}"
        case ast.Prove(target=target, arguments=arguments, conditions=conditions, claim=claim):
            given = f"({_arguments(arguments)})" if arguments else ""
            assumed = f" if {_list(conditions)}" if conditions else ""
            return f"prove {target.text}{given}{assumed}: {print_expression(claim)}"


def _parameters(parameters: Iterable[ast.Parameter]) -> str:
    shown = ", ".join(f"{p.name.text} = {print_expression(p.default)}" for p in parameters)
    return f"({shown})" if shown else ""


def _statement(statement: ast.Statement) -> str:
    match statement:
        case ast.Require(conditions=conditions):
            return f"require {_list(conditions)}"
        case ast.Define(name=name, value=value):
            return f"{name.text} = {print_expression(value)}"
        case ast.Attend(body=body):
            if not isinstance(body, ast.Heads):
                return f"attend {print_expression(body)}"
            inner = "".join(f"{_INDENT * 2}{_entry(e)};\n" for e in body.entries)
            return f"attend heads {{\n{inner}{_INDENT}}}"


def _entry(entry: ast.Entry) -> str:
    if entry.lo is None or entry.hi is None:
        return f"else : {print_expression(entry.body)}"
    return f"{print_expression(entry.lo)}..{print_expression(entry.hi)} : {print_expression(entry.body)}"


def _entries(entries: Iterable[ast.Layers | ast.Repeat], indent: str) -> str:
    lines: list[str] = []
    for entry in entries:
        count = print_expression(entry.count)
        if isinstance(entry, ast.Repeat):
            lines.append(f"{indent}repeat {count} {{\n{_entries(entry.entries, indent + _INDENT)}{indent}}}\n")
        else:
            given = f"({_arguments(entry.arguments)})" if entry.arguments else ""
            lines.append(f"{indent}layers {count}: {entry.pattern.text}{given}\n")
    return "".join(lines)


def _list(nodes: Iterable[ast.Expression]) -> str:
    return ", ".join(print_expression(n) for n in nodes)


def _arguments(arguments: Iterable[ast.Argument]) -> str:
    return ", ".join(f"{a.name.text} = {_show(a.value)}" if a.name else _show(a.value) for a in arguments)


def print_expression(node: ast.Expression) -> str:
    """An expression as the language writes it, with no more parentheses than it needs."""
    return _show(node)


def _show(node: ast.Expression, level: int = 0) -> str:
    text, own = _leveled(node)
    return text if own >= level else f"({text})"


def _leveled(node: ast.Expression) -> tuple[str, int]:
    """The text of an expression, and how tightly its outermost operator binds."""
    match node:
        case ast.Number(value=value):
            return str(value), _ATOM
        case ast.Reference(name=name):
            return name, _ATOM
        case ast.Call(function=function, arguments=arguments):
            return f"{function.text}({_arguments(arguments)})", _ATOM
        case ast.Negative(operand=operand):
            return f"-{_show(operand, _NEGATIVE)}", _NEGATIVE
        case ast.Not(operand=operand):
            return f"not {_show(operand, _NOT)}", _NOT
        case ast.Comparison(operands=operands, ops=ops):
            shown = [_show(o, _COMPARISON + 1) for o in operands]
            rest = (f" {op} {operand}" for op, operand in zip(ops, shown[1:], strict=True))
            return shown[0] + "".join(rest), _COMPARISON
        case ast.Joined(op=op, operands=operands):
            own = _LEVELS[op]
            return f" {op} ".join(_show(o, own + 1) for o in operands), own
        case ast.Binary(op="**", left=left, right=right):
            return f"{_show(left, _ATOM)} ** {_show(right, _NEGATIVE)}", _LEVELS["**"]
        case ast.Binary(op=op, left=left, right=right):
            own = _LEVELS[op]
            return f"{_show(left, own)} {op} {_show(right, own + 1)}", own
        case ast.Bad():
            return "<error>", _ATOM
