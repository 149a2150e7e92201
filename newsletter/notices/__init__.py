"""Mails to single people outside any issue: confirm, welcome, goodbye. Queued in a transaction, sent at once."""
