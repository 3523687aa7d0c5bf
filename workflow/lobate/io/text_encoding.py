"""The encoding of text in vector files: as the file says, as its owner says, or UTF-8 where the bytes are UTF-8.

Shapefiles, MapInfo files, CSV and other text hold bytes of any code page. A .cpg beside any file that a person brings names
it: ``names.csv`` has ``names.cpg``. It is Esri's for Shapefiles, which may also say it by a number in their .dbf
(language driver id). A setting goes before both. Bytes that are no UTF-8, without any of these, could be any of dozens:
the owner is asked. Beside another format than Shapefile, a .cpg speaks only of text that is no UTF-8, because it may be that of a Shapefile of the same name.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from lobate.errors import UserError

UTF8 = "utf-8"
RAW = "ISO-8859-1"
"""Encoding that keeps each byte as one letter: text read with it can be read again with another."""
GUESSES = {"GBK": "gb18030", "CP1251": "cp1251", "Latin-1": "cp1252"}
"""Encodings shown to the owner: name -> codec."""
CODE_PAGES = {936: "gb18030", 54936: "gb18030", 65001: UTF8, 20866: "koi8-r", 21866: "koi8-u", 10000: "mac-roman"}
"""Codecs of Microsoft's numbers that Python calls otherwise; 28591 to 28605 are ISO 8859."""
WIDER = {"gb2312": "gb18030", "gbk": "gb18030"}
"""Encodings whose files hold letters of a wider one."""
LANGUAGE_DRIVERS = {
    **dict.fromkeys((1, 9, 11, 13, 15, 17, 21, 24, 25, 27), 437),
    **dict.fromkeys((2, 10, 14, 16, 18, 20, 22, 26, 29, 37, 55), 850),
    **dict.fromkeys((3, 88, 89), 1252),
    **dict.fromkeys((31, 34, 35, 64, 100, 135), 852),
    **dict.fromkeys((8, 23, 102), 865),
    **dict.fromkeys((28, 108), 863),
    **dict.fromkeys((38, 101), 866),
    **dict.fromkeys((19, 123), 932),
    **dict.fromkeys((77, 122), 936),
    **dict.fromkeys((78, 121), 949),
    **dict.fromkeys((79, 120), 950),
    **dict.fromkeys((80, 124), 874),
    **dict.fromkeys((106, 134), 737),
    **dict.fromkeys((107, 136), 857),
    **{4: 10000, 36: 860, 103: 861, 200: 1250, 201: 1251, 202: 1254, 203: 1253, 204: 1257},
}
"""Language driver id of a .dbf -> code page (after Esri and GDAL). 87, "the system's", says nothing about another system."""
NAMED_BESIDE = (
    ".csv", ".tsv", ".psv", ".json", ".geojson", ".geojsonl", ".geojsons", ".kml", ".zip", ".tab", ".mif", ".mid",
)  # fmt: skip
"""Endings of the files, besides Shapefiles, whose encoding a .cpg names; `beside` knows them too."""
MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
MULTI_BYTE = (932, 936, 949, 950)
ASCII = b"Az09"
BLOCK_BYTES = 2**24
MAX_SHOWN = 30


class Claim(NamedTuple):
    """An encoding that is named for a file, and where: in "the setting", or in the name of a .cpg."""

    encoding: str
    source: str


def cpg_claim(path: Path) -> Claim | None:
    """Return what the .cpg beside a file of text or a zip says, None without one; a Shapefile's is read with it."""
    cpg = _beside(path, ".cpg") if path.suffix.lower() in NAMED_BESIDE and path.is_file() else None
    text = cpg.read_text(encoding=RAW).strip() if cpg else ""
    return Claim(text, cpg.name) if cpg and text else None


def read_text(path: Path, remedy: str) -> str:
    """Return the text of a file: in UTF-8 or UTF-16 with a mark, else in UTF-8, else as the .cpg beside it says.

    Raises OSError, and EncodingError for text of which nothing says the encoding.
    """
    text = path.read_bytes()
    codec = next((codec for mark, codec in MARKS.items() if text.startswith(mark)), UTF8)
    if (found := decoded(text, codec, may_be_cut=False)) is not None:
        return found.replace("\r\n", "\n").replace("\r", "\n")
    words = text.splitlines()
    named = claimed_codec(path, cpg_claim(path), words, remedy)
    return text.decode(named).replace("\r\n", "\n").replace("\r", "\n")


