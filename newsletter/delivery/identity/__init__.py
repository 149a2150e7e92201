"""Who a message is from, provably: DKIM signatures and signed envelope senders."""
