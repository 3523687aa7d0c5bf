"""ESA's metadata of a Level-2A product (MTD_MSIL2A.xml): baseline, offset, quantification, cloud cover, date."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from xml.etree import ElementTree

from lobate.errors import UserError
from lobate.imagery.reading.calibration import DEFAULT_QUANTIFICATION, Calibration, baseline_calibration

BAND_IDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")
"""Bands in the order of ``band_id``, from 0."""


@dataclass(frozen=True)
class Product:
    """Values from the metadata, None or empty where they are missing."""

    baseline: str | None
    quantification: float | None
    offsets: dict[str, float]
    """Band -> BOA_ADD_OFFSET, in DN."""
    cloud: float | None
    date: str

    def calibration(self, band: str) -> Calibration | None:
        """Return the band's calibration, None where the metadata do not decide it."""
        quantification = self.quantification or DEFAULT_QUANTIFICATION
        if band in self.offsets:
            return Calibration(quantification, self.offsets[band])
        early = baseline_calibration(self.baseline)
        return None if early is None else Calibration(quantification, early.offset)

    @property
    def why_unknown(self) -> str:
        """The reason for a calibration of None, for messages."""
        if self.baseline is None:
            return "its metadata name neither a processing baseline nor BOA_ADD_OFFSET"
        return f"its metadata lack BOA_ADD_OFFSET, which baseline {self.baseline} must have"

    def filled_from(self, other: Product) -> Product:
        """Return this product with its missing values from ``other``."""
        return Product(
            baseline=self.baseline or other.baseline,
            quantification=self.quantification or other.quantification,
            offsets=self.offsets or other.offsets,
            cloud=other.cloud if self.cloud is None else self.cloud,
            date=self.date or other.date,
        )


def read_product(xml: bytes, source: str) -> Product:
    """Return the content of product or granule metadata; ``source`` names the file in a UserError."""
    try:
        root = ElementTree.fromstring(xml)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise UserError(f"{source} is not readable XML ({error}); fetch the product again.") from None
    texts = {_name(element): (element.text or "").strip() for element in reversed(list(root.iter()))}
    if "Level-1C" in _name(root):
        raise UserError(f"{source} describes a Level-1C product; lobate needs Level-2A (surface reflectance) products.")
    return Product(
        baseline=texts.get("PROCESSING_BASELINE") or _baseline_in(texts.get("TILE_ID", "")),
        quantification=_number(texts, source, "BOA_QUANTIFICATION_VALUE", "L2A_BOA_QUANTIFICATION_VALUE"),
        offsets=_offsets(root, source),
        cloud=_number(texts, source, "Cloud_Coverage_Assessment", "CLOUDY_PIXEL_PERCENTAGE"),
        date=_date(texts),
    )


def _baseline_in(tile_id: str) -> str | None:
    """Return the baseline at the end of a granule's identifier (``..._T33TWM_N05.09``)."""
    match = re.search(r"_N(\d\d\.\d\d)$", tile_id)
    return match[1] if match else None


def _name(element: ElementTree.Element) -> str:
    return re.sub(r"^\{.*\}", "", element.tag)


def _number(texts: dict[str, str], source: str, *names: str) -> float | None:
    for name in names:
        if name in texts:
            return _float(texts[name], name, source)
    return None


def _offsets(root: ElementTree.Element, source: str) -> dict[str, float]:
    offsets = {}
    for element in root.iter():
        if _name(element) == "BOA_ADD_OFFSET":
            number = _float(element.get("band_id", ""), "band_id", source)
            if number in range(len(BAND_IDS)):
                offsets[BAND_IDS[int(number)]] = _float(element.text or "", "BOA_ADD_OFFSET", source)
    return offsets


def _float(text: str, name: str, source: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UserError(f"{source}: {name} is {text[:80]!r}, not a number; fetch the product again.")
    return number


def _date(texts: dict[str, str]) -> str:
    for name in ("DATATAKE_SENSING_START", "PRODUCT_START_TIME", "SENSING_TIME"):
        if texts.get(name):
            return texts[name]
    return ""
