"""Pictures of a video and the object in them that is heard: what a visual prompt is made of.

From a file to what the velocity field reads, each step a generator, so that a long video is never
in memory as a whole:

    frames = read_video(path)                        # pictures at their times
    frames = keep_boxes(frames, boxes)               # or keep_masks: black around the object
    pairs = pair_by_time(frames, latent_frames)      # which picture serves which latent frames
    features = video_features(vision_encoder, pairs, latent_frames)

The model is shown the object alone, V * M in arXiv 2512.18099, section 3: pixels of the object are
kept, all others are black. The authors' helper for masks blackens the object instead, while their
benchmark does what the paper says; so do we.
"""

from typing import TYPE_CHECKING, Any

from soundsift.video.boxes import Box, keep_boxes
from soundsift.video.frames import VideoFrame, read_video
from soundsift.video.masks import keep_masks, read_masks
from soundsift.video.pairing import Pair, pair_by_time, pair_evenly
from soundsift.video.points import Point
from soundsift.video.prompt import VisualPrompt

if TYPE_CHECKING:
    from soundsift.video.features import video_features

__all__ = [
    "Box",
    "Pair",
    "Point",
    "VideoFrame",
    "VisualPrompt",
    "keep_boxes",
    "keep_masks",
    "pair_by_time",
    "pair_evenly",
    "read_masks",
    "read_video",
    "video_features",
]


def __getattr__(name: str) -> Any:
    # Only when it is used: it needs PyTorch, which the studio's server does not load.
    if name == "video_features":
        from soundsift.video.features import video_features

        return video_features
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
