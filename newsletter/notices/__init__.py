"""Mails to single people outside any issue: confirm, welcome, change of address. Queued in a transaction, sent at once."""
