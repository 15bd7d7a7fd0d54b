"""A drawn figure, apart from what draws it."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Picture:
    """`name` is its files' stem, `alt` what it shows for one who cannot see it."""

    name: str
    title: str
    caption: str
    alt: str
    svg: bytes
    png: bytes
