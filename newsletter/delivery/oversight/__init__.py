"""To see it from outside: progress, forecast, and a rehearsal."""
