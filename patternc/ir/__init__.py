"""The intermediate representation: what a pattern means, without its spelling."""
