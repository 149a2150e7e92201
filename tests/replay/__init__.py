"""Real days played again from the first to the last, with the whole program and a clock that is moved."""
