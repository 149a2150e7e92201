"""What templates are shown, every word and figure decided."""
