"""The bands of an image by what its file says: their descriptions first, then GDAL's colour interpretation.

Every 8-bit file of three or four bands says red, green, blue, unless its writer said otherwise, and pictures in false
colours say so too. So this order counts only for an image of red, green and blue. Any other order of colours was meant.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rasterio.enums import ColorInterp
from rasterio.io import DatasetReader

from lobate.errors import UserError
from lobate.io.band_names import CENTRES_NM, bands_named, unread
from lobate.io.validity import alpha_bands

COLOURS = {ColorInterp.red: "B04", ColorInterp.green: "B03", ColorInterp.blue: "B02"}
TRUE_COLOUR = tuple(COLOURS.values())
SAMPLE = 1024
"""Rows and columns of the sample that is looked at."""
MOST, ALIKE = 0.5, 0.3
"""A mask is 0 or 255 in most pixels. A band of a picture is not, and its numbers follow those of the other bands."""


@dataclass(frozen=True)
class ImageBands:
    """The bands of an image: ``usable`` are all but alpha; ``names`` has a name or None for each of them."""

    usable: tuple[int, ...]
    names: tuple[str | None, ...]
    texts: tuple[str, ...]
    """Their descriptions, empty where there is none."""
    unread: tuple[str, ...]
    """Descriptions that say something, but name no band."""
    by_default: bool
    """Whether the names are only the colours red, green, blue that every 8-bit file says."""

    @classmethod
    def read(cls, dataset: DatasetReader, path: str | Path) -> ImageBands:
        """Return the bands of an open image.

        Raises UserError where descriptions and colours contradict each other, and for a band that is called alpha but looks
        like a picture.
        """
        alpha = alpha_bands(dataset)
        _check_alpha(dataset, path, alpha)
        usable = tuple(index for index in dataset.indexes if index not in alpha)
        texts = tuple((dataset.descriptions[index - 1] or "").strip() for index in usable)
        described = bands_named(texts)
        not_read = tuple(unread(texts, described))
        colours = [COLOURS.get(dataset.colorinterp[index - 1]) for index in usable]
        default = dataset.dtypes[0] == "uint8" and tuple(colours[:3]) == TRUE_COLOUR
        if not default:
            _check_colours(path, described, colours)
        if any(described) or not any(colours) or (default and not_read):
            return cls(usable, tuple(described), texts, not_read, by_default=False)
        return cls(usable, tuple(colours), texts, (), by_default=default)

    def find(self, wanted: Sequence[str]) -> list[int] | None:
        """Return the numbers of the wanted bands; None where not each of them is named once."""
        if self.by_default and {*wanted} != {*TRUE_COLOUR}:
            return None
        numbers = self.numbers
        return [numbers[band] for band in wanted] if all(band in numbers for band in wanted) else None

    def fit(self, bands: Sequence[str]) -> bool:
        """Whether the image says nothing against being an image of ``bands``, in this order."""
        if self.by_default and {*bands} != {*TRUE_COLOUR}:
            return True
        known = [(name, band) for name, band in zip(self.names, bands, strict=False) if name and band in CENTRES_NM]
        return all(name == band for name, band in known)

    @property
    def numbers(self) -> dict[str, int]:
        """Band -> number, for names that occur once; the words of a description are a name too."""
        places: defaultdict[str, set[int]] = defaultdict(set)
        for index, text, name in zip(self.usable, self.texts, self.names, strict=True):
            for word in filter(None, (text, name)):
                places[word].add(index)
        return {word: min(indices) for word, indices in places.items() if len(indices) == 1}

    @property
    def repeated(self) -> list[str]:
        """Names that several bands have."""
        return sorted(name for name, count in Counter(filter(None, self.names)).items() if count > 1)

    @property
    def said(self) -> str:
        """What the file says of its bands, for messages."""
        return ", ".join(text or name or "no description" for text, name in zip(self.texts, self.names, strict=True))


def _check_colours(path: str | Path, described: Sequence[str | None], colours: Sequence[str | None]) -> None:
    """Raise UserError where red, green and blue are described, but the colours say another order of them."""
    coloured = [pair for pair in zip(described, colours, strict=True) if pair[1]]
    names = [name for name, _ in coloured]
    if {*names} == {*TRUE_COLOUR} and names != [colour for _, colour in coloured]:
        raise UserError(
            f"{path} describes its bands as {', '.join(map(str, names))}, but their colour interpretation says "
            f"{', '.join(str(colour) for _, colour in coloured)}. Say which is right: name the file's bands in their order in "
            "imagery.band_order, or mend the file (gdal_edit.py -colorinterp_1 red FILE)."
        )


def _check_alpha(dataset: DatasetReader, path: str | Path, alpha: Sequence[int]) -> None:
    """Raise UserError for a fourth 8-bit band without description that GDAL calls alpha by default, but is a picture."""
    by_default = tuple(alpha) == (4,) and dataset.count == 4 and {*dataset.dtypes} == {"uint8"}
    if not by_default or any(dataset.descriptions) or _is_like_a_mask(dataset, 4):
        return
    raise UserError(
        f"{path} has 4 bands without descriptions. GDAL calls the fourth alpha, as it does where nothing is said, but its "
        "numbers look like a picture. Name the file's bands in their order in imagery.band_order, "
        "such as B04, B03, B02, B08, or B04, B03, B02, alpha where it is the transparency."
    )


def _is_like_a_mask(dataset: DatasetReader, band: int) -> bool:
    """Whether a band is 0 or 255 in most pixels, or its numbers do not follow those of the others (Pearson's r)."""
    shape = min(SAMPLE, dataset.height), min(SAMPLE, dataset.width)
    pixels = dataset.read(out_shape=(dataset.count, *shape)).reshape(dataset.count, -1)
    alpha = pixels[band - 1]
    if np.isin(alpha, (0, 255)).mean() >= MOST:
        return True
    shown = pixels[:, alpha > 0].astype(float)
    if not shown[band - 1].std():
        return True
    others = [values for values in np.delete(shown, band - 1, axis=0) if values.std()]
    return all(abs(np.corrcoef(shown[band - 1], values)[0, 1]) < ALIKE for values in others)
