"""Writes augmentation.json: what Pillow makes of a small image by the operations of torchvision's AutoAugment, its colour jitter and its
resizing, each as torchvision's functional_pil calls it. Needs Pillow. Also writes cmyk.jpg."""

import io
import json
import math
import pathlib

from PIL import Image, ImageEnhance, ImageOps

HERE = pathlib.Path(__file__).parent
HEIGHT, WIDTH = 9, 11


def image():
    pixels = bytes(
        (c * 67 + y * 29 + x * 53 + x * y * 7) % 256 for y in range(HEIGHT) for x in range(WIDTH) for c in range(3)
    )
    return Image.frombytes("RGB", (WIDTH, HEIGHT), pixels)


def planes(picture):
    return b"".join(channel.tobytes() for channel in picture.split()).hex()


def affine(picture, matrix):
    return picture.transform(picture.size, Image.AFFINE, matrix, Image.NEAREST, fillcolor=(0, 0, 0))


def apply(name, picture, level, negative):
    sign = -1 if negative else 1
    linear = lambda most: sign * most * level / 9
    if name == "shear-y":
        return affine(picture, (1, 0, 0, linear(0.3), 1, 0))
    if name == "translate-x":
        return affine(picture, (1, 0, -int(linear(150 / 331 * WIDTH)), 0, 1, 0))
    if name == "translate-y":
        return affine(picture, (1, 0, 0, 0, 1, -int(linear(150 / 331 * HEIGHT))))
    if name == "rotate":
        return picture.rotate(linear(30), Image.NEAREST, fillcolor=(0, 0, 0))
    if name == "brightness":
        return ImageEnhance.Brightness(picture).enhance(1 + linear(0.9))
    if name == "colour":
        return ImageEnhance.Color(picture).enhance(1 + linear(0.9))
    if name == "contrast":
        return ImageEnhance.Contrast(picture).enhance(1 + linear(0.9))
    if name == "sharpness":
        return ImageEnhance.Sharpness(picture).enhance(1 + linear(0.9))
    if name == "posterise":
        return ImageOps.posterize(picture, 8 - round(level / (9 / 4)))
    if name == "solarise":
        return ImageOps.solarize(picture, 255 - 255 * level / 9)
    if name == "auto-contrast":
        return ImageOps.autocontrast(picture)
    if name == "equalise":
        return ImageOps.equalize(picture)
    return ImageOps.invert(picture)


NAMES = ["shear-y", "translate-x", "translate-y", "rotate", "brightness", "colour", "contrast", "sharpness", "posterise", "solarise",
         "auto-contrast", "equalise", "invert"]

cases = [
    {"operation": name, "level": level, "negative": negative, "pixels": planes(apply(name, image(), level, negative))}
    for name in NAMES
    for level in ([2, 5, 9] if name not in ("auto-contrast", "equalise", "invert") else [0])
    for negative in ([False, True] if name not in ("posterise", "solarise", "auto-contrast", "equalise", "invert") else [False])
]
sizes = [
    {"height": height, "width": width, "pixels": planes(image().resize((width, height), Image.BILINEAR))}
    for height, width in [(4, 5), (9, 6), (18, 22), (20, 7)]
]
(HERE / "augmentation.json").write_text(json.dumps({"cases": cases, "sizes": sizes}, indent=0) + "\n")
cmyk = io.BytesIO()
Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(cmyk, "JPEG", quality=90)
(HERE / "cmyk.jpg").write_bytes(cmyk.getvalue())
