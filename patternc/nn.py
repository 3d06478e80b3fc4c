"""PyTorch modules: `PatternAttention`."""

from patternc.runtime.module import PatternAttention

__all__ = ["PatternAttention"]
