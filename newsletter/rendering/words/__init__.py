"""What is said: text from outside made fit to be shown, and the sentences around it."""
