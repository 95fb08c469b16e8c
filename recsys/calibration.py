"""From a ranker's score to something that can be counted: the orders that a share is expected to bring."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """A rising line through knots, flat beyond its ends.

    score float32 (n_knots,), strictly ascending; expected float32 (n_knots,), never falling, 0 or more.
    `spread`: how much more the counts vary than chance alone, variance = mean + spread · mean².
    """

    score: Floats
    expected: Floats
    spread: float = 0.0

    def expected_at(self, score: Floats) -> Floats:
        """float32, the shape of `score`: orders that the circle keeps if she shares it once."""
        return np.interp(score, self.score, self.expected).astype(np.float32)
