"""The template environment: strict, so that a name which a template lacks is an error."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from patternc import resources

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def environment() -> Environment:
    """Templates from `templates/`, imported with Jinja when first used."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(resources.folder("templates")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
