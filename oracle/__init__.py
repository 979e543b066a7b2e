"""The write path: takes in hospital messages and anchors them as sealed records."""
