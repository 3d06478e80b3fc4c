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
    quoted = False
    for line in text.splitlines():
        lines += [line] if len(line) <= WIDTH else _wrapped(line, quoted=quoted)
        quoted ^= line.count('"""') % 2 == 1
    return "\n".join(lines).rstrip() + "\n"


def _wrapped(line: str, *, quoted: bool) -> list[str]:
    """A long line in pieces: prose between words, code where a bracket is open."""
    indent = line[: len(line) - len(line.lstrip())]
    if line.lstrip().startswith('"""'):
        closed = line.endswith('"""')
        wrapped = textwrap.wrap(line.removesuffix('"""'), WIDTH, subsequent_indent=indent, drop_whitespace=True)
        return [*wrapped, indent + '"""'] if closed else wrapped
    if quoted:
        return textwrap.wrap(line, WIDTH, initial_indent="", subsequent_indent=indent + "    ")
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
