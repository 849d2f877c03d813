from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="pip install 'soundsift[studio]'")

from soundsift.studio.downloads import sound_response
from soundsift.studio.errors import RequestError


def test_a_deleted_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"no sound of street\.wav") as caught:
        sound_response(tmp_path / "gone.wav", "street.wav", "", False)
    assert caught.value.status == 404
