"""What several tests of regions look at."""

import pytest
from torch import Tensor

from seglib.scenes import Scenes


@pytest.fixture(scope="session")
def scene() -> Tensor:
    """(3, 60, 80) uint8."""
    return Scenes(length=1, size=(60, 80))[0][0].as_subclass(Tensor)
