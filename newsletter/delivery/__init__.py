"""From an open issue to accounted messages: the ledger, the SMTP transport, and the sender that joins them."""
