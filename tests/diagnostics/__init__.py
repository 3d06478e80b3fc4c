"""Tests of what is said about wrong files."""
