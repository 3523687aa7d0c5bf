"""The band that a description names: `B02: 490 nm`, `sur_refl_B4_median`, `rouge`, `近红外`.

A description may hold several statements: a band's name, a colour, a wavelength. Each allows some bands, and the description
names the one band that all of them allow. A description whose statements disagree, or that has none, names no band.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

COMMON_NAMES = {
    "B01": "coastal",
    "B02": "blue",
    "B03": "green",
    "B04": "red",
    "B05": "rededge1",
    "B06": "rededge2",
    "B07": "rededge3",
    "B08": "nir",
    "B8A": "nir08",
    "B09": "nir09",
    "B11": "swir16",
    "B12": "swir22",
}
"""Name of a Sentinel-2 band -> its common name in STAC catalogues."""
CLASSES, ALPHA = "SCL", "alpha"
"""Names of bands that are no part of the picture: the scene classification, and the transparency."""
CENTRES_NM = {
    "B01": 443, "B02": 492, "B03": 560, "B04": 665, "B05": 704, "B06": 740, "B07": 783, "B08": 836, "B8A": 865, "B09": 945,
    "B10": 1375, "B11": 1612, "B12": 2195,
}  # fmt: skip
"""Central wavelengths of Sentinel-2's bands in nm, the mean of its satellites (ESA)."""
KNOWN = {*CENTRES_NM, CLASSES, ALPHA}
TOLERANCE_NM = 13
SHORT_WAVE_NM, SHORT_WAVE_TOLERANCE_NM = 1000, 35

EDGE, INFRARED, SHORT_WAVE = ("B05", "B06", "B07", "B8A"), ("B08", "B8A", "B09"), ("B11", "B12", "B10")
INFRA_RED = r"infra[ -]?(?:red|rot|rouge|rojo)|infrarrojo|infrarosso|infravermelho|инфракрасн\w*|红外|紅外"
PHRASES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"(?:red[ -]?edge|rot[ -]?kante|bord (?:du )?rouge|borde (?:del )?rojo|bordo (?:del )?rosso|borda (?:do )?vermelh[ao]"
     r"|красн\w+ кра\w+|краин\w+ красн\w+|红边|紅邊) ?([123])(?!\d)", ()),
    (r"red[ -]?edge|rot[ -]?kante|bord (?:du )?rouge|borde (?:del )?rojo|bordo (?:del )?rosso|borda (?:do )?vermelh[ao]"
     r"|красн\w+ кра\w+|краин\w+ красн\w+|红边|紅邊", EDGE),
    (r"swir ?(?:16|1)(?!\d)", ("B11",)),
    (r"swir ?(?:22|2)(?!\d)", ("B12",)),
    (r"(?:short[ -]?wave|kurzwellig\w*|ondes courtes|onda corta|onda curta|коротковолнов\w*|短波) ?(?:" + INFRA_RED + r")?"
     r"|(?<![a-z])swir(?![a-z])", SHORT_WAVE),
    (r"nir ?0?9|water vapou?r", ("B09",)),
    (r"narrow nir|nir narrow|nir ?0?8a?(?!\d)|nir 2(?!\d)", ("B8A",)),
    (r"cirrus", ("B10",)),
    (r"coastal(?: aerosol| blue)?|ultra blue", ("B01",)),
    (r"(?:near|nah\w*|proche|vicino|ближн\w+|近)[ -]?(?:" + INFRA_RED + r")|(?:" + INFRA_RED + r") (?:cercano|vicino|proximo|proche)"
     r"|(?<![a-z])(?:nir|pir|бик)(?![a-z])", INFRARED),
    (INFRA_RED, (*EDGE, *INFRARED, *SHORT_WAVE)),
    (r"(?<![a-z])(?:red|rot|rote[rs]?|rouge|roj[oa]|ross[oa]|vermelh[ao])(?![a-z])|красн\w*|红|紅", ("B04",)),
    (r"(?<![a-z])(?:green|grun|grune[rs]?|gruen|vert|verte|verde)(?![a-z])|зелен\w*|绿|綠", ("B03",)),
    (r"(?<![a-z])(?:blue|blau|blaue[rs]?|bleue?|azul|blu|azzurro)(?![a-z])|(?<!\w)син\w*|голуб\w*|蓝|藍", ("B02",)),
    (r"(?<![a-z])scl(?![a-z])|scene class\w*", (CLASSES,)),
    (r"^alpha(?: band| channel)?$|^transparen\w*$", (ALPHA,)),
)  # fmt: skip
"""What a description may say, in folded letters, and the bands that it allows; what one takes, the next do not see."""
SHORT_COLOURS = {"r": "B04", "g": "B03", "b": "B02"}
NAME = re.compile(r"(?<![a-z0-9])b ?0?(\d{1,2})(a?)(?![a-z0-9])")
NUMBERED = re.compile(r"(?:band|bande|banda|kanal|canal|channel|layer|lyr|波段|канал)? ?0?(\d{1,2})(a?)")
"""A description that only counts: where the numbers are not the places of the bands, they are names."""
WAVELENGTH = re.compile(
    r"(?:(\d+(?:\.\d+)?) ?[-\u2013] ?)?(\d+(?:\.\d+)?) ?(?:(nm|nanomet\w+|нм|纳米)|(?:μm|um|micromet\w+|micron\w*|мкм|微米))(?![a-z])"
)
OTHER_MEANINGS = re.compile(
    r"(?<![a-z])(?:std|stddev|stdev|sigma|variance|var|count|errors?|uncertainty|mask|flags?|qa|ratio|index|difference|nd[a-z]i"
    r"|clouds?|probability|aot|wvp)(?![a-z])"
)
"""Words of bands that hold something else than the reflectance of the band that they name."""


