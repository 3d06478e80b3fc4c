"""PyTorch modules: `PatternAttention`, `Rotary` to turn its queries and keys, and the `Cache` that it decodes from."""

from patternc.runtime.cache import Cache
from patternc.runtime.layer import Rotary
from patternc.runtime.module import PatternAttention

__all__ = ["Cache", "PatternAttention", "Rotary"]
