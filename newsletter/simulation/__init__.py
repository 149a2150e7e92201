"""Whole histories of a sending run in a simulated world: one seed, one history, the real delivery core inside."""
