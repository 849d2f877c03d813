"""From a click on an object in a video to its mask in every picture.

    track = follow_object(path, points=[Point.parse("3.0,320,180")])
    track.masks()  # (height, width), bool, one per picture of read_video(path)

What runs offline needs OpenCV alone (`flow_segmenter`); SAM 2 and SAM 3 run where their weights
are (`sam`). Pictures are read once, made smaller, and kept in a temporary file (`pictures`).
"""

from soundsift.segmentation.follow import SEGMENTERS, follow_object
from soundsift.segmentation.track import ObjectTrack

__all__ = ["SEGMENTERS", "ObjectTrack", "follow_object"]
