"""Small data sets for training."""

from pathlib import Path

import gref_train
import pytest


@pytest.fixture(scope="module")
def gref(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data root of `gref_train`, whole."""
    return gref_train.write(tmp_path_factory.mktemp("gref"))


@pytest.fixture(scope="module")
def holed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same without its sixth image."""
    return gref_train.write(tmp_path_factory.mktemp("holed"), missing=6)
