"""From an instantiated pattern to a kernel plan: disjoint terms, then a schedule for each."""
