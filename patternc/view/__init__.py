"""Patterns to look at: in the terminal, as a picture, as an interactive page."""
