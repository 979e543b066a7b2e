"""The patient's side of the command line: a wallet file and what it signs."""