def claimed_codec(path: Path | str, claim: Claim | None, texts: Iterable[bytes], remedy: str) -> str:
    """Return the codec that is claimed for texts that are no UTF-8. Raises EncodingError without one, and where it does not fit."""
    texts = [*texts]
    if claim is None:
        raise encoding_error(path, texts, "nothing in it says which encoding it has", f"{remedy}, or save it as UTF-8")
    codec = codec_of(claim.encoding)
    wrong = [text for text in texts if codec is None or decoded(text, codec, may_be_cut=False) is None]
    if codec is None or wrong:
        flaw = "does not fit it" if codec else "is no encoding"
        raise encoding_error(path, wrong, f"{claim.source} says {claim.encoding}, which {flaw}", remedy)
    return codec


def codec_of(name: str) -> str | None:
    """Return Python's codec for an encoding as people and .cpg files write it (GBK, ANSI 1251, 88591), None if unknown."""
    text = name.strip().strip('"').lower()
    if iso := re.fullmatch(r"(?:iso)?[ _-]?8859[ _-]?(\d+)", text):
        return _known(f"iso8859-{iso[1]}")
    if number := re.fullmatch(r"(?:ansi|oem|cp|windows|win|ms|ibm|code page)?[ _-]?(\d+)", text):
        return _code_page(int(number[1]))
    if driver := re.fullmatch(r"ldid/(\d+)", text):
        return _code_page(LANGUAGE_DRIVERS.get(int(driver[1]), 0))
    return _known(text)


def _code_page(number: int) -> str | None:
    if 28591 <= number <= 28606:
        return _known(f"iso8859-{number - 28590}")
    return _known(CODE_PAGES.get(number, f"cp{number}"))


def _known(name: str) -> str | None:
    """Return a codec's own name if it is one of text, and keeps ASCII as it is, as all these formats need."""
    try:
        name = codecs.lookup(name).name
        return WIDER.get(name, name) if ASCII.decode(name) == "Az09" else None
    except (LookupError, ValueError):
        return None


def decoded(text: bytes, codec: str, *, may_be_cut: bool) -> str | None:
    """Return a text in an encoding, None where it is none; ``may_be_cut``: its last letter may lack bytes, and is left out."""
    try:
        return codecs.getincrementaldecoder(codec)("strict").decode(text, final=not may_be_cut)
    except UnicodeDecodeError:
        return None


def shapefile_codec(path: Path, named: str | None, remedy: str, beside: Claim | None = None) -> str:
    """Return the codec of a Shapefile's text: the ``named`` one, its .cpg's, its .dbf's, or UTF-8 where its bytes are UTF-8.

    ``beside`` is the claim of a .cpg beside the zip in which it lies. Raises UserError for text that is in none of them; ``remedy`` says how the owner can name an encoding.
    """
    dbf, cpg = (_beside(path, suffix) for suffix in (".dbf", ".cpg"))
    texts = [] if dbf is None else [*_texts_beyond_ascii(dbf)]
    if not texts:
        return UTF8
    says = cpg.read_text(encoding=RAW).strip() if cpg else ""
    outer = beside.encoding if beside and not says else ""
    page = 0 if dbf is None else LANGUAGE_DRIVERS.get(_language_driver(dbf), 0)
    claims = [(named, "the setting"), (says, cpg.name if cpg else ""), (outer, beside.source if beside else "")]
    for claim, source in claims:
        if claim and (codec := codec_of(claim)):
            _check_claim(path, texts, codec, f"{source} says {claim}", remedy)
            return codec
    is_utf8 = _fits(texts, UTF8)
    if page and not says and not (is_utf8 and page not in MULTI_BYTE) and (codec := _code_page(page)):
        _check_claim(path, texts, codec, f"the .dbf says code page {page}", remedy)
        return codec
    if is_utf8:
        return UTF8
    unknown = (
        f"{cpg.name} says {says}, which is no encoding" if cpg and says else "nothing beside it or in it says which"
    )
    raise encoding_error(path, [text for text, _ in texts], unknown, remedy)


