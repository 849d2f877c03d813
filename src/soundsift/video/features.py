"""Pictures through the vision encoder: what the velocity field reads of a video."""

import hashlib
from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor

from soundsift.devices import pick_dtype
from soundsift.models.pe_vision import PeVision, normalise_pictures, resize_picture
from soundsift.video.pairing import Pair


@torch.inference_mode()
def video_features(
    vision_encoder: PeVision,
    pairs: Iterable[Pair],
    latent_frames: int,
    *,
    batch_size: int = 8,
    dtype: torch.dtype | None = None,
    progress: Callable[[float], None] | None = None,
) -> Tensor:
    """Encode the pictures of a video, each distinct one once.

    Most of the time of a visual prompt goes here. Pictures that are the same after resizing, such
    as all in which the object is not in view, are encoded once.

    Args:
        vision_encoder: The vision encoder, in eval mode.
        pairs: Pictures and the latent frames that they serve.
        latent_frames: Length of the recording in latent frames.
        batch_size: Pictures that go through the encoder together.
        dtype: What products run in, float32 or bfloat16; None: bfloat16 where the hardware has it.
        progress: Called with the fraction of the latent frames that have been dealt with.

    Returns:
        `(latent_frames, out_dim)`, float32, on the encoder's device; unit vectors, and zero where
        there is no video. `Conditioning.video` in `soundsift.models.velocity_field` is a batch of
        these.
    """
    device = vision_encoder.positions.device
    if dtype is None:
        dtype = pick_dtype(device)
    encoded: list[Tensor] = []
    waiting: list[Tensor] = []
    places: dict[bytes, int] = {}
    # Which distinct picture serves a latent frame; the one after the last is "no video".
    index = torch.full((latent_frames,), -1)

    def encode() -> None:
        if waiting:
            batch = normalise_pictures(torch.stack(waiting).to(device))
            with torch.autocast(device.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
                encoded.append(vision_encoder(batch))
            waiting.clear()

    for pixels, served in pairs:
        square = resize_picture(
            torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1),
            vision_encoder.config.image_size,
        )
        key = hashlib.blake2b(square.numpy().tobytes(), digest_size=16).digest()
        if key not in places:
            places[key] = len(places)
            waiting.append(square)
        index[served.start : served.stop] = places[key]
        if len(waiting) == batch_size:
            encode()
            if progress is not None:
                progress(served.stop / latent_frames)
    encode()
    if progress is not None:
        progress(1.0)
    nothing = torch.zeros(1, vision_encoder.config.out_dim, device=device)
    return torch.cat((*encoded, nothing))[index.to(device)]
