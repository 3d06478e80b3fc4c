"""The many texts of one program: needless parentheses, comments, line breaks and separators."""

from __future__ import annotations

from random import Random

from patternc.frontend import ast

GAPS = (" ", " ", " ", "\n", "  # a comment } | window(\n", "\t", "\r\n")
LEVELS = {"or": 1, "and": 2, "not": 3, "compare": 4, "|": 5, "&": 6, "+": 7, "-": 7, "*": 8, "//": 8, "%": 8}
NEGATIVE, POWER, ATOM = 9, 10, 11


class Speller:
    """Writes a program in its own way each time; ``noise`` decides."""

    def __init__(self, noise: Random) -> None:
        self.noise = noise

    def gap(self) -> str:
        return self.noise.choice(GAPS)

    def end(self, separators: str = "") -> str:
        """The end of a statement; ``separators`` where it must not be left out."""
        return self.noise.choice((separators, ";", ";;" if not separators else ";"))

    def pattern(self, p: ast.Pattern) -> str:
        given = ", ".join(f"{x.name.text}{self.gap()}={self.gap()}{self.show(x.default)}" for x in p.parameters)
        head = (
            f"{'causal' + self.gap() if p.causal else ''}pattern{self.gap()}{p.name.text}{f'({given})' * bool(given)}"
        )
        inner = self.gap().join(self.statement(s) for s in p.statements)
        return f"{head}{self.gap()}{{{self.gap()}{inner}{self.gap()}}}\n"

    def statement(self, statement: ast.Statement) -> str:
        match statement:
            case ast.Require(conditions=conditions):
                return f"require{self.gap()}{', '.join(self.show(c) for c in conditions)}{self.end()}"
            case ast.Define(name=name, value=value):
                return f"{name.text}{self.gap()}={self.gap()}{self.show(value)}{self.end()}"
            case ast.Attend(body=ast.Heads(entries=entries)):
                inner = self.gap().join(self.entry(e) for e in entries)
                return f"attend{self.gap()}heads{self.gap()}{{{inner}{self.gap()}}}{self.end()}"
            case ast.Attend(body=body):
                return f"attend{self.gap()}{self.show(body)}{self.end()}"
        raise AssertionError(f"not a statement: {statement}")

    def entry(self, entry: ast.Entry) -> str:
        bounded = entry.lo is not None and entry.hi is not None
        head = f"{self.show(entry.lo)}..{self.show(entry.hi)}" if bounded else "else"
        # A bound may begin with a parenthesis or a minus, and then the separator is required.
        return f"{head}{self.gap()}:{self.gap()}{self.show(entry.body)}{self.end(';')}"

    def show(self, node: ast.Expression, level: int = 0) -> str:
        """The text of an expression where operators of at least ``level`` may stand bare."""
        text, own = self._leveled(node)
        needless = own < ATOM and self.noise.random() < 0.15
        return f"({text})" if own < level or needless else text

    def _leveled(self, node: ast.Expression) -> tuple[str, int]:
        match node:
            case ast.Number(value=value):
                return str(value), ATOM
            case ast.Reference(name=name):
                return name, ATOM
            case ast.Negative(operand=operand):
                return f"-{self.show(operand, NEGATIVE)}", NEGATIVE
            case ast.Not(operand=operand):
                return f"not {self.show(operand, LEVELS['not'])}", LEVELS["not"]
            case ast.Comparison(operands=operands, ops=ops):
                own = LEVELS["compare"]
                first, *rest = (self.show(o, own + 1) for o in operands)
                return first + "".join(f"{self.gap()}{op} {o}" for op, o in zip(ops, rest, strict=True)), own
            case ast.Joined(op=op, operands=operands):
                own = LEVELS[op]
                return f"{self.gap()}{op} ".join(self.show(o, own + 1) for o in operands), own
            case ast.Binary(op="**", left=left, right=right):
                return f"{self.show(left, ATOM)}{self.gap()}** {self.show(right, NEGATIVE)}", POWER
            case ast.Binary(op=op, left=left, right=right):
                own = LEVELS[op]
                return f"{self.show(left, own)}{self.gap()}{op} {self.show(right, own + 1)}", own
            case ast.Call(function=function, arguments=arguments):
                shown = (f"{a.name.text} = {self.show(a.value)}" if a.name else self.show(a.value) for a in arguments)
                return f"{function.text}({(',' + self.gap()).join(shown)})", ATOM
        raise AssertionError(f"not an expression of a program: {node}")
