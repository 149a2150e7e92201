"""Summaries of papers that no source summed up, written by a service the operator chose."""
