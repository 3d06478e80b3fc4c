"""What a pattern lets a model see: exact receptive fields, proofs, counterexamples and lints."""
