"""Templates: found, compiled to HTML, cut into parts."""
