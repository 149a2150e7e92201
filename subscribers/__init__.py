"""The subscriber store: who gets the newsletter, what they chose, and proof that they asked for it.

Stands below :mod:`newsletter` and never imports it. Owns the declarative :class:`~subscribers.base.Base`, so the
whole program has one metadata and one migration history.
"""
