"""From a digest to bytes: MJML and Jinja to HTML and text, headers, encoding, splicing, linting."""
