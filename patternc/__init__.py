"""A compiler for sparse attention patterns: Triton kernels and receptive-field proofs from one small language.

pattern = patternc.load("examples/pi_attention.pat", k=64)
out = pattern(q, k, v, gate=logits)
pattern.prove("covers(32768, layers=24)").proved
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from patternc import nn
    from patternc.diagnostics import DiagnosticError
    from patternc.pattern import Pattern, load, load_stack, loads

__version__ = "0.1.0"
__all__ = ["DiagnosticError", "Pattern", "load", "load_stack", "loads", "nn"]

# Imported when first used, so that commands which need no torch start fast.
_HOME = {
    "DiagnosticError": "patternc.diagnostics",
    "Pattern": "patternc.pattern",
    "load": "patternc.pattern",
    "loads": "patternc.pattern",
    "load_stack": "patternc.pattern",
}


def __getattr__(name: str) -> Any:
    if name == "nn":
        return import_module("patternc.nn")
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'patternc' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
