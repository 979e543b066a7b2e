"""The salus command: thin nouns over flows."""
