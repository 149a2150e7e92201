"""From a digest's stored body and its reader to the bytes of one message."""
