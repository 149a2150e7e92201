"""The command line: one module per command group, thin; only here errors become text and exit codes."""
