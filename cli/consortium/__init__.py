"""A whole consortium on one machine: what keeps it running, and how it does."""
