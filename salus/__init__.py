"""Patient-controlled sharing of medical records: what the services have in common."""
