"""Runs emitted files: the cache they are loaded through, and PyTorch modules around them."""
