"""How much may go where: limits, relays, and how receivers bear it."""
