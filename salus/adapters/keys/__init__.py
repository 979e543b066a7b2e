"""Keys: encrypted files for accounts and encryption keys, and a patient's derived accounts."""
