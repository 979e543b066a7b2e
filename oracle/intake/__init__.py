"""Intake: bytes from a wire to a reply. The rule is durable first, then answer.

The stage asks two ports, which `oracle.runtime` fills: a `Sink` for transports, a `Journal` behind the reception.
"""
