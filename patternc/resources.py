"""Finds grammars and templates, inside an installed package or beside it in a checkout, and the package's own text."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """The folder ``name`` (`grammars` or `templates`).  Raises `FileNotFoundError` where the installation lacks it."""
    for place in (_PACKAGE / "_data" / name, _PACKAGE.parent / name):
        if place.is_dir():
            return place
    raise FileNotFoundError(f"patternc is installed without its {name}/; install it again")


@cache
def classes(module: str) -> dict[str, str]:
    """The text of each class of a file of this package, such as ``runtime/layer.py``."""
    text = (_PACKAGE / module).read_text(encoding="utf-8")
    found = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
    return {node.name: ast.get_source_segment(text, node) or "" for node in found}
