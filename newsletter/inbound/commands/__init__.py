"""Commands by mail: what a reader wrote, whether it is certainly theirs, and what is done and answered."""
