"""What several rooms' tests stand on."""

from __future__ import annotations

import pytest

from harness import mnist
from harness.workload import Dataset


@pytest.fixture(scope="session")
def synthetic_root(tmp_path_factory):
    """A data root in torchvision's layout, made without any network."""
    cache = tmp_path_factory.mktemp("cache")
    return mnist.locate(Dataset.SYNTHETIC, data_dir=None, cache=cache).root
