"""From text to syntax tree, with every syntax error of the file.

The words are split into items, since `pattern`, `stack` and `prove` stand nowhere else, and an error ends with its
item at the latest.  Within braces it ends with its statement or entry: the parser's state is kept at the beginning of
each, and after an error parsing goes on from there, with `ast.Bad` in the place of what could not be read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from lark import Token, UnexpectedToken

from patternc.diagnostics import Report, did_you_mean
from patternc.frontend import ast
from patternc.frontend.hints import SEMICOLON_REQUIRED, Place, hint_for, item_meant
from patternc.frontend.lexer import MAX_NESTING, grammar, span, tokens
from patternc.frontend.wording import expectation
from patternc.source import NOWHERE, Source, Span

_STATEMENT = frozenset({"BINDER", "REQUIRE", "ATTEND"})
_ENTRY = frozenset({"LAYERS", "REPEAT"})
_ENDS_BODY = frozenset({"COMMA", "RPAR", "NAME", "NUMBER", "CAUSAL", "HEADS", "RBRACE", "BAD"})
_OPERAND_WANTED = frozenset({"COLON", "EQUALS", "ATTEND", "BAR", "AMPERSAND", "MINUS", "LPAR", "COMMA"})
_ITEMS = frozenset({"PATTERN", "STACK", "PROVE"})


def parse(source: Source, report: Report) -> ast.File:
    """The syntax tree of a file.  Items that cannot be read are left out or marked as broken, and reported."""
    items: list[ast.Item] = []
    damaged: set[int] = set()
    for words in _items(_respelt(tokens(source, report), report)):
        if report.full:
            break
        before = len(report.found)
        item = _Item(source, words, report).parse()
        if item is not None:
            items.append(_bounded(item, report))
            if len(report.found) > before or any(w.type == "BAD" for w in words):
                damaged.add(len(items) - 1)
    return ast.File(tuple(items), frozenset(damaged), span=Span(0, len(source.text)))


def parse_claim(source: Source, report: Report, target: str | None = None) -> ast.Prove | None:
    """One claim, ``NAME: CLAIM`` or, where the target is given apart, ``[if COND:] CLAIM``; None where it is wrong."""
    words = tokens(source, report)
    if words and words[0].type == "PROVE" and target is None:
        words = words[1:]
    start = [_word("PROVE", "prove")]
    if target is not None:
        start.append(_word("NAME", target))
        if not words or words[0].type != "IF":
            start.append(_word("COLON", ":"))
    item = _Item(source, start + words, report, "claim").parse()
    if not isinstance(item, ast.Prove):
        return None
    bounded = _bounded(item, report)
    return bounded if isinstance(bounded, ast.Prove) else None


def _word(kind: str, value: str, place: Span = NOWHERE) -> Token:
    return Token(kind, value, start_pos=place.start, end_pos=place.end)


def _respelt(words: list[Token], report: Report) -> list[Token]:
    """The words with misspelt keywords of items set right, and reported: `patern` would hide the item that follows."""
    result: list[Token] = []
    depth = 0
    for i, word in enumerate(words):
        after = words[i + 1].type if i + 1 < len(words) else ""
        if depth == 0 and word.type == after == "NAME" and (meant := item_meant(word)):
            report.error("syntax", expectation({"$END"}, word), span(word), f"did you mean `{meant}`?")
            word = word.update(type=meant.upper())
        depth = max(0, depth + (word.type == "LBRACE") - (word.type == "RBRACE"))
        result.append(word)
    return result


def _items(words: list[Token]) -> Iterator[list[Token]]:
    """The words of each item.  What stands before the first is an item too, for the error that it is."""
    current: list[Token] = []
    for i, word in enumerate(words):
        before = words[i - 1].type if i else ""
        after = words[i + 1].type if i + 1 < len(words) else ""
        # `prove a: causal` may be followed by a pattern: then the word is the claim.
        prefix = word.type == "CAUSAL" and after == "PATTERN" and before not in _OPERAND_WANTED
        prefixed = word.type == "PATTERN" and before == "CAUSAL" and len(current) == 1
        if current and (prefix or (word.type in _ITEMS and not prefixed)):
            yield current
            current = []
        current.append(word)
    if current:
        yield current


@dataclass
class _Checkpoint:
    """The parser's state before a statement or an entry, and where that begins."""

    state: Any
    at: int
    depth: int


