"""The built-in inbox: catches the mails that would leave, and shows them."""
