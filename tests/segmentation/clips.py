"""Small videos of a moving object whose masks are known."""

import numpy as np

from soundsift.video.points import Point

HEIGHT, WIDTH = 72, 96


def disc_video(
    count: int = 12, hidden: range = range(0), cut: range = range(0)
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Pictures and masks of a disc in two colours that crosses a textured background.

    Args:
        count: number of pictures.
        hidden: pictures in which it is not there.
        cut: pictures of another scene, in which it is not there either.
    """
    noise = np.random.default_rng(4)
    first, second = (_texture(noise, colour) for colour in ((60, 120, 70), (180, 170, 190)))
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    pictures, masks = [], []
    for index in range(count):
        picture = (second if index in cut else first).copy()
        row, column = 34 + 0.5 * index, 24 + 3.0 * index
        mask = np.hypot(rows - row, columns - column) < 12
        if index in hidden or index in cut:
            mask[:] = False
        picture[mask] = (220, 60, 40)
        picture[mask & (rows > row)] = (240, 200, 60)
        pictures.append(picture)
        masks.append(mask)
    return pictures, masks


def _texture(noise: np.random.Generator, colour: tuple[int, int, int]) -> np.ndarray:
    coarse = noise.normal(0, 25, (HEIGHT // 8 + 1, WIDTH // 8 + 1, 1))
    smooth = np.kron(coarse, np.ones((8, 8, 1)))[:HEIGHT, :WIDTH]
    fine = noise.normal(0, 6, (HEIGHT, WIDTH, 3))
    return (np.array(colour) + smooth + fine).clip(0, 255).astype(np.uint8)


def click(index: int = 0) -> Point:
    """A click on the disc in a picture at 25 a second."""
    return Point(index / 25, 24 + 3.0 * index, 34 + 0.5 * index)
