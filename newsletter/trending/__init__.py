"""From signals to a score with a receipt."""
