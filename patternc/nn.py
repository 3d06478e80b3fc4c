"""PyTorch modules: `PatternAttention`, and `Rotary` to turn its queries and keys."""

from patternc.runtime.layer import Rotary
from patternc.runtime.module import PatternAttention

__all__ = ["PatternAttention", "Rotary"]
