"""Splits text for full-text search so that Japanese, Chinese and Korean words of any length are found.

Full-text indexes find whole tokens, and these languages put no spaces between words. So a run of such characters is
indexed as its overlapping pairs, and its last character alone:

    東京都 → 東京 京都 都

Every pair of neighbours is a token, so a word of two or more characters is a phrase of adjacent pairs, and every
character starts some token, so a single one is found as the start of a token. That is one token more than pairs alone,
where pairs and single characters would be twice as many.
"""

from __future__ import annotations

import re
import unicodedata

_WIDTH = re.compile("[\uff01-\uff9f\uffe0-\uffee]+")
CJK = (
    "\u3005-\u3007\u303b\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U000323af"  # han
    "\u3041-\u3096\u309d-\u309f"  # hiragana
    "\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"  # katakana
    "\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3"  # hangul
)
"""Inside of a character class of a regular expression."""
_RUNS = re.compile(f"([{CJK}]+)")
_WORD = re.compile(r"[^\W_]")


def folded(text: str) -> str:
    """`text` in lower case and in one width: Ａ is a, ｶﾞ is ガ. Other compatibility forms (①, ㈱) stay."""
    if text.isascii():
        return text.lower()
    narrow = _WIDTH.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)
    return unicodedata.normalize("NFC", narrow).lower()


def index_text(text: str) -> str:
    """`text` as it is indexed: words separated by spaces, CJK runs as pairs and their last character."""
    text = folded(text)
    if text.isascii():
        return text
    return _RUNS.sub(lambda match: f" {' '.join(_pairs(match[0]))} ", text)


def _pairs(run: str) -> list[str]:
    return [run[at : at + 2] for at in range(len(run))]


def match_terms(query: str) -> list[str]:
    """One FTS5 expression for each word of `query`. No character of it acts as an operator.

    Words are separated by white space. `"two words"` in quotation marks are one: they must be adjacent. Words of
    punctuation alone are left out, as nothing of them is indexed.
    """
    quoted = re.findall(r'"([^"]*)"|([^\s"]+)', folded(query))
    return [_phrase(word) for pair in quoted if _WORD.search(word := pair[0] or pair[1])]


def match_query(query: str) -> str:
    """The FTS5 query that finds texts that contain every word of `query`; empty when it has no word."""
    return " AND ".join(match_terms(query))


def _phrase(word: str) -> str:
    runs = _RUNS.split(re.sub(r"\W+$", "", word))  # every other one is CJK; the last is "" after a CJK run
    tokens = index_text("".join(runs)).split()
    if runs[-1]:
        return _quoted(tokens)
    if len(runs[-2]) == 1:
        return _quoted(tokens) + " *"  # the run may go on in the text
    return _quoted(tokens[:-1])


def _quoted(tokens: list[str]) -> str:
    return '"' + " ".join(tokens).replace('"', '""').replace("\0", " ") + '"'
