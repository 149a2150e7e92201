"""The public pages over HTTP."""
