"""Builds the syntax tree while the parser runs: one method a rule of ``grammars/patternc.lark``.

A method gets the parts of its rule in order, words and signs included, so that every node knows its place.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any, NamedTuple

from lark import Token, Transformer

from patternc.frontend import ast
from patternc.source import Span


class _Group(NamedTuple):
    """The parts between brackets, and the place of brackets and all."""

    parts: tuple[Any, ...]
    span: Span


def _span(part: Token | ast.Node | _Group) -> Span:
    return Span(part.start_pos or 0, part.end_pos or 0) if isinstance(part, Token) else part.span


def _over(parts: list[Any]) -> Span:
    return _span(parts[0]).to(_span(parts[-1]))


def _nodes(parts: list[Any]) -> tuple[Any, ...]:
    return tuple(part for part in parts if isinstance(part, ast.Node))


def _name(token: Token) -> ast.Name:
    return ast.Name(sys.intern(str(token)), span=_span(token))


class BuildAst(Transformer[Token, Any]):
    """Called by the parser, rule by rule, from the inside out."""

    def item(self, parts: list[Any]) -> ast.Item:
        return parts[0]

    # Patterns

    def pattern(self, parts: list[Any]) -> ast.Pattern:
        causal = parts[0].type == "CAUSAL"
        rest = parts[1:] if causal else parts
        parameters = rest[2].parts if isinstance(rest[2], _Group) else ()
        return ast.Pattern(causal, _name(rest[1]), parameters, rest[-2], span=_over(parts))

    def parameters(self, parts: list[Any]) -> _Group:
        return _Group(_nodes(parts), _over(parts))

    def parameter(self, parts: list[Any]) -> ast.Parameter:
        return ast.Parameter(_name(parts[0]), parts[2], span=_over(parts))

    def statements(self, parts: list[Any]) -> tuple[ast.Statement, ...]:
        return _grown(parts)

    def require(self, parts: list[Any]) -> ast.Require:
        return ast.Require(_nodes(parts), span=_over(parts))

    def define(self, parts: list[Any]) -> ast.Define:
        return ast.Define(_name(parts[0]), parts[2], span=_over(parts))

    def attend(self, parts: list[Any]) -> ast.Attend:
        return ast.Attend(parts[1], span=_over(parts))

    def heads(self, parts: list[Any]) -> ast.Heads:
        return ast.Heads(parts[2], span=_over(parts))

    def entries(self, parts: list[Any]) -> tuple[ast.Entry, ...]:
        return _grown(parts)

    def entry(self, parts: list[Any]) -> ast.Entry:
        if isinstance(parts[0], Token):
            return ast.Entry(None, None, parts[2], span=_span(parts[0]))
        return ast.Entry(parts[0], parts[2], parts[4], span=_over(parts[:3]))

    # Stacks

    def stack(self, parts: list[Any]) -> ast.Stack:
        parameters = parts[2].parts if isinstance(parts[2], _Group) else ()
        return ast.Stack(_name(parts[1]), parameters, parts[-2], span=_over(parts))

    def layers(self, parts: list[Any]) -> tuple[ast.Layers | ast.Repeat, ...]:
        return _grown(parts)

    def layer(self, parts: list[Any]) -> ast.Layers:
        arguments = parts[4].parts if len(parts) > 4 else ()
        return ast.Layers(parts[1], _name(parts[3]), arguments, span=_over(parts))

    def repeat(self, parts: list[Any]) -> ast.Repeat:
        return ast.Repeat(parts[1], parts[3], span=_over(parts))

    # Claims

    def prove(self, parts: list[Any]) -> ast.Prove:
        groups = {type(p): p for p in parts[2:-2]}
        arguments = groups[_Group].parts if _Group in groups else ()
        return ast.Prove(_name(parts[1]), arguments, groups.get(tuple, ()), parts[-1], span=_over(parts))

    def condition(self, parts: list[Any]) -> tuple[ast.Expression, ...]:
        return _nodes(parts)

    # Expressions

    def either(self, parts: list[Any]) -> ast.Joined:
        return ast.Joined("or", _nodes(parts), span=_over(parts))

    def both(self, parts: list[Any]) -> ast.Joined:
        return ast.Joined("and", _nodes(parts), span=_over(parts))

    def opposite(self, parts: list[Any]) -> ast.Not:
        return ast.Not(parts[1], span=_over(parts))

    def comparison(self, parts: list[Any]) -> ast.Comparison:
        return ast.Comparison(tuple(parts[::2]), tuple(str(op) for op in parts[1::2]), span=_over(parts))

    def union(self, parts: list[Any]) -> ast.Joined:
        return ast.Joined("|", _nodes(parts), span=_over(parts))

    def intersection(self, parts: list[Any]) -> ast.Joined:
        return ast.Joined("&", _nodes(parts), span=_over(parts))

    def binary(self, parts: list[Any]) -> ast.Binary:
        return ast.Binary(str(parts[1]), parts[0], parts[2], span=_over(parts))

    def negative(self, parts: list[Any]) -> ast.Negative:
        return ast.Negative(parts[1], span=_over(parts))

    def parenthesized(self, parts: list[Any]) -> ast.Expression:
        return replace(parts[1], span=_over(parts))

    def call(self, parts: list[Any]) -> ast.Call:
        return ast.Call(_name(parts[0]), parts[1].parts, span=_over(parts))

    def arguments(self, parts: list[Any]) -> _Group:
        return _Group(_nodes(parts), _over(parts))

    def argument(self, parts: list[Any]) -> ast.Argument:
        name = _name(parts[0]) if len(parts) == 3 else None
        return ast.Argument(name, parts[-1], span=_over(parts))

    def number(self, parts: list[Any]) -> ast.Number:
        return ast.Number(int(parts[0]), span=_span(parts[0]))

    def name(self, parts: list[Any]) -> ast.Reference:
        return ast.Reference(sys.intern(str(parts[0])), span=_span(parts[0]))

    def bad(self, parts: list[Any]) -> ast.Bad:
        return ast.Bad(span=_span(parts[0]))


def _grown(parts: list[Any]) -> tuple[Any, ...]:
    """A list so far and what follows it.  Always a new tuple: the parser may go back to an earlier state."""
    return (*parts[0], *_nodes(parts)) if parts else ()