class EncodingError(UserError):
    """Text in an encoding that nothing names, or that is not in the one that is named."""


def encoding_error(path: Path | str, texts: Iterable[bytes], why: str, remedy: str) -> EncodingError:
    """Return the question for an encoding; it shows how the first text reads in some."""
    first = next((text for text in texts if any(byte > 127 for byte in text)), b"")
    read = {name: decoded(first[:MAX_SHOWN], codec, may_be_cut=True) for name, codec in GUESSES.items()}
    shown = ", ".join(f"{text} in {name}" for name, text in read.items() if text and text.isprintable())
    return EncodingError(
        f"The file {path} has text that is no UTF-8, and {why}. {remedy}."
        + (f" Its first such text reads {shown}." if shown else "")
    )


def _check_claim(path: Path, texts: list[tuple[bytes, bool]], codec: str, claim: str, remedy: str) -> None:
    wrong = [text for text, full in texts if decoded(text, codec, may_be_cut=full) is None]
    if wrong:
        raise encoding_error(path, wrong, f"{claim}, which does not fit it", remedy)


def _fits(texts: list[tuple[bytes, bool]], codec: str) -> bool:
    return all(decoded(text, codec, may_be_cut=full) is not None for text, full in texts)


def _beside(path: Path, suffix: str) -> Path | None:
    """Return the file of a Shapefile with this ending, whatever the case of its letters."""
    files = sorted(path.parent.glob("*"))
    return next((file for file in files if file.stem == path.stem and file.suffix.lower() == suffix), None)


def _language_driver(dbf: Path) -> int:
    with dbf.open("rb") as file:
        return (file.read(32) + bytes(32))[29]


def _texts_beyond_ascii(dbf: Path) -> Iterator[tuple[bytes, bool]]:
    """Yield the distinct names and texts with bytes beyond ASCII, and whether each fills its field, so may be cut."""
    with dbf.open("rb") as file:
        start = file.read(32)
        header_bytes, record_bytes = (int.from_bytes(start[place : place + 2], "little") for place in (8, 10))
        fields = file.read(max(header_bytes - 32, 0))
    place, texts = 1, []
    for first in range(0, len(fields) - 31, 32):
        if fields[first : first + 1] == b"\r":
            break
        name, kind = fields[first : first + 11].split(b"\0")[0], fields[first + 11 : first + 12]
        width = fields[first + 16] + (256 * fields[first + 17] if kind == b"C" else 0)
        if not name.isascii():
            yield name, len(name) >= 10
        texts += [(place, width)] if kind == b"C" else []
        place += width
    yield from _texts_of_records(dbf, header_bytes, record_bytes, texts)


def _texts_of_records(
    dbf: Path, header_bytes: int, record_bytes: int, fields: list[tuple[int, int]]
) -> Iterator[tuple[bytes, bool]]:
    """Yield the distinct texts with bytes beyond ASCII in fields of (place, width); blocks bound the memory."""
    import numpy as np  # settings check the names of encodings, and are read without it

    size = dbf.stat().st_size - header_bytes
    if not fields or record_bytes < 1 or size < record_bytes:
        return
    records = np.memmap(dbf, np.uint8, "r", header_bytes, (size // record_bytes, record_bytes))
    seen: set[tuple[bytes, bool]] = set()
    for first in range(0, len(records), max(BLOCK_BYTES // record_bytes, 1)):
        block = np.asarray(records[first : first + max(BLOCK_BYTES // record_bytes, 1)])
        for place, width in fields:
            cells = block[:, place : place + width]
            for cell in cells[(cells > 127).any(axis=1)]:
                text = cell.tobytes().rstrip(b" \0")
                if (found := (text, len(text) == width)) not in seen:
                    seen.add(found)
                    yield found
