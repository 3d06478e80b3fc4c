"""Long lines of the emitted file are broken where a person would break them."""

from __future__ import annotations

import ast

from patternc.codegen.layout import WIDTH, tidy

LONG = "word " * 40


def test_no_line_is_too_long_and_nothing_is_lost() -> None:
    text = (
        f'"""{LONG}\n\n{LONG}\n"""\n\n\ndef f(a, b):\n    """{LONG.strip()}."""\n    # {LONG}\n'
        f"    return g({', '.join(f'argument_{i}' for i in range(30))})\n"
    )
    shown = tidy(text)
    assert max(map(len, shown.splitlines())) <= WIDTH
    assert ast.dump(ast.parse(shown).body[1].body[1]) == ast.dump(ast.parse(text).body[1].body[1])  # type: ignore[attr-defined]
    function = ast.parse(shown).body[1]
    assert isinstance(function, ast.FunctionDef)
    assert (ast.get_docstring(function) or "").split() == [*LONG.split()[:-1], "word."]
    assert (ast.get_docstring(ast.parse(shown)) or "").split() == LONG.split() * 2
    assert shown.count("# word") == 2  # the comment goes on as a comment


def test_blank_lines() -> None:
    assert tidy("a = 1\n\n\n\n\n\nb = 2\n") == "a = 1\n\n\nb = 2\n"
    assert tidy("def f():\n\n\n    a = 1\n\n\n    b = 2\n") == "def f():\n    a = 1\n\n    b = 2\n"


def test_a_paragraph_with_a_long_line_is_filled_anew_and_others_stay() -> None:
    long = f"    {LONG.strip()}\n    and more\n    still."
    text = f'def f():\n    """One.\n\n{long}\n\n    short\n    lines\n    """\n    return 1\n'
    shown = tidy(text).splitlines()
    assert shown[3].startswith("    word word")
    assert shown[4].endswith("word and more still.")
    assert shown[5:9] == ["", "    short", "    lines", '    """']
