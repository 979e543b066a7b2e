"""Local chains and content swarms to develop and test against; `python -m devnet` starts one with a consortium."""
