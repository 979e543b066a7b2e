"""Local chains and content swarms to develop and test against."""
