"""A photograph of twelve megapixels, made small for the scan, against plain Pillow."""

import io
import random

from PIL import Image

from benchmarks.measuring import Effort, Figure, Report, side_by_side
from ecoalign_agent.images.image import OVERVIEW, Picture

SIZE = (4_000, 3_000)


def photograph() -> bytes:
    """A JPEG that is as hard to decode as a photograph: clouds from large to fine, in colour. Always the same."""
    dice = random.Random(11)
    picture = Image.new("RGB", SIZE, (128, 128, 128))
    for cells in (4, 16, 64, 256, 1_000):
        size = (cells, cells * SIZE[1] // SIZE[0])
        layer = Image.frombytes("RGB", size, dice.randbytes(3 * size[0] * size[1]))
        picture = Image.blend(picture, layer.resize(SIZE, Image.Resampling.BICUBIC), 0.35)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=88)
    return out.getvalue()


async def pictures(effort: Effort) -> Report:
    """File to bytes as they are sent, ours against plain LANCZOS."""
    data = photograph()

    async def ours() -> None:
        # A Picture of its own each time: nothing is known from before.
        view = await (await Picture.open(data)).small()
        assert (view.width, view.height) == (512, 384)

    async def plain() -> None:
        opened = Image.open(io.BytesIO(data)).convert("RGB")
        opened.resize((512, 384), Image.Resampling.LANCZOS).save(io.BytesIO(), "JPEG", quality=90)

    mine, theirs = await side_by_side([ours, plain], "wall", effort.quick)
    note = (
        f"{mine.median * 1e3:.0f} ms against {theirs.median * 1e3:.0f} ms, from {len(data) / 1e6:.1f} MB of JPEG to "
        "the JPEG that is sent; ours with its checks and in a thread"
    )
    name = f"{SIZE[0]} × {SIZE[1]} photograph to {OVERVIEW} px / plain LANCZOS"
    return Report([Figure(name, mine.over(theirs), "×", 0.35, note)])
