"""What the studio knows about a mail before it leaves: checks over its HTML, its text and its bytes, without any network."""
