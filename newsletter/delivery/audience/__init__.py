"""Who gets an issue, and which papers each of them ever got."""