class _Item:
    """The words of one item on their way through the parser.  ``whole`` is what the text is: a file or a claim."""

    def __init__(self, source: Source, words: list[Token], report: Report, whole: str = "file"):
        self.whole = whole
        self.source = source
        self.report = report
        self.words = list(words)
        self.end = _word("$END", "", Span(span(words[-1]).end, span(words[-1]).end))
        self.kept: list[_Checkpoint] = []
        self._start_from(grammar().parse_interactive(start="item"))
        self.open: list[Token] = []
        self.kind = next((w.type for w in words if w.type in _ITEMS), "")
        self.resumed = -1
        self.broken = False
        self.unclosed = False
        self.cut = False

    def _start_from(self, state: Any) -> None:
        """Go on from a state of the parser, which stays as it is for `_restore`."""
        self.base = state
        self.state: Any = state.copy(deepcopy_values=False)
        self.fed: list[Token] = []

    def _restore(self) -> None:
        """The state after the last word that was right: a wrong one leaves the parser between states."""
        self.state = self.base.copy(deepcopy_values=False)
        for word in self.fed:
            self.state.feed_token(word)

    def _feed(self, *words: Token) -> None:
        for word in words:
            self.state.feed_token(word)
            self.fed.append(word)

    def parse(self) -> ast.Item | None:
        if all(w.type == "SEMICOLON" for w in self.words):
            at = span(self.words[0])
            self.report.error("syntax", expectation({"$END"}, self.words[0]), at)
            return None
        at = 0
        while at < len(self.words):
            at = self._step(at)
            if at < 0:
                return None
        return self._finish()

    def _step(self, at: int) -> int:
        """Feed one word; the index of the next one, -1 where the item is lost."""
        word = self.words[at]
        if self._lacks_semicolon(at):
            self.report.error("syntax", f"expected `;`, found `{word}`", span(word), SEMICOLON_REQUIRED)
        try:
            if self._begins(at):
                if at != self.resumed and self.words[at - 1].type not in ("LBRACE", "SEMICOLON"):
                    # Completes the statement before, so that the state kept is that between two statements.
                    self._feed(_word("SEMICOLON", ";", span(word)))
                self._keep(at)
            self._feed(word)
        except UnexpectedToken:
            return self._recover(at)
        self._bracket(word)
        return at + 1

    def _keep(self, at: int) -> None:
        """Keep the state before the word at ``at``, for errors in the statement or entry that begins there."""
        self._start_from(self.state)
        self._forget(self._depth() - 1)
        self.kept.append(_Checkpoint(self.base, at, self._depth()))

    def _forget(self, depth: int) -> None:
        while self.kept and self.kept[-1].depth > depth:
            self.kept.pop()

    def _depth(self) -> int:
        return sum(w.type == "LBRACE" for w in self.open)

    def _bracket(self, word: Token) -> None:
        if word.type in ("LPAR", "LBRACE"):
            self.open.append(word)
        elif word.type in ("RPAR", "RBRACE") and self.open:
            self.open.pop()
            self._forget(self._depth())

    def _begins(self, at: int) -> bool:
        """Whether a statement or an entry begins here, as far as the words tell."""
        word, depth = self.words[at], self._depth()
        if depth == 0 or self._in_call():
            return False
        if word.type in _STATEMENT | _ENTRY or self.words[at - 1].type == "LBRACE":
            return True
        after = self.words[at + 1].type if at + 1 < len(self.words) else ""
        ranged = word.type in ("NUMBER", "NAME") and after == "DOTS" and self.words[at - 1].type in _ENDS_BODY
        return depth > 1 and (word.type == "ELSE" or ranged or self.words[at - 1].type == "SEMICOLON")

    def _lacks_semicolon(self, at: int) -> bool:
        """Whether an entry of `heads` begins with a sign that could go on with the entry before."""
        if self._depth() < 2 or self._in_call():
            return False
        word, before = self.words[at].type, self.words[at - 1].type
        return (word == "LPAR" and before in _ENDS_BODY - {"NAME"}) or (word == "MINUS" and before == "COMMA")

    # Errors

    def _recover(self, at: int) -> int:
        """Report the word at ``at``, and go on behind what cannot be read."""
        if self._report(at):
            # The item is complete: what follows it is no part of it.
            del self.words[at:]
            self.cut = True
            return at
        if not self.kept:
            return self._skip_header(at)
        kept = self.kept[-1]
        stop = at if at > kept.at else at + 1
        nesting = sum((w.type == "LBRACE") - (w.type == "RBRACE") for w in self.words[kept.at : stop])
        while stop < len(self.words):
            word = self.words[stop]
            if nesting <= 0 and (word.type == "RBRACE" or self._resumes(stop, kept.depth)):
                break
            nesting += (word.type == "LBRACE") - (word.type == "RBRACE")
            stop += 1
        self._poison(kept, stop)
        return stop

    def _resumes(self, at: int, depth: int) -> bool:
        """Whether parsing may go on here after an error: a statement or an entry begins, at the depth of the last."""
        word = self.words[at]
        if word.type in _STATEMENT and depth == 1:
            # A named argument looks like a definition; it does not stand first in its line.
            return word.type != "BINDER" or self._first_in_line(at) or self.words[at - 1].type == "SEMICOLON"
        return word.type in _ENTRY or (word.type == "ELSE" and depth > 1)

    def _first_in_line(self, at: int) -> bool:
        between = self.source.text[span(self.words[at - 1]).end : span(self.words[at]).start]
        return "\n" in between

    def _poison(self, kept: _Checkpoint, stop: int) -> None:
        """Put `ast.Bad` in the place of the statement that could not be read; it ends before the word at ``stop``."""
        self._start_from(kept.state)
        if self.kind == "PATTERN" and kept.depth == 1 and kept.at < len(self.words):
            first, place = self.words[kept.at], span(self.words[kept.at])
            follower = self.words[kept.at + 1] if kept.at + 1 < len(self.words) else self.end
            if first.type == "BINDER" or (first.type == "NAME" and follower in ("==", ":")):
                self._feed(_word("BINDER", first, place), _word("EQUALS", "=", place))
                self._feed(_word("BAD", "", place), _word("SEMICOLON", ";", place))
            elif first.type == "ATTEND" or did_you_mean(first, ["attend"]):
                self._feed(_word("ATTEND", "attend", place))
                self._feed(_word("BAD", "", place), _word("SEMICOLON", ";", place))
        while self._depth() > kept.depth or self._in_call():
            self.open.pop()
        self.resumed = stop
        self._keep(stop)

    def _skip_header(self, at: int) -> int:
        """Go on at the item's brace, with a header without parameters."""
        self.broken = True
        named = next((i for i, w in enumerate(self.words[:at]) if w.type == "NAME"), None)
        brace = next((i for i in range(at, len(self.words)) if self.words[i].type == "LBRACE"), None)
        kind = next((w for w in self.words[:at] if w.type in ("PATTERN", "STACK")), None)
        if named is None or brace is None or kind is None:
            return -1
        self._start_from(grammar().parse_interactive(start="item"))
        self._feed(kind, self.words[named])
        self.open.clear()
        return brace

    def _report(self, at: int) -> bool:
        """Say what is wrong with the word at ``at``.  Whether the item was complete before it."""
        found = self.words[at] if at < len(self.words) else self.end
        self._restore()
        accepted: set[str] = self.state.accepts()
        expected = frozenset(t for t in accepted if not t.startswith("FOREIGN") and t != "BAD")
        if self._never_closed(found, at, expected):
            return False
        if "BAD" in (found.type, self.words[at - 1].type if at else ""):
            # What stands here was reported already.
            return "$END" in expected
        place = Place((*self.words, self.end), at, expected, self._block(), self._in_call())
        hint = hint_for(place)
        shown = found if hint is None else place.tokens[at + hint.shift]
        message = expectation(expected, found, self.whole) if shown is found else f"`{shown}` cannot stand here"
        self.report.error("syntax", message, span(shown), hint.text(place) if hint else "")
        return "$END" in expected

    def _never_closed(self, found: Token, at: int, expected: frozenset[str]) -> bool:
        """Report an open bracket, where what was found cannot stand within it."""
        if not self.open:
            return False
        opening = self.open[-1]
        if opening.type == "LPAR":
            ends = found.type in ("$END", "RBRACE", "REQUIRE", "ATTEND", *_ENTRY)
            wrong = ends or (found.type == "BINDER" and "COMMA" in expected and self._first_in_line(at))
        else:
            wrong = found.type == "$END" or (self._depth() > 1 and found.type in ("REQUIRE", "ATTEND"))
        if wrong and not self.unclosed:
            self.report.error("unclosed", f"`{opening}` is never closed", span(opening))
            self.unclosed = opening.type == "LBRACE"
        return wrong

    def _block(self) -> str:
        braces = [w for w in self.open if w.type == "LBRACE"]
        if self.kind == "PROVE":
            return "prove"
        if not braces:
            return ""
        return "stack" if self.kind == "STACK" else "heads" if len(braces) > 1 else "pattern"

    def _in_call(self) -> bool:
        return bool(self.open) and self.open[-1].type == "LPAR"

    # The end

    def _finish(self) -> ast.Item | None:
        """The item that was read; braces that are open still are closed."""
        for _ in range(4):
            try:
                for _ in range(self._depth() if self.unclosed else 0):
                    self._feed(_word("RBRACE", "}", span(self.end)))
                    self.open.pop()
                return self._marked(self.state.feed_eof())
            except UnexpectedToken:
                if self._recover(len(self.words)) < 0:
                    return None
        return None

    def _marked(self, item: ast.Item) -> ast.Item:
        """The item, with what is known to be missing."""
        if isinstance(item, ast.Prove):
            return replace(item, claim=ast.Bad(span=item.claim.span)) if self.cut else item
        return replace(item, broken=True) if self.broken else item


def _bounded(item: ast.Item, report: Report) -> ast.Item:
    """The item, or one without content where its expressions are nested too deeply for what comes after."""
    for expression in ast.expressions(item):
        deep = _too_deep(expression)
        if deep is not None:
            message = f"this expression is nested more than {MAX_NESTING} deep, the most that is allowed"
            hint = "break it up: name its parts" if isinstance(item, ast.Pattern) else ""
            report.error("bound", message, deep.span, hint)
            match item:
                case ast.Pattern():
                    return replace(item, parameters=(), statements=(), broken=True)
                case ast.Stack():
                    return replace(item, parameters=(), entries=(), broken=True)
                case _:
                    return replace(item, arguments=(), conditions=(), claim=ast.Bad(span=item.claim.span))
    return item


def _too_deep(expression: ast.Expression) -> ast.Expression | None:
    """The outermost expression, if it is nested too deeply.  Without recursion, which would be too deep itself."""
    pending = [(expression, 1)]
    while pending:
        node, depth = pending.pop()
        if depth > MAX_NESTING:
            return expression
        pending += [(child, depth + 1) for child in ast.children(node)]
    return None
