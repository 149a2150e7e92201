"""Ways in that wait for mail: a listener for an MTA, and a mailbox that is asked over IMAP."""
