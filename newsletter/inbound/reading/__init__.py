"""Reading mails without trusting them."""
