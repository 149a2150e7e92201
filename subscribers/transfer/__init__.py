"""Readers in bulk: a list of addresses in, everybody out."""
