"""Membership from the command line: who asks, who votes, with which machines."""
