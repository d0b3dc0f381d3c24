"""The picture that tells whether an endpoint sees: one plain number, drawn anew each time."""

import secrets

from ecoalign_agent.llm.picture import OVERVIEW, ImageView

NUMBERS = tuple(number for number in range(13, 99) if number not in {42, 69})
"""Two digits, without those that come to mind first."""


def any_number() -> int:
    """A number that nobody can know beforehand."""
    return secrets.choice(NUMBERS)


def numbered(number: int) -> ImageView:
    """``number``, dark on white, as large as the picture that a scan sends, and sent like it. Blocks for some 10 ms."""
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415 - Pillow is loaded with the first picture

    from ecoalign_agent.llm.pixels import encoded  # noqa: PLC0415 - as above

    picture = Image.new("RGB", (OVERVIEW, OVERVIEW), (255, 255, 255))
    ImageDraw.Draw(picture).text(
        (OVERVIEW // 2, OVERVIEW // 2), str(number), font=ImageFont.load_default(280), fill=(20, 24, 40), anchor="mm"
    )
    data, mime = encoded(picture)
    return ImageView(data, mime, OVERVIEW, OVERVIEW, "low")
