"""Tests of the way from text to the intermediate representation."""
