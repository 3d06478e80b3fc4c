"""The environment variables that patternc reads; each in one place, with its meaning."""

from __future__ import annotations

import os
import sys
from typing import TextIO


def traceback_wanted() -> bool:
    """``PATTERNC_TRACEBACK=1``: an internal error shows its traceback."""
    return os.environ.get("PATTERNC_TRACEBACK", "") not in ("", "0")


def color_wanted(stream: TextIO) -> bool:
    """Colours on a terminal, unless ``NO_COLOR`` is set or the terminal is dumb."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def progress_wanted() -> bool:
    """Progress is shown where standard error is a terminal, and never in a pipe."""
    return sys.stderr.isatty()
