"""One sending run: claims given out to connections, and their results taken down."""
