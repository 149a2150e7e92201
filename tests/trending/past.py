"""What the ranking's tests take for learned: round figures, so that they can be worked out by hand."""

from __future__ import annotations

import math

import numpy as np

from newsletter.trending.growth import Growth
from newsletter.trending.learned import Learned
from newsletter.trending.prior import Prior
from newsletter.trending.vectors import DIM

#: Half of a paper's votes come in its first 9 hours, where the logarithm of (age + 1 h) is half of that at 99 hours.
GROWTH = Growth((0.0, 99.0), (0.0, 1.0), 2.0)
#: Of every paper 10 votes at the least are expected, and 20 on the mean.
PRIOR = Prior(math.log1p(10.0), np.zeros(DIM), (0.0, 0.0), {})
LEARNED = Learned(GROWTH, PRIOR)
