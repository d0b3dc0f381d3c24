"""The pictures of the selftest: a plain notice with words on it, drawn when they are needed."""

import textwrap

from ecoalign_agent.llm.images import ImageView, Picture

WIDTH, HEIGHT, LETTERS = 1024, 768, 52
"""Pixels of the picture and of its letters: readable still when it is shrunk to 512."""


async def notice(words: str) -> ImageView:
    """A notice that says ``words``, as it would be sent with a question."""
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415 - only where a picture is drawn

    picture = Image.new("RGB", (WIDTH, HEIGHT), (146, 168, 150))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((40, 40, WIDTH - 40, HEIGHT - 40), fill=(250, 248, 240), outline=(40, 60, 90), width=8)
    lines = textwrap.wrap(words, 30)
    for number, line in enumerate(lines):
        y = HEIGHT // 2 + (2 * number - len(lines) + 1) * LETTERS * 3 // 4
        draw.text((WIDTH // 2, y), line, font=ImageFont.load_default(LETTERS), fill=(30, 34, 44), anchor="mm")
    return await (await Picture.open(picture)).small()
