"""Lays the rendered text out as a person would: short lines, few blank ones."""

from __future__ import annotations

import re
import textwrap

WIDTH = 120


def tidy(text: str) -> str:
    """At most two blank lines, one within a function, no spaces at the end of a line, no line over `WIDTH`."""
    text = "\n".join(line.rstrip() for line in text.splitlines())
    text = re.sub(r"\n{4,}", "\n\n\n", text)
    text = re.sub(r"\n{2,}(?=[ ])", "\n\n", text)
    text = re.sub(r"(:\n)\n+(?= )", r"\1", text)
    lines: list[str] = []
    left = text.splitlines()
    while left:
        line = left.pop(0)
        if line.lstrip().startswith('"""'):
            block = [line]
            while '"""' not in block[-1] or (len(block) == 1 and line.count('"""') == 1):
                block.append(left.pop(0))
            lines += _docstring(block)
        else:
            lines += [line] if len(line) <= WIDTH else _wrapped(line)
    return "\n".join(lines).rstrip() + "\n"


def _docstring(lines: list[str]) -> list[str]:
    """A docstring whose paragraphs are filled anew where a line of theirs is too long; indented lines stay lines."""
    indent = lines[0][: len(lines[0]) - len(lines[0].lstrip())]
    if len(lines) == 1 and len(lines[0]) > WIDTH:
        lines = [lines[0].removesuffix('"""'), indent + '"""']
    result: list[str] = []
    paragraph: list[str] = []
    for line in [*lines, ""]:
        flows = line.strip() not in ("", '"""') and not line.removeprefix(indent).startswith(" ")
        if flows:
            paragraph.append(line)
            continue
        if any(len(p) > WIDTH for p in paragraph):
            text = " ".join(p.strip() for p in paragraph)
            paragraph = textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent)
        result += paragraph
        paragraph = []
        if len(line) > WIDTH:
            deeper = line[: len(line) - len(line.lstrip())] + "    "
            result += textwrap.wrap(line, WIDTH, subsequent_indent=deeper)
        else:
            result.append(line)
    return result[:-1]


def _wrapped(line: str) -> list[str]:
    """A long line in pieces: comments between words, code where a bracket is open."""
    indent = line[: len(line) - len(line.lstrip())]
    if line.lstrip().startswith("#"):
        return textwrap.wrap(line, WIDTH, subsequent_indent=indent + "# ")
    pieces = _pieces(line)
    result, current = [], pieces[0]
    for piece in pieces[1:]:
        if len(current) + len(piece.rstrip()) > WIDTH:
            result.append(current.rstrip())
            current = indent + "    " + piece
        else:
            current += piece
    return [*result, current.rstrip()]


def _pieces(line: str) -> list[str]:
    """The line cut wherever a break is allowed: after `,`, `&` or `|` within brackets and outside of strings."""
    pieces: list[str] = []
    depth, start, quote = 0, 0, ""
    for i, c in enumerate(line):
        if quote:
            quote = "" if c == quote else quote
        elif c in "\"'":
            quote = c
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
        elif c == " " and depth and line[i - 1] in ",&|":
            pieces.append(line[start : i + 1])
            start = i + 1
    return [*pieces, line[start:]]
