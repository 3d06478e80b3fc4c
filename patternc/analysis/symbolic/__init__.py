"""Arithmetic for proofs about all parameters: polynomials, non-negative combinations, isl, and what joins them."""
