"""SMTP on the wire: from an open connection to the one answer that says whether a message was taken."""
