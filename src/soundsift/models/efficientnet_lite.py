"""EfficientNet-Lite0: what a picture shows, as one of ImageNet's 1000 classes.

EfficientNet (Tan and Le, arXiv 1905.11946) without squeeze-and-excitation and with ReLU6. Padding
is TensorFlow's "same", from which the published weights come: with a stride of 2 the extra row and
column are at the lower right.

Shapes: B pictures, C channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad, relu6

#: Side of the pictures that the network was trained on, in pixels.
IMAGE_SIZE = 224
CLASSES, FEATURES = 1000, 1280

# Pixels 0..255 become (pixel - 127) / 128.
_MEAN, _SCALE = 127.0, 128.0


@dataclass(frozen=True)
class _Stage:
    """Blocks of one width: kernel, stride of the first one, expansion, channels, count."""

    kernel: int
    stride: int
    expansion: int
    channels: int
    count: int


_STEM = 32
_STAGES = (
    _Stage(3, 1, 1, 16, 1),
    _Stage(3, 2, 6, 24, 2),
    _Stage(5, 2, 6, 40, 2),
    _Stage(3, 2, 6, 80, 3),
    _Stage(5, 1, 6, 112, 3),
    _Stage(5, 2, 6, 192, 4),
    _Stage(3, 1, 6, 320, 1),
)


class _Convolution(nn.Module):
    """Convolution with "same" padding, batch normalisation and, unless linear, ReLU6."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int, groups: int, linear: bool
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=1e-3)
        self._kernel, self._stride, self._linear = kernel, stride, linear

    def forward(self, x: Tensor) -> Tensor:
        height, width = (self._padding(side) for side in x.shape[-2:])
        x = self.norm(self.conv(pad(x, (*width, *height))))
        activated: Tensor = x if self._linear else relu6(x)
        return activated

    def _padding(self, side: int) -> tuple[int, int]:
        outputs = -(-side // self._stride)
        extra = max(0, (outputs - 1) * self._stride + self._kernel - side)
        return extra // 2, extra - extra // 2


class _Block(nn.Module):
    """Inverted residual block: expand, filter each channel, project."""

    def __init__(self, inputs: int, stage: _Stage, stride: int) -> None:
        super().__init__()
        wide = inputs * stage.expansion
        self.expand = (
            _Convolution(inputs, wide, 1, 1, 1, linear=False) if stage.expansion > 1 else None
        )
        self.filter = _Convolution(wide, wide, stage.kernel, stride, wide, linear=False)
        self.project = _Convolution(wide, stage.channels, 1, 1, 1, linear=True)
        self._residual = stride == 1 and inputs == stage.channels

    def forward(self, x: Tensor) -> Tensor:
        hidden: Tensor = x if self.expand is None else self.expand(x)
        hidden = self.project(self.filter(hidden))
        out: Tensor = x + hidden if self._residual else hidden
        return out


class EfficientNetLite(nn.Module):
    """The network, 4.7 million parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _Convolution(3, _STEM, 3, 2, 1, linear=False)
        blocks, inputs = [], _STEM
        for stage in _STAGES:
            for number in range(stage.count):
                blocks.append(_Block(inputs, stage, stage.stride if number == 0 else 1))
                inputs = stage.channels
        self.blocks = nn.Sequential(*blocks)
        self.head = _Convolution(inputs, FEATURES, 1, 1, 1, linear=False)
        self.classifier = nn.Linear(FEATURES, CLASSES)

    def features(self, pictures: Tensor) -> Tensor:
        """What the classes are told from, `(B, 1280)`.

        Args:
            pictures: `(B, 3, 224, 224)`, from `normalise`.
        """
        mean: Tensor = self.head(self.blocks(self.stem(pictures))).mean((-2, -1))
        return mean

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits of the classes, `(B, 1000)`."""
        logits: Tensor = self.classifier(self.features(pictures))
        return logits


def normalise(picture: np.ndarray) -> Tensor:
    """A picture as the network reads it.

    Args:
        picture: `(height, width, 3)`, uint8, red, green, blue; squashed to a square.

    Returns:
        `(3, 224, 224)`, float32.
    """
    whole = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float()
    square = interpolate(
        whole, (IMAGE_SIZE, IMAGE_SIZE), mode="bicubic", align_corners=False, antialias=True
    )
    return (square[0].clamp(0, 255) - _MEAN) / _SCALE
