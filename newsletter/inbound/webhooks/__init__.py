"""What providers report of our mail over HTTP: proven at the door, kept, and acted upon like a mail that came back."""
