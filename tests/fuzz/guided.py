"""Fuzzing of all that reads mail from outside, led by the code that is reached: ``make fuzz`` runs it.

One process: ``python -m tests.fuzz.guided SEEDS -runs=25000``; flags are libFuzzer's. It ends with an error at the first
exception, and at the first mail that takes longer than ``-timeout`` seconds; the mail is then in a file ``crash-…`` or
``timeout-…``. SEEDS is a folder of mails to begin with; it grows by those that reach new code.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["newsletter.inbound"], enable_loader_override=False):
    from tests.fuzz.target import read_and_sort

if __name__ == "__main__":
    atheris.Setup(sys.argv, read_and_sort)
    atheris.Fuzz()
