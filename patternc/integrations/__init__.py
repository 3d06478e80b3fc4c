"""Patterns inside other people's libraries; each file needs the library of its name, an optional extra."""
