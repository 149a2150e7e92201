"""Where papers and signals come from: one module per source, one polite HTTP client for all."""
