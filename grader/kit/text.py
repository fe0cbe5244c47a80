"""Text that came from somebody else, made safe to show: no control characters, no endless lines."""

from __future__ import annotations

import unicodedata

# Bidirectional overrides can make a line read as something it is not, and so can what has no width: soft hyphens and
# spaces and signs without width. Joiners stay, which scripts and emoji need.
_OVERRIDES = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_WITHOUT_WIDTH = "\u00ad\u180e\u200b\u2060\u2061\u2062\u2063\u2064\ufeff"
_HIDDEN = frozenset(_OVERRIDES + _WITHOUT_WIDTH)


def _shown(character: str) -> bool:
    if character in "\n\t":
        return True
    return unicodedata.category(character) not in ("Cc", "Cs", "Co", "Cn") and character not in _HIDDEN


def plain(text: str, *, limit: int = 4000) -> str:
    """`text` without control characters and surrogates, cut to `limit` characters with a note of the cut."""
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text
    head = text[: limit + 1].replace("\r\n", "\n").replace("\r", "\n")
    cleaned = "".join(character for character in head if _shown(character))
    return cleaned if len(text) <= limit else f"{cleaned[:limit]}\n... ({len(text) - limit:,} more characters cut)"


def one_line(text: str, *, limit: int = 300) -> str:
    """`plain`, folded to one line."""
    joined = " ".join(plain(text, limit=limit * 4).split())
    return joined if len(joined) <= limit else f"{joined[: limit - 1]}…"
