"""Bytes to text by the name of a charset, whatever the name and the bytes are."""

from __future__ import annotations

from encodings.aliases import aliases

#: Names that mails use for more than they say: the wider set is what was meant, and reads the narrower one just the same.
_WIDER = {
    "latin_1": "cp1252",
    "iso8859_1": "cp1252",
    "iso_8859_8_i": "iso8859_8",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x_gbk": "gb18030",
    "euc_kr": "cp949",
    "ks_c_5601_1987": "cp949",
    "ksc_5601": "cp949",
    "shift_jis": "cp932",
    "x_sjis": "cp932",
    "windows_31j": "cp932",
    "big5": "cp950",
    "iso2022_jp": "iso2022_jp_ext",
    "iso_2022_jp": "iso2022_jp_ext",
    "iso_2022_jp_ms": "iso2022_jp_ext",
    "tis_620": "cp874",
    "windows_874": "cp874",
    "iso8859_9": "cp1254",
    "x_unicode_2_0_utf_7": "utf_7",
    "unicode_1_1_utf_7": "utf_7",
    "utf8mb4": "utf_8",
}
#: Codecs that are no charsets of mail, or take more than linear time.
_NEVER = frozenset(
    {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "base64_codec", "bz2_codec", "hex_codec", "mbcs", "oem"}
    | {"quopri_codec", "rot_13", "undefined", "uu_codec", "zlib_codec", "ascii"}
)
_KNOWN = frozenset(aliases.values()) - _NEVER
#: Charsets in which ASCII bytes may stand for other letters.
_SHIFTING = frozenset({"utf_7", "utf_16", "utf_16_be", "utf_16_le", "utf_32", "utf_32_be", "utf_32_le", "hz", "iso2022_kr"})
#: How ISO-2022-JP goes over to other letters; it is sent without being named, too.
_JAPANESE = b"\x1b$"


def decode(raw: bytes, charset: str = "") -> str:
    """Return bytes as text; those that are not of the charset become U+FFFD.

    Without a charset, or with one that nobody knows: UTF-8 if all of it is, else Windows-1252. Names are looked up in a fixed
    table: a lookup by Python would try to import a module of every name that a stranger invents, and remember it.
    """
    codec = _codec_of(charset) if charset else ""
    if raw.isascii() and codec not in _SHIFTING:
        return raw.decode("iso2022_jp_ext" if _JAPANESE in raw else "ascii", "replace")
    if codec:
        try:
            return raw.decode(codec, "replace")
        except ValueError:
            pass  # some codecs, such as UTF-16 without an end, know no replacement
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def _codec_of(charset: str) -> str:
    """Return the name of Python's codec, ``""`` if there is none."""
    name = charset.strip().lower().replace("-", "_").replace(" ", "_").replace(":", "_").replace(".", "_")
    name = name.removeprefix("charset=").strip("\"'")
    codec = _WIDER.get(name) or aliases.get(name, name)
    codec = _WIDER.get(codec, codec)
    return codec if codec in _KNOWN else ""
