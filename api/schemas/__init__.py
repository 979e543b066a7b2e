"""JSON that goes in and out, as pydantic models: camelCase members, bytes as lower-case `0x` hex, nothing unknown."""
