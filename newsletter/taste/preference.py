"""What a paper is worth to one reader: the common ranking, what was asked for, and what feedback says, in one number.

``value = matched + TASTE_WEIGHT * taste + STANDING_WEIGHT * standing`` where the first two add up to more than
``LEAST_WISH``, and 0 otherwise. Pure, and one call for a whole batch of readers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: What feedback counts beside a wish that was written down: a paper that feedback fully speaks for equals a named lab.
TASTE_WEIGHT = np.float32(1.0)
#: How far the common ranking reaches into a reader's own: the best paper of the pool beats the last one where that is wanted
#: more by less than this. (0.1 to 0.5 did about as well in ``benchmarks/personal.py``.)
STANDING_WEIGHT = np.float32(0.2)
#: Wishes weaker than this are chance: words that every paper has.
LEAST_WISH = np.float32(0.05)


def preference(standing: NDArray[np.float32], matched: NDArray[np.float32], taste: NDArray[np.float32]) -> NDArray[np.float32]:
    """Say what each of ``n`` papers is worth to each of ``m`` readers.

    Args:
        standing: shape (n,): place in the common ranking, 1 the best to 0 the worst.
        matched: shape (m, n): strength with which a paper answers what a reader asked for: 0 not at all, 0.5 category,
            0.8 keyword, 1 author or lab.
        taste: shape (m, n): what a reader's feedback says of a paper, about -1 to 1; 0 for readers who gave none.

    Returns:
        Shape (m, n), higher is better. At or below 0: not a paper to choose for that reader in particular.
    """
    wish = matched + TASTE_WEIGHT * taste
    return np.where(wish > LEAST_WISH, wish + STANDING_WEIGHT * standing, np.float32(0))
