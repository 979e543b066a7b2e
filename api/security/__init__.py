"""Who calls: client keys and tokens for staff, signatures for patients, limits for everybody."""
