"""Which kind of mail it is."""
