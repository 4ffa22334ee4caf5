"""Writes the Unicode tables of Sources/Text: python make_unicode_tables.py ../../../Sources/Text

The tables come from the reference library itself (tokenizers 0.23.3), because it mixes Unicode versions: its regular
expressions know Unicode 16, its normalizers Unicode 9, its pre-tokenizer Punctuation Unicode 8. Numbers are packed as base-32 digits, least significant first,
in the alphabet of base64url: characters 0...31 end a number, 32...63 continue it.
"""

import sys
import textwrap
import unicodedata

from tokenizers import Regex, normalizers, pre_tokenizers

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
CATEGORIES = "Cn Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Cs Co".split()
SCALARS = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]


def packed(numbers):
    text = []
    for number in numbers:
        while number >= 32:
            text.append(ALPHABET[32 + number % 32])
            number //= 32
        text.append(ALPHABET[number])
    return "".join(text)


def runs(values):
    """values of all code points as (length, value) pairs."""
    result = []
    for value in values:
        if result and result[-1][1] == value:
            result[-1][0] += 1
        else:
            result.append([1, value])
    return result


def matching(pattern):
    split = pre_tokenizers.Split(Regex(pattern), "removed")
    return {code for code in SCALARS if not split.pre_tokenize_str(chr(code))}


def category_runs():
    values = [0] * 0x110000
    for index, category in enumerate(CATEGORIES):
        if category == "Cn":
            continue
        for code in matching(r"\p{%s}" % category):
            values[code] = index
    for code in range(0xD800, 0xE000):
        values[code] = CATEGORIES.index("Cs")
    return [number for run in runs(values) for number in run]


def set_runs(members):
    return [number for run in runs([int(code in members) for code in range(0x110000)]) for number in run]


def punctuation():
    split = pre_tokenizers.Punctuation("isolated")
    return {code for code in SCALARS if len(split.pre_tokenize_str("a" + chr(code) + "a")) == 3}


def combining_classes():
    """The class by Unicode, where the reference gives the character a class at all."""
    decompose = normalizers.NFD().normalize_str
    values = [0] * 0x110000
    for code in SCALARS:
        scalar = chr(code)
        combining = unicodedata.combining(scalar)
        if combining:
            # Canonical ordering moves a mark only past marks of another class.
            low, high = "\u0334", "\u0345"
            known = decompose("a" + scalar + low) != "a" + scalar + low or decompose(
                "a" + high + scalar) != "a" + high + scalar
            values[code] = combining if known else 0
    return [number for run in runs(values) for number in run]


def decompositions():
    """For each code point that decomposes: distance from the last one, kind + 3 * length, the full decomposition.

    Kind 0 composes again, kind 1 is canonical and does not compose, kind 2 is the compatibility decomposition.
    """
    canonical, compatibility = normalizers.NFD().normalize_str, normalizers.NFKD().normalize_str
    composed = normalizers.NFC().normalize_str
    numbers, last = [], 0
    for code in SCALARS:
        if 0xAC00 <= code < 0xAC00 + 11172:
            continue
        scalar = chr(code)
        first, second = canonical(scalar), compatibility(scalar)
        entries = []
        if first != scalar:
            entries.append((0 if composed(scalar) == scalar else 1, first))
        if second != first:
            entries.append((2, second))
        for kind, text in entries:
            numbers += [code - last, kind + 3 * len(text)] + [ord(character) for character in text]
            last = code
    return numbers


def write(path, name, comment, numbers):
    with open(f"{path}/{name}.swift", "w") as file:
        file.write(f"/// {comment}\n/// Written by `make_unicode_tables.py`, read by `PackedNumbers`.\n")
        file.write(f"enum {name} {{\n    static let packed = \"\"\"\n")
        file.write("".join(f"        {line}\\\n" for line in textwrap.wrap(packed(numbers), 108))[:-2] + "\n")
        file.write("        \"\"\"\n}\n")


if __name__ == "__main__":
    folder = sys.argv[1]
    write(folder, "CategoryData", "The general categories of all code points (Unicode 16): length and category of "
          "each run.", category_runs())
    write(folder, "ScriptData", "The script Han (Unicode 16): lengths and values of alternating runs.",
          set_runs(matching(r"\p{Han}")))
    write(folder, "PunctuationData", "What the pre-tokenizer Punctuation splits at (Unicode 8): lengths and values of "
          "alternating runs.", set_runs(punctuation()))
    write(folder, "CombiningClassData", "The combining classes of all code points (Unicode 9): length and class of "
          "each run.", combining_classes())
    write(folder, "DecompositionData", "The full decompositions of all code points but Hangul (Unicode 9).",
          decompositions())
