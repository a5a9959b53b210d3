"""What the formulas speak of: arrays with one entry per customer."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.signedinteger[Any]]
Flags = NDArray[np.bool_]
# Whole numbers, whichever way they are kept.
Counts = Integers | Floats
