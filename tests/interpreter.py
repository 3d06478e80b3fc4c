"""Triton's interpreter as the tests use it."""

from __future__ import annotations

from dataclasses import replace
from types import FunctionType, ModuleType
from typing import Any

import torch
import triton.language as tl
from triton.runtime import interpreter


def prepare() -> None:
    """One thread, which is faster for small tensors and adds up the same each time, and a faster interpreter."""
    torch.set_num_threads(1)
    _patch_once()
    builder = getattr(interpreter, "interpreter_builder", None)
    if hasattr(getattr(builder, "options", None), "sanitize_overflow"):
        # Overflows are looked for at every sum, and then not reported, which takes as long as all the rest.
        builder.options = replace(builder.options, sanitize_overflow=False)


class _Scope:
    """What `interpreter._patch_lang` gives: ``restore`` takes the patches back."""

    def __init__(self, scope: Any = None, done: set[frozenset[int]] | None = None) -> None:
        self.scope, self.done = scope, done

    def restore(self) -> None:
        if self.scope is not None:
            self.scope.restore()
        if self.done is not None:
            self.done.clear()


def _patch_once() -> None:
    """The language is patched once for a launch, not anew for every function that a kernel calls.

    That saves a third of the time.  Does nothing where Triton has no such function.
    """
    original = getattr(interpreter, "_patch_lang", None)
    if original is None or hasattr(original, "once"):
        return
    done: set[frozenset[int]] = set()

    def patched(function: FunctionType) -> _Scope:
        modules = frozenset(id(v) for v in function.__globals__.values() if v is tl or v is tl.core)
        if modules in done:
            return _Scope()
        outermost = not done
        done.add(modules)
        return _Scope(original(function), done if outermost else None)

    patched.once = True  # type: ignore[attr-defined]
    interpreter._patch_lang = patched


def forget(module: ModuleType) -> None:
    """Drop what the interpreter keeps of an emitted file's kernels."""
    rewritten = getattr(getattr(interpreter, "InterpretedFunction", None), "rewritten_fn", {})
    for function in [f for f in rewritten if f.__globals__ is vars(module)]:
        del rewritten[function]
