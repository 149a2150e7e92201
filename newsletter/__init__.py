"""Trending research papers in your inbox: collect, rank, choose, compose, send, and account for every mail."""

__version__ = "0.1.0"
