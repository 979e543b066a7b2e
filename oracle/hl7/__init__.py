"""HL7 v2: decode, parse, read, answer. Pure: no network, no clock, no environment."""
