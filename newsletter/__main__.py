"""``python -m newsletter``: the same as the console script."""

from newsletter.cli import main

main()
