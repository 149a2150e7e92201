"""What a bounce says: of whom, and why."""
