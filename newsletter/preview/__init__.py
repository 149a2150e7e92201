"""What an editor looks at on his own machine: the preview of an issue, and the built-in inbox."""
