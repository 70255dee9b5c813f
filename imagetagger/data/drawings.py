"""Procedural drawings of twelve subjects: a small data set that needs no download.

Shapes are arrays of x + iy, y down. A subject is about 1 high, its origin at its foot or, if it floats, its middle.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from PIL import Image, ImageDraw

Rng = np.random.Generator
Brush = Callable[..., None]
OVERSAMPLING = 4


def _rgb(codes: str) -> np.ndarray:
    return np.array([list(bytes.fromhex(code)) for code in codes.split()], float)


MOODS = {  # colours of the zenith, the horizon and the ground, and the light on subjects
    "day": _rgb("5fb4ec e3f5fb 7fbf7b ffffff"), "mint": _rgb("7cc6c3 f4f7e4 9cbf6b fffdf5"),
    "dawn": _rgb("8aa4e0 ffd6bf 8fa592 fff0e8"), "gold": _rgb("f7b267 fff1cf d8a25e fff3df"),
    "dusk": _rgb("4a3f92 ff9d7c 5a4678 f4d8da"), "night": _rgb("0f1a44 4562a3 24386c c8d2f6"),
    "snow": _rgb("a9cdea f5f9fc e9f1f8 f6faff"), "sea": _rgb("9fe3e6 23709a e8d5a4 ffffff"),
    "bay": _rgb("5fb4ec e9f6f6 2f86b0 ffffff"), "lagoon": _rgb("f7b267 fff1cf 3c8f97 fff3df"),
    "harbour": _rgb("4a3f92 ff9d7c 3a4382 f4d8da"), "fjord": _rgb("8aa4e0 ffd6bf 4f7fa8 fff0e8"),
}  # fmt: skip
WHITE, CREAM, INK, WOOD, GLASS, LAMP, ROCK = _rgb("ffffff fff1d6 2b3252 a8704a 8fcbe6 ffe49a 7582a8")
BRIGHT = _rgb("f2685c f5b83d 2a9d8f e7798d 7b6cc4 4f9fe0 f08a4b c8553d")
GREENS = _rgb("3f9b6b 5cab58 2f8577 86b04a 4c8c4a")


def _poly(*xy: float) -> np.ndarray:
    return np.array(xy[::2]) + 1j * np.array(xy[1::2])


def _oval(x: float, y: float, rx: float, ry: float = 0, start: float = 0, end: float = 360) -> np.ndarray:
    turn = np.deg2rad(np.linspace(start, end, 40))
    return x + rx * np.cos(turn) + 1j * (y + (ry or rx) * np.sin(turn))


def _round(*xy: float) -> np.ndarray:
    """Return a smooth symmetric outline from the corners that pull at its right half."""
    shape = np.append(_poly(*xy), -_poly(*xy)[::-1].conj())
    for _ in range(3):  # Chaikin's corner cutting
        shape = (np.stack([3 * shape + np.roll(shape, -1), shape + 3 * np.roll(shape, -1)], 1) / 4).ravel()
    return shape


def _hill(rng: Rng, height: float, flat: bool) -> np.ndarray:
    x, (a, b), wave = np.linspace(0, 1, 50), rng.uniform(0, 7, 2), 0.013 if flat else 0.03
    return np.append(x + 1j * (height + wave * (np.sin(a + 4.5 * x) + np.sin(b + 9 * x) / 2)), [1 + 1j, 1j])


def _brush(image: Image.Image, light: np.ndarray, at: complex = 0, size: float = 1, turn: float = 0) -> Brush:
    """Return a function that paints a shape in its place; `shade` is the x where its dark side begins."""
    pen = ImageDraw.Draw(image, "RGBA")

    def paint(shape: np.ndarray, color: np.ndarray, alpha: float = 1, shade: float | None = None) -> None:
        points = (shape * 1j ** (turn / 90) * size + at) * image.width
        shown = (color * light / 255).clip(0, 255).astype(int).tolist()
        pen.polygon(points.view(float).tolist(), fill=(*shown, round(alpha * 255)))
        if shade is not None:
            paint(np.maximum(shape.real, shade) + 1j * shape.imag, INK, 0.14)

    return paint


def _balloon(paint: Brush, rng: Rng) -> None:
    (first, second), shape = rng.permutation(BRIGHT)[:2], _round(0.4, -0.53, 0.46, -0.1, 0.08, 0.28)
    paint(_poly(-0.09, 0.2, 0.09, 0.2, 0.05, 0.4, -0.05, 0.4), INK, 0.6)
    paint(_poly(-0.08, 0.36, 0.08, 0.36, 0.07, 0.48, -0.07, 0.48), WOOD, shade=0.02)
    for width, color in ((1, first), (0.68, CREAM if rng.random() < 0.6 else second), (0.3, first)):
        paint(shape.real * width + 1j * shape.imag, color, shade=0.12)


def _boat(paint: Brush, rng: Rng) -> None:
    hull, sail = rng.permutation(BRIGHT)[:2]
    paint(_poly(-0.015, -0.9, 0.015, -0.9, 0.015, -0.1, -0.015, -0.1), WOOD)
    paint(_poly(0.04, -0.86, 0.2, -0.5, 0.42, -0.2, 0.04, -0.2), CREAM)
    paint(_poly(-0.04, -0.74, -0.14, -0.45, -0.34, -0.2, -0.04, -0.2), sail)
    paint(_poly(-0.46, -0.15, 0.46, -0.15, 0.3, 0.12, -0.34, 0.12), hull, shade=0.1)
    paint(_poly(-0.46, -0.15, 0.46, -0.15, 0.43, -0.09, -0.43, -0.09), CREAM)


def _cactus(paint: Brush, rng: Rng) -> None:
    (pot, bloom), green = rng.permutation(BRIGHT)[:2], rng.choice(GREENS)
    for i, (low, high) in enumerate(rng.uniform((-0.45, -0.8), (-0.3, -0.6), (rng.integers(1, 3), 2))):
        paint(_round(0.06, high, 0.06, low, 0, low) + (-1) ** i * 0.24, green)
        paint(1j * _round(0.05, -0.1, 0.05, 0.1) + complex((-1) ** i * 0.12, low - 0.08), green)
    paint(_round(0.12, -0.95, 0.12, 0, 0, 0), green, shade=0.05)
    paint(_round(0.07, -0.98, 0.05, -0.86), bloom, rng.integers(0, 2))
    paint(_poly(-0.2, -0.28, 0.2, -0.28, 0.15, 0, -0.15, 0), pot, rng.integers(0, 2))


def _fish(paint: Brush, rng: Rng) -> None:
    (body, fin), fat = rng.permutation(BRIGHT)[:2], rng.uniform(0.24, 0.36)
    paint(_oval(0.02, -fat * 0.75, 0.18, 0.16), fin)
    paint(-1j * _round(0.3, -0.56, 0, -0.3, 0, -0.2), fin)
    paint(-1j * _round(0, -0.42, fat * 1.2, -0.05, fat, 0.5), body)
    for x, r, color in ((0.02, 0.1, fin), (0.26, 0.065, WHITE), (0.275, 0.035, INK)):
        paint(_oval(x, 0.07 if color is fin else -0.05, r), color)
    for x, y, r in rng.uniform((0.4, -0.6, 0.02), (0.6, 0, 0.05), (3, 3)):
        paint(_oval(x, y, r), WHITE, 0.4)


def _flower(paint: Brush, rng: Rng) -> None:
    (petal, core), leaf, count = rng.permutation(BRIGHT)[:2], rng.choice(GREENS), rng.integers(5, 12)
    paint(_poly(-0.025, 0, -0.02, -0.75, 0.02, -0.75, 0.025, 0), leaf)
    for turn in rng.uniform((-0.8, 0.4), (-0.4, 0.8)):
        paint(_round(0.01, -0.42, 0.16, -0.2, 0, 0) * 1j**turn, leaf * 0.92)
    long, wide = rng.uniform((0.16, 1.8 / count), (0.22, 2.5 / count))
    for i in range(2 * count):  # a darker ring of petals behind
        shape = _oval(0, -long * 0.75, wide * long, long * 0.65) * 1j ** ((i + i // count / 2) * 4 / count)
        paint(shape - 0.75j, petal * (0.88 if i < count else 1))
    paint(_oval(0, -0.75, 0.09), core * 0.3 + BRIGHT[1] * 0.7, shade=0.03)


def _house(paint: Brush, rng: Rng) -> None:
    (roof, door, wall), w, h = rng.permutation(BRIGHT)[:3], *rng.uniform((0.3, -0.56), (0.42, -0.4))
    paint(_poly(w * 0.4, h, w * 0.4, h - 0.36, w * 0.65, h - 0.36, w * 0.65, h), roof * 0.7)
    paint(_poly(-w, 0, -w, h, 0, h - 0.38, w, h, w, 0), 0.2 * wall + 0.8 * CREAM, shade=w * 0.35)
    eaves = _poly(0, h - 0.44, w * 1.2, h + 0.05, w * 1.1, h + 0.1, 0, h - 0.27)
    paint(np.append(eaves, -eaves[::-1].conj()), roof)
    paint(_poly(-0.08, -0.28, 0.08, -0.28, 0.08, 0, -0.08, 0) - w * 0.5, door)
    for at in (complex(w * 0.45, -0.2), complex(0, h - 0.06)):
        for x, y, color in ((0.1, 0.1, WHITE), (0.08, 0.08, rng.choice([GLASS, LAMP])), (0.01, 0.08, WHITE)):
            paint(_poly(-x, -y, x, -y, x, y, -x, y) + at, color)


def _moon(paint: Brush, rng: Rng) -> None:
    pale, bulge = CREAM * 1.2, rng.choice([0.5, rng.uniform(-0.4, -0.15)])
    for r in np.linspace(1.2, 0.5, 12):
        paint(_oval(0, 0, r), pale, 0.035)
    paint(np.append(_oval(0, 0, 0.5, 0.5, 90, 270), _oval(0, 0, bulge, 0.5, -90, 90)), pale)
    for x, y, r in rng.uniform((-0.28, -0.28, 0.05), (0.28, 0.28, 0.11), (4, 3)):
        paint(_oval(x, y, r), pale * 0.85, bulge == 0.5)


def _mountain(paint: Brush, rng: Rng) -> None:
    rock, w = ROCK * rng.uniform(0.7, 0.95) + 0.2 * rng.choice(BRIGHT), rng.uniform(0.6, 0.9)
    paint(_poly(-w, 0.1, 0, -1, w, 0.1), rock)
    paint(_poly(0, -1, w * 0.3, -0.67, w * 0.13, -0.73, 0, -0.6, w * -0.13, -0.74, w * -0.3, -0.67), WHITE)
    paint(_poly(0, -1, w, 0.1, 0.1, 0.1, 0.08, -0.4, -0.03, -0.65), INK, 0.2)


def _mushroom(paint: Brush, rng: Rng) -> None:
    cap, (w, h, fat) = rng.choice([*BRIGHT, WOOD]), rng.uniform((0.34, 0.4, 0.08), (0.5, 0.58, 0.14))
    paint(_round(fat * 0.8, -0.6, fat * 0.8, -0.2, fat * 1.6, 0.03), CREAM, shade=fat * 0.25)
    paint(_oval(0, -0.42, w, 0.09), CREAM * 0.86)
    paint(np.append(_oval(0, -0.42, w, h, 180, 360), _oval(0, -0.42, w, 0.035, 0, 180)), cap, shade=w * 0.35)
    for x, y, r in ((-0.5, 0.35, 0.06), (0.05, 0.55, 0.08), (0.55, 0.3, 0.05), (-0.1, 0.15, 0.045)):
        paint(_oval(x * w, -0.42 - y * h, r, r * 0.85), CREAM)


def _rocket(paint: Brush, rng: Rng) -> None:
    (main, trim), body = rng.permutation(BRIGHT)[:2], _round(0, -0.62, 0.12, -0.5, 0.24, -0.1, 0.14, 0.36)
    for wide, color in ((1, BRIGHT[0]), (0.65, BRIGHT[1]), (0.3, CREAM)):
        paint(_round(0.13 * wide, 0.3, 0.1 * wide, 0.5, 0, 0.42 + 0.3 * wide), color)
    paint(_poly(0, 0, 0.3, 0.28, 0.3, 0.46, 0.1, 0.34, -0.1, 0.34, -0.3, 0.46, -0.3, 0.28), trim)
    paint(body, CREAM, shade=0.05)
    paint(body[body.imag < -0.27], main, shade=0.05)
    paint(_oval(0, -0.1, 0.1), main)
    paint(_oval(0, -0.1, 0.07), GLASS)


def _sun(paint: Brush, rng: Rng) -> None:
    color, rays = 1.1 * (BRIGHT[1] + rng.random() * (BRIGHT[6] - BRIGHT[1])), rng.choice([0, 8, 11, 14])
    for r in np.linspace(1.2, 0.5, 12):
        paint(_oval(0, 0, r), color, 0.035 if r > 0.5 else 1)
    for i in range(rays):
        paint(_poly(0.57, -0.065, 0.8, -0.01, 0.8, 0.01, 0.57, 0.065) * 1j ** (4 * i / rays), color)
    paint(_oval(0, 0, 0.4), WHITE, 0.18)


def _tree(paint: Brush, rng: Rng) -> None:
    leaf, w = rng.choice([*GREENS, *GREENS, *BRIGHT[[1, 3, 6]]]), rng.uniform(0.22, 0.38)
    paint(_poly(-0.05, -0.5, 0.05, -0.5, 0.07, 0, -0.07, 0), WOOD * 0.8)
    pine = [_poly(-w * r, y, 0, y - 0.45, w * r, y) for y, r in ((-0.15, 1), (-0.38, 0.8), (-0.6, 0.6))]
    crown = [_oval(w * x, y, w * r) for x, y, r in ((0, -0.62, 1), (-0.6, -0.48, 0.65), (0.65, -0.45, 0.6))]
    for shape in pine if rng.random() < 0.4 else crown[: rng.choice([1, 3])]:
        paint(shape, leaf, shade=0.06)


def _backdrop(image: Image.Image, rng: Rng, name: str, horizon: float, flat: bool) -> np.ndarray:
    """Paint the background and return the colours of the mood."""
    studio = np.vstack([0.3 * rng.permutation(BRIGHT)[:3] + 0.7 * CREAM, WHITE])
    top, low, ground, light = mood = MOODS.get(name, studio)
    image.paste(Image.fromarray(mood[:2, None].astype(np.uint8)).resize(image.size, Image.Resampling.BICUBIC))
    paint, dark = _brush(image, WHITE), top[0] < 80
    for x, y, size in rng.random((20 * dark, 3)):
        paint(_oval(x, y * 0.6, 0.003 + 0.006 * size**2)[::5], WHITE, 0.45 + 0.5 * size)
    if name == "studio":
        paint(_oval(0.5, 0.48, rng.uniform(0.34, 0.44)), ground)
    elif horizon < 0.7 and rng.random() < 0.3:  # a sun or moon that is not the subject
        (_moon if dark else _sun)(_brush(image, light, complex(*rng.uniform(0.1, 0.3, 2)), 0.11), rng)
    for x, y, size in rng.uniform((0, 0.1, 0.15), (1, 0.5, 0.4), (rng.integers(0, 4) * (name != "sea"), 3)):
        for dx, r in zip((-0.32, 0, 0.32), rng.uniform((0.14, 0.24, 0.14), (0.24, 0.38, 0.24)), strict=True):
            _brush(image, WHITE, complex(x, y), size)(_oval(dx, 0, r * 1.1, r, 180, 360), (low + WHITE) / 2)
    for i, part in enumerate((0.4, 0.72, 1)):
        paint(_hill(rng, horizon + 0.08 * i, flat), low + (ground - low) * part)
    return mood


def _picture(
    subject: Callable[[Brush, Rng], None], moods: str, image: Image.Image, rng: Rng, horizon: float = 0.66,
    most: int = 3, size: float = 0.7, y: tuple[float, float] = (0.84, 0.94), tilt: float = 4, near: float = 2,
) -> None:  # fmt: skip
    """Paint one to `most` subjects, those higher up first and smaller, and the hills or sea before them."""
    mood, n = _backdrop(image, rng, rng.choice(moods.split()), horizon, near < 1), rng.integers(1, most + 1)
    columns = 0.5 + (rng.permutation(n) - (n - 1) / 2) * 0.55 / n**0.6 + rng.normal(0, 0.05, n)
    for x, low in zip(columns, np.sort(rng.uniform(*y, n)), strict=True):
        at, scale = complex(x, low), size * rng.uniform(0.8, 1.1) * n**-0.42 * (1 + 0.8 * (low - y[1]))
        _brush(image, WHITE, at, scale)(_oval(0.05, 0, 0.22, 0.035), INK, 0.2 * (low > 0.75))  # its shadow
        subject(_brush(image, mood[3], at, scale, rng.normal(0, tilt)), rng)
    _brush(image, WHITE)(_hill(rng, near, flat=True), mood[2])


LAND = "day mint dawn gold dusk"
DRAWINGS: dict[str, Callable[[Image.Image, Rng], None]] = {
    "balloon": partial(_picture, _balloon, f"{LAND} snow", horizon=0.85, y=(0.36, 0.55)),
    "boat": partial(_picture, _boat, "bay bay lagoon harbour fjord", y=(0.77, 0.8), near=0.8),
    "cactus": partial(_picture, _cactus, "studio studio gold dawn dusk night", tilt=2),
    "fish": partial(_picture, _fish, "sea", horizon=0.8, y=(0.36, 0.64), tilt=9),
    "flower": partial(_picture, _flower, f"studio studio {LAND}", size=0.8, y=(0.88, 0.97)),
    "house": partial(_picture, _house, f"{LAND} night snow", most=2, y=(0.8, 0.92), tilt=1.5),
    "moon": partial(_picture, _moon, "night night dusk dawn", horizon=0.8, most=1, size=0.42, y=(0.28, 0.5)),
    "mountain": partial(_picture, _mountain, f"{LAND} night snow", most=4, y=(0.76, 0.82), near=0.8),
    "mushroom": partial(_picture, _mushroom, f"studio studio {LAND}", tilt=6),
    "rocket": partial(_picture, _rocket, "studio night dusk day", horizon=2, most=1, y=(0.4, 0.5), tilt=24),
    "sun": partial(_picture, _sun, f"{LAND} bay", horizon=0.8, most=1, size=0.4, y=(0.3, 0.68), near=0.7),
    "tree": partial(_picture, _tree, f"{LAND} night snow", most=4, y=(0.76, 0.93), tilt=2),
}
DRAWING_TAGS = tuple(DRAWINGS)


def draw_picture(tag: str, rng: Rng, size: int = 96) -> Image.Image:
    """Return a drawing of the tag, RGB, size x size; the same state of `rng` gives the same drawing.

    Raises:
        ValueError: an unknown tag.
    """
    if tag not in DRAWINGS:
        raise ValueError(f"got tag={tag!r}: expected one of {', '.join(DRAWING_TAGS)}")
    DRAWINGS[tag](image := Image.new("RGB", (size * OVERSAMPLING,) * 2), rng)
    pixels = np.asarray(image.resize((size, size), Image.Resampling.LANCZOS))[:, :: rng.choice([-1, 1])]
    pixels = pixels * rng.uniform(0.97, 1.03, 3) + rng.normal(0, rng.uniform(0.5, 2), (size, size, 1))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
