"""What the measurements of sending share: sinks, a filled database, and the sides that send."""
