"""Commands by noun; each module has `register(app)`."""
