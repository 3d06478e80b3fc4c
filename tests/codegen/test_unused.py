"""An emitted file holds no function that nothing calls."""

from __future__ import annotations

import ast
import re

import pytest

import patternc
from tests.kernels.schedules import HEADS, PATTERNS

FOR_USERS = ("attention", "mask", "reference", "branches_of", "kernels_of")


@pytest.mark.parametrize("name", PATTERNS)
def test_every_function_is_used(name: str) -> None:
    text = patternc.loads(PATTERNS[name]).emit(HEADS)
    registered = re.findall(r"@torch.library.impl\(.*\)\ndef (\w+)", text)  # as operators of torch, which calls them
    assert len(registered) == 2
    functions = {n.name for n in ast.parse(text).body if isinstance(n, ast.FunctionDef)} - set(registered)
    assert [f for f in functions if f not in FOR_USERS and len(re.findall(rf"\b{f}\b", text)) == 1] == []
