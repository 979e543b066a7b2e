"""Content stores: where envelopes lie."""
