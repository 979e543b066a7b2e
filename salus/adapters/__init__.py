"""The outside world, one driven port per module, and complete in-memory fakes."""
