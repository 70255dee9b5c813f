"""Why a picture cannot be used."""


class BadImageError(ValueError):
    """A picture that cannot be used; the message gives the reason."""


MAX_SIDE = 300_000
"""Of a picture, in pixels. Wider or taller pictures do not exist, and Pillow crops no band of 256 of their rows."""


def check_pixels(width: int, height: int, pixel_limit: int) -> None:
    """Refuse a size before its pixels are decoded.

    Raises:
        BadImageError: no pixels, more than `pixel_limit`, or a side above `MAX_SIDE`.
    """
    if min(width, height) < 1:
        raise BadImageError(f"{width} x {height} pixels: an empty picture")
    if width * height > pixel_limit:
        raise BadImageError(f"{width} x {height} pixels, more than the limit of {pixel_limit:,} (pixel_limit)")
    if max(width, height) > MAX_SIDE:
        raise BadImageError(f"{width} x {height} pixels, expected at most {MAX_SIDE:,} a side")
