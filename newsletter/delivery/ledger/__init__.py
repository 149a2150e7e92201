"""The account of every message: its states, who may change them, and how they are made durable."""
