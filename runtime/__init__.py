"""Public names of the runtime."""
