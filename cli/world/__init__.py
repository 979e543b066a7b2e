"""The world of `salus demo` and `salus up`: who is in it, their keys, their ports, their processes."""
