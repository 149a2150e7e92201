"""All of it on a bundled sample of real papers, with a built-in inbox."""
