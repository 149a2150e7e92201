"""Pictures of papers and logos: fetched, checked, made anew, and kept to be served or sent along."""
