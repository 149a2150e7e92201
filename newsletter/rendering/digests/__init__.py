"""The digests of an issue, put together from pieces."""
