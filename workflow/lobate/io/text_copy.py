"""UTF-8 copies of text files of outlines (GeoJSON, KML, CSV) in another encoding, since GDAL reads these formats as UTF-8."""

from __future__ import annotations

import codecs
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from lobate.io.text_encoding import UTF8, Claim, claimed_codec, codec_of, encoding_error

CHUNK_BYTES = 2**20
HEAD_BYTES = 512
TEXT_FILES = (".csv", ".geojson", ".geojsonl", ".geojsons", ".json", ".kml", ".psv", ".tsv")
BESIDE_CSV = (".csvt", ".prj")
WIDE = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
XML_ENCODING = re.compile(rb"""\A\s*<\?xml[^>]*?encoding\s*=\s*["']([\w.:-]+)["']""")
"""The encoding that an XML file declares."""
READ_BY_GDAL = (UTF8, "ascii", "iso8859-1")
"""Declared encodings of a KML that GDAL reads itself."""


@contextmanager
def in_utf8(
    path: Path, named: str | None, remedy: str, beside: Claim | None = None, *, ask: bool = True
) -> Iterator[Path]:
    """Yield a text file in UTF-8: ``path`` itself, or a copy of it from the encoding that is ``named``, or that it declares.

    ``beside``: what a .cpg says, for text that is no UTF-8. Other files are yielded as they are. Raises UserError for text that is no UTF-8, with no name for its encoding; without
    ``ask``, whose text nobody reads, such a file is yielded as it is.
    """
    codec = _codec(path, named, remedy, beside, ask=ask)
    if codec is None:
        yield path
        return
    with TemporaryDirectory() as folder:
        yield _copy(path, Path(folder), codec)


def _codec(path: Path, named: str | None, remedy: str, beside: Claim | None, *, ask: bool) -> str | None:
    """Return the codec from which a copy is needed, None for none."""
    if not path.is_file() or path.suffix.lower() not in TEXT_FILES:
        return None
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if wide := next((codec for mark, codec in WIDE.items() if head.startswith(mark)), None):
        return wide
    if named:
        codec = codec_of(named)
        if codec is None or (line := _flaw(path, codec)) is not None:
            raise encoding_error(
                path, [] if codec is None else [line or b""], f"the setting says {named}, which does not fit it", remedy
            )
        return None if codec == UTF8 else codec
    declared = XML_ENCODING.match(head)
    codec = codec_of(declared[1].decode()) if declared else None
    if codec and codec not in READ_BY_GDAL:
        return codec if _flaw(path, codec) is None else None  # GDAL's error names the place
    if ask and codec in (None, UTF8) and (line := _flaw(path, UTF8)) is not None:
        codec = claimed_codec(path, beside, [line], remedy)
        if (line := _flaw(path, codec)) is not None:
            raise encoding_error(path, [line], f"the .cpg beside it says {codec}, which does not fit it", remedy)
        return codec
    return None


def _flaw(path: Path, codec: str) -> bytes | None:
    """Return the bytes beyond ASCII where a file is not in the encoding, None where all of it is."""
    decoder, begun = codecs.getincrementaldecoder(codec)("strict"), False
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            if chunk.isascii() and not begun:
                continue
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                return _word(error.object, error.start)
            begun = bool(decoder.getstate()[0])
    return None if not begun else b"\xff"


def _word(text: bytes, place: int) -> bytes:
    """Return the run of bytes beyond ASCII round a place."""
    first, last = place, place
    while first and text[first - 1] > 127:
        first -= 1
    while last < len(text) and text[last] > 127:
        last += 1
    return text[first:last]


def _copy(path: Path, folder: Path, codec: str) -> Path:
    copy = folder / path.name
    with path.open(encoding=codec, newline="") as source, copy.open("w", encoding=UTF8, newline="") as target:
        head = source.read(HEAD_BYTES)
        declared = XML_ENCODING.match(head.encode())
        target.write(head.replace(declared[1].decode(), "UTF-8", 1) if declared else head)
        shutil.copyfileobj(source, target)
    for file in (path.with_suffix(suffix) for suffix in BESIDE_CSV):
        if file.is_file():
            shutil.copyfile(file, folder / file.name)
    return copy
