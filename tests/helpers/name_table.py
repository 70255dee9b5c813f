"""Names that tags may have, and that they may not: one table for Python and the app."""

GOOD_NAMES = (
    *("cat", "CAFÉ", "polar bear", "C++ | <b>", "犬", "นก", "нет", "قطة", "שלום", "हिन्दी"),
    "\N{MAN}\N{ZERO WIDTH JOINER}\N{WOMAN}\N{ZERO WIDTH JOINER}\N{GIRL} family",
    "می\N{ZERO WIDTH NON-JOINER}خواهم",  # Persian
    "\N{HEAVY BLACK HEART}\N{VARIATION SELECTOR-16}",
    "\N{WAVING BLACK FLAG}" + "".join(chr(0xE0000 + ord(letter)) for letter in "gbeng") + "\N{CANCEL TAG}",
    "\U0001faef",  # an emoji newer than some Unicode tables
    "\uf8ff",  # private use
    "\N{LEFT-TO-RIGHT MARK}WhatsApp\N{RIGHT-TO-LEFT MARK}\N{ARABIC LETTER MARK}",
    "soft\N{SOFT HYPHEN}hyphen",
    "x" * 100,
    "\N{DOG FACE}" * 100,
)
"""Already normalised."""

BAD_NAMES = (
    *("\x00", "a\x07b", "a\x1b[31mb", "a\x7f", "a\x9bb", "\x80"),
    *("bo\x0bat", "a\x0cb", "a\x1cb", "\x1f", "a \x1d"),
    *("a\ud800", "\udc00b"),
    *(f"a{chr(code)}b" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))),
)
"""Whatever spaces they are given."""

SPACED_NAMES = {
    "\N{NO-BREAK SPACE}no break ": "no break",
    "polar\N{IDEOGRAPHIC SPACE}bear": "polar bear",
    "two\r\nlines": "two lines",
    "a\u2028b\u2029c\x85d": "a b c d",
    "cafe\N{COMBINING ACUTE ACCENT}": "café",
}
"""And what they are stored as."""

UNSEEN_NAMES = (
    *("\u200b", "\u200d", "\ufeff", "\xad", "\U000e0041", "\u200e \u200f", "\ufe0f", "\U000e0100"),
    *("\u3164", "\u115f\u1160", "\u2800", "\u034f", "\u180b", "\u2060" * 101),
)
"""Without a character that is seen."""

NO_NAMES = ("", " ", "\N{IDEOGRAPHIC SPACE}\t", "x" * 101)
