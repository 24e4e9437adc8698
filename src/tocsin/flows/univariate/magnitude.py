"""Numbers of any size brought near one, and back, without overflow and without rounding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_MOST = float(np.finfo(np.float64).max)


@dataclass(frozen=True)
class Magnitude:
    """``value = (x + centre) * 2**exponent``: powers of two keep every digit, so 1e300 and 1e-300 are judged as 1 is.

    >>> size = Magnitude.of(np.array([1e308, 1.5e308, -1e308]))
    >>> bool(np.abs(size.down(np.array([1e308, -1e308]))).max() < 4)
    True
    """

    centre: float
    exponent: int

    @classmethod
    def of(cls, values: np.ndarray) -> Magnitude:
        """The size of ``values`` (n,), all finite."""
        exponent = int(np.frexp(np.abs(values).max())[1])
        return cls(float(np.median(np.ldexp(values, -exponent))), exponent)

    def down(self, values: np.ndarray) -> np.ndarray:
        """(n,) values → (n,) numbers around 0, at most a few in size."""
        return np.asarray(np.ldexp(values, -self.exponent) - self.centre)

    def up(self, x: np.ndarray) -> np.ndarray:
        """(n,) numbers → (n,) values, held within what a double can say."""
        most = self._most()
        return np.asarray(np.ldexp(np.clip(x + self.centre, -most, most), self.exponent))

    def room(self, width: np.ndarray, expected: np.ndarray) -> np.ndarray:
        """(n,) widths → (n,) widths in values, never so wide that ``expected`` plus or minus the width is no longer finite."""
        wide = np.ldexp(np.minimum(width, self._most()), self.exponent)
        return np.asarray(np.minimum(wide, _MOST * (1 - 1e-9) - np.abs(expected)).clip(0.0))

    def _most(self) -> float:
        # 2**-1074 * _MOST would be fine, 2**1074 * _MOST would not: below the middle there is no limit that matters
        return float(np.ldexp(_MOST, -self.exponent)) if self.exponent > 0 else _MOST / 4
