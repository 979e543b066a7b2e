"""Tests, and what they share. A regular package, so that no other package of this name stands in front of it."""
