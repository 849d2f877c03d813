import pytest
import torch

from soundsift import devices
from soundsift.devices import bfloat16_pays, pick_device, pick_dtype
from soundsift.errors import SoundsiftError


def test_device_is_there() -> None:
    assert torch.ones(2, device=pick_device()).sum() == 2
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_device("cpu:0").type == "cpu"
    for wrong in ("abacus", "abacus:0", "cuda:99", "cpu:x", "cpu:3", "cpu:", "cpu:-1", "cpu:0:0"):
        with pytest.raises(SoundsiftError, match=wrong):
            pick_device(wrong)


def test_graphics_cards_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert pick_device("cuda:1") == torch.device("cuda", 1)
    for wrong in ("cuda:2", "cuda:x"):
        with pytest.raises(SoundsiftError, match=f"{wrong}.*expected one of cuda, cuda:0, cuda:1"):
            pick_device(wrong)


@pytest.mark.parametrize(
    ("pays", "expected"), [(True, torch.bfloat16), (False, torch.float32)], ids=["pays", "not"]
)
def test_auto_follows_the_hardware(
    pays: bool, expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "bfloat16_pays", lambda _: pays)
    cpu = torch.device("cpu")
    assert pick_dtype(cpu) == pick_dtype(cpu, "auto") == expected
    assert pick_dtype(cpu, "float32") == torch.float32
    assert pick_dtype(cpu, "bfloat16") == torch.bfloat16


@pytest.mark.parametrize("capability", ["avx512_bf16", "amx_bf16", "bf16"])
def test_processors_that_multiply_bfloat16(
    capability: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpu = torch.device("cpu")
    capabilities = {capability: True}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert bfloat16_pays(cpu)
    capabilities[capability] = False
    assert not bfloat16_pays(cpu)


@pytest.mark.parametrize("device", ["meta", "mps"])
def test_devices_without_a_reason_stay_in_float32(device: str) -> None:
    assert pick_dtype(torch.device(device)) == torch.float32


def test_unknown_precision() -> None:
    with pytest.raises(SoundsiftError, match="'float16' is unknown; expected one of auto, float32"):
        pick_dtype(torch.device("cpu"), "float16")