def band_named(description: str) -> str | None:
    """Return the band that a description names, None where it names none, or several."""
    text = _folded(description)
    if not text or OTHER_MEANINGS.search(text):
        return None
    if text in SHORT_COLOURS:
        return SHORT_COLOURS[text]
    allowed = [set(bands) for bands in _statements(text)]
    common = set.intersection(*allowed) if allowed else set()
    if common == set(INFRARED):  # plain near infrared
        return "B08"
    return next(iter(common & KNOWN), None) if len(common) == 1 else None


def bands_named(descriptions: Sequence[str]) -> list[str | None]:
    """Return the band that each of a file's descriptions names; numbers alone are names where they do not just count."""
    names = [band_named(text) for text in descriptions]
    numbers = [NUMBERED.fullmatch(_folded(text)) for text in descriptions]
    if all(numbers) and any(not _counts(text, place) for place, text in enumerate(descriptions, 1)):
        bands = [_band_of_number(match[1], match[2]) for match in numbers if match]
        return [band if band in KNOWN else None for band in bands]
    return names


def unread(descriptions: Sequence[str], names: Sequence[str | None]) -> list[str]:
    """Return the descriptions that say something, but name no band."""
    return [
        text
        for place, (text, name) in enumerate(zip(descriptions, names, strict=True), 1)
        if text.strip() and name is None and not _counts(text, place) and not _counts_alike(descriptions)
    ]


def _counts(description: str, place: int) -> bool:
    """Whether a description is the number of its place, perhaps after a word: ``Band 1``, ``lyr.1``."""
    match = NUMBERED.fullmatch(_folded(description))
    return bool(match and int(match[1]) == place and not match[2])


def _counts_alike(descriptions: Sequence[str]) -> bool:
    """Whether all descriptions are one text with the number of the place at its end: ``image_1``, ``image_2``."""
    stems = [re.fullmatch(rf"(.*\D)0?{place}", text.strip()) for place, text in enumerate(descriptions, 1)]
    return (
        len(stems) > 1 and len({stem[1] if stem else text for stem, text in zip(stems, descriptions, strict=True)}) == 1
    )


def _folded(text: str) -> str:
    """Return a text in small letters without accents, its punctuation as spaces but for points in numbers and hyphens."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    letters = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return " ".join(re.sub(r"(?<!\d)\.|\.(?!\d)|[^\w.\u2013-]|_", " ", letters).split())


def _statements(text: str) -> Iterator[Sequence[str]]:
    """Yield the bands that each statement of a folded description allows."""
    yield from ([_band_of_number(number, letter)] for number, letter in NAME.findall(text))
    for low, high, nanometres in WAVELENGTH.findall(text):
        ends = [float(end) * (1 if nanometres else 1000) for end in (low, high) if end]
        middle = sum(ends) / len(ends)
        if middle >= CENTRES_NM["B01"] - TOLERANCE_NM:  # a smaller one is a width
            yield _bands_at(middle)
    for pattern, bands in PHRASES:
        for match in re.finditer(pattern, text):
            yield bands or [EDGE[int(match[1]) - 1]]
        text = re.sub(pattern, " ", text)


def _band_of_number(number: str, letter: str) -> str:
    return f"B{int(number)}A" if letter else f"B{int(number):02d}"


def _bands_at(nanometres: float) -> list[str]:
    tolerance = SHORT_WAVE_TOLERANCE_NM if nanometres > SHORT_WAVE_NM else TOLERANCE_NM
    return [band for band, centre in CENTRES_NM.items() if abs(centre - nanometres) <= tolerance]
