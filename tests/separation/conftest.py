"""A separator with a tiny random model."""

import pytest
from tests.tiny_model import write_tiny_model

import soundsift
from soundsift.separation.separator import Separator


@pytest.fixture(scope="module")
def separator(tmp_path_factory: pytest.TempPathFactory) -> Separator:
    folder = write_tiny_model(tmp_path_factory.mktemp("tiny"))
    return soundsift.load(folder, device="cpu")
