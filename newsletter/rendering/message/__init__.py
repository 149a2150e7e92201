"""Messages as bytes: encoded, put together, looked at once more."""
