"""Characters that a terminal or a browser would obey, as pictures of themselves."""

import unicodedata


def visible(text: str) -> str:
    """Control characters as pictures of themselves; line breaks stay, with a mark before them.

    So do marks of the direction of writing, which would show a text in another order than it has,
    and halves of characters, which cannot be written.
    """
    return "".join(map(_shown, text))


def _shown(character: str) -> str:
    code = ord(character)
    if character == "\n":
        return "↵\n"
    if character == "\t":
        return "\t"
    if code < 32:
        return chr(0x2400 + code)
    if code == 127:
        return "␡"
    if 0x80 <= code < 0xA0 or unicodedata.bidirectional(character) in _DIRECTIONS:
        return f"⟨U+{code:04X}⟩"
    return "\N{REPLACEMENT CHARACTER}" if 0xD800 <= code < 0xE000 else character


_DIRECTIONS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
