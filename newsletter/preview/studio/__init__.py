"""The studio: what each reader would see, before it leaves."""
