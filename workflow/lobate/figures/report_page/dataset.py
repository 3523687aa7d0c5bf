"""The card of the data set, and the citations."""

from __future__ import annotations

from pathlib import Path

from lobate.errors import UserError

METHOD = (
    "Hu, Y., Liu, L., Huang, L., Zhao, L., and Wang, J. (2023): Mapping and characterizing rock glaciers in the arid western "
    "Kunlun Mountains supported by InSAR and deep learning. Journal of Geophysical Research: Earth Surface."
)
NETWORK = (
    "Chen, L.-C., Zhu, Y., Papandreou, G., Schroff, F., and Adam, H. (2018): Encoder-decoder with atrous separable "
    "convolution for semantic image segmentation. ECCV 2018."
)


def card_html(path: Path) -> str:
    """Return the data set's card as HTML; HTML in the Markdown is escaped.

    Raises UserError for a file that is not UTF-8 text.
    """
    from markdown_it import MarkdownIt

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path} is not the card of a data set: {error}. Delete it and run again; `describe-dataset` writes it."
        ) from error
    reader = MarkdownIt("js-default", {"html": False, "linkify": False}).disable("image")
    return reader.render(_without_front_matter(text))


def _without_front_matter(text: str) -> str:
    """Return a card without the YAML block at its head, which data hubs read."""
    parts = text.split("---\n", 2)
    return parts[2] if text.startswith("---\n") and len(parts) == 3 else text
