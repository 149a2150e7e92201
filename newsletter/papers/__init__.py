"""Research papers merged over sources, the attention they get, and their ingest order."""
