"""The digest builder: an issue's frozen pool, and what each reader gets of it."""
