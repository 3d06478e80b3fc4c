"""From a kernel plan to one readable Python file."""
