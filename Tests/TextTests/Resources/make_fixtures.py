"""Writes the fixtures of TextTests with the reference library: python make_fixtures.py (needs tokenizers==0.23.3).

Reads `tokenizers/*.json`, of which those named `own-*` are made here too, and writes `lines.json` (the texts),
`expected/*.json` (what the reference makes of them), `sweeps.json` (all code points) and `long.json`. `cases/*.json`
are the reference checkpoints' own. Identifiers are packed as base-32 digits, least significant
first, in the alphabet of base64url: characters 0...31 end a number, 32...63 continue it. The random numbers are
seeded: the same library gives the same files.
"""

import glob
import json
import os
import random
import unicodedata

from tokenizers import Tokenizer

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
HERE = os.path.dirname(os.path.abspath(__file__))

# --- texts

BLOCKS = {
    "ascii": [(0x20, 0x7E)], "latin": [(0xA0, 0x24F), (0x1E00, 0x1EFF)], "greek": [(0x370, 0x3FF), (0x1F00, 0x1FFF)],
    "cyrillic": [(0x400, 0x52F)], "hebrew": [(0x591, 0x5F4)], "arabic": [(0x600, 0x6FF), (0xFB50, 0xFDFF)],
    "devanagari": [(0x900, 0x97F)], "bengali": [(0x980, 0x9FF)], "tamil": [(0xB80, 0xBFF)], "thai": [(0xE00, 0xE5B)],
    "tibetan": [(0xF00, 0xFDA)], "myanmar": [(0x1000, 0x109F)], "georgian": [(0x10A0, 0x10FF)],
    "jamo": [(0x1100, 0x11FF), (0xA960, 0xA97C), (0xD7B0, 0xD7FB)], "hangul": [(0xAC00, 0xD7A3)],
    "kana": [(0x3040, 0x30FF)], "han": [(0x4E00, 0x9FFF), (0xF900, 0xFAD9), (0x20000, 0x2A6DF)],
    "fullwidth": [(0xFF00, 0xFFEF)], "symbols": [(0x2000, 0x23FF), (0x2460, 0x27BF), (0x3200, 0x33FF)],
    "emoji": [(0x1F300, 0x1F6FF), (0x1F900, 0x1FAFF)], "math": [(0x1D400, 0x1D7FF)],
    "combining": [(0x300, 0x36F), (0x1AB0, 0x1ACE), (0x1DC0, 0x1DFF), (0x20D0, 0x20F0)],
    "control": [(0, 0x1F), (0x7F, 0x9F)], "private": [(0xE000, 0xE0FF), (0xF0000, 0xF00FF), (0x10FF00, 0x10FFFF)],
    "unassigned": [(0x378, 0x379), (0x530, 0x530), (0x2FE0, 0x2FEF), (0xE0080, 0xE00FF), (0x3FFFE, 0x3FFFF)],
    "recent": [(0x1C80, 0x1C8A), (0x10D40, 0x10D8F), (0x11380, 0x113E2), (0x16D40, 0x16D79), (0x1E5D0, 0x1E5FF),
               (0x11F00, 0x11F59), (0x10EC2, 0x10EFF), (0x31350, 0x323AF), (0x10780, 0x107BA), (0xA7C0, 0xA7F6)],
    "any": [(0, 0xD7FF), (0xE000, 0x2FFFF)],
}
SPACES = [0x20, 0x20, 0x20, 0x09, 0x0A, 0x0D, 0x0B, 0x0C, 0x85, 0xA0, 0x1680, 0x2000, 0x2003, 0x2007, 0x2009, 0x200A,
          0x2028, 0x2029, 0x202F, 0x205F, 0x3000, 0x200B, 0xFEFF, 0x180E]
DIGITS = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000 and unicodedata.category(chr(c))[0] == "N"]
EMOJI = ["👍🏽", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪🇫🇷", "🇩🇪🇫", "❤️", "1️⃣", "🧑🏿‍🚀", "☠︎", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"]
WORDS = ("the and Alice was beginning to get very tired of sitting by her sister on bank hello world General Public "
         "License für Straße naïve café İstanbul ǅ ﬁn ﬆ ẞ ſs Σίσυφος слово שלום سلام नमस्ते สวัสดี 你好 世界 こんにちは "
         "안녕 한글 각 ½ Ⅷ ²³ ① ㎏ ﷺ x² e\u0301 \u00e9 \u1e69 s\u0323\u0307 s\u0307\u0323 \u212b \u2126 \ufb01 "
         "def return print(f\"{x}\") <html> </p> -- === ... !!! https://a.b/c?d=e&f=1#g 3.14159 1,000,000 0x1F 1e-5 "
         "▁ ▁▁ ▁a Ġ ĠĠ Ċ <0x41> <0xE2> <unk> <s> </s").split(" ")
CONTRACTIONS = ["'s", "'S", "'ſ", "'t", "'T", "'re", "'RE", "'Re", "'ve", "'VE", "'m", "'M", "'ll", "'LL", "'lL", "'d",
                "'D", "'K", "\u2019s", "''s", "'", "'x", "'1", "' s"]
SPECIALS = ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", "<|endoftext|>", "<|im_start|>", "<|im_end|>",
            "<think>", "</think>", "<s>", "</s>", "<unk>", "<pad>", "<bos>", "<eos>", "<start_of_turn>",
            "<|assistant|>", "<|end|>", "<|user|>", "<left>", "<right>", "<both>", "<word>", "<norm>", "Ａdded", "café", "Ｓpecial",
            "é!"]


def scalar(chance, blocks):
    first, last = chance.choice(blocks)
    return chr(chance.randint(first, last))


def piece(chance):
    kind = chance.random()
    if kind < 0.30:
        blocks = BLOCKS[chance.choice(sorted(BLOCKS))]
        return "".join(scalar(chance, blocks) for _ in range(chance.choice([1, 1, 2, 3, 5])))
    if kind < 0.50:
        return chance.choice(WORDS)
    if kind < 0.60:
        return "".join(chr(chance.choice(SPACES)) for _ in range(chance.choice([1, 1, 2, 3, 6])))
    if kind < 0.66:
        return chance.choice(["a", "e", "o", "가", "ก", "か", "и", "α"]) + "".join(
            scalar(chance, BLOCKS["combining"]) for _ in range(chance.randint(1, 4)))
    if kind < 0.72:
        return "".join(chance.choice(DIGITS) if chance.random() < 0.4 else str(chance.randint(0, 99))
                       for _ in range(chance.randint(1, 4)))
    if kind < 0.78:
        return chance.choice(WORDS) + chance.choice(CONTRACTIONS) + chance.choice(["", "a", " ", "S"])
    if kind < 0.82:
        return chance.choice(EMOJI)
    if kind < 0.90:
        special = chance.choice(SPECIALS)
        cut = chance.random()
        return special if cut < 0.7 else special[:-1] if cut < 0.85 else special[1:]
    if kind < 0.93:
        return chance.choice(["\r\n", "\n\n", "\r", " \n", "\n ", "\t\t", "  "]) * chance.randint(1, 3)
    return " "


def line(chance):
    text = ""
    for _ in range(chance.choice([1, 2, 3, 4, 6])):
        text += piece(chance) + (" " if chance.random() < 0.35 else "")
    return text


def fixed_lines():
    lines = ["", " ", "  ", "\n", "\0", "a\0b", "\u00e9", "e\u0301", "e\u0301\u00e9e\u0301", "\u1100\u1161\u11a8",
             "\uac00\u11a8", "\u0344", "\u0958", "\u1e9b\u0323", "\ufb2c", "\U0001d15e", "\ufeffbom", "a\u200db",
             "I'Ve don'T she'LL we'RE I'M he'D it'ſ it'S", "<|end_of_text", "|>", "<|", "<0x0A>", "<0xZZ>"]
    for character in [" ", "\n", "\t", "\r\n", "a", "\u00a0", "▁", "1", "=", "\u0301", "中", "🙂", " a", "\n "]:
        for count in [2, 3, 7, 16, 33, 100]:
            lines.append(character * count)
            lines.append("x" + character * count + "y")
    for code in SPACES:
        lines += [f"a{chr(code)}b", f"{chr(code)} x", f"x {chr(code)}", f"x{chr(code)}{chr(code)}{chr(code)}y"]
    for special in SPECIALS:
        lines += [special, f"a{special}b", f" {special} ", f"a  {special}\n b", special + special, f"_{special}_",
                  f"\u00a0{special}\u3000"]
    return lines


def all_lines(count):
    chance = random.Random(20)
    lines = fixed_lines()
    while len(lines) < count:
        lines.append(line(chance))
    return lines


# --- tokenizers


def byte_alphabet():
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    other = [byte for byte in range(256) if byte not in printable]
    spelling = {byte: chr(byte) for byte in printable} | {byte: chr(256 + index) for index, byte in enumerate(other)}
    return [spelling[byte] for byte in range(256)]


BYTE_MERGES = ["Ġ t", "h e", "i n", "r e", "o n", "Ġt he", "Ġ a", "e r", "Ġ Ġ", "ĠĠ ĠĠ", "e n", "Ċ Ċ", "Ã ©", "l l", "' s",
               "1 2", "12 3", "Ì ģ", "e Ìģ", "à ¤", "ã ģ", "ä ½", "o r", "Ġ w", "or l", "Ġw orl", "Ġworl d", "0 0",
               "Â ł", "ð Ł", "ðŁ ĺ"]
PLAIN = [chr(code) for code in range(0x20, 0x7F)] + list("éàüßαβабв中文你好가각ㄱかのกน\u0301\u0323\u00a0\n②▁½")
PLAIN_MERGES = ["▁ t", "h e", "▁t he", "i n", "e r", "▁ ▁", "▁▁ ▁▁", "a n", "an d", "▁ and", "▁ a", "l l", "e \u0301",
                "1 2", "12 3", "中 文", "你 好", "o r", "▁ w", "s s", "t e", "te r", "r e", "a b", "b c", "ab c", "a bc"]


def model(alphabet, merges, extra=(), **options):
    tokens = list(dict.fromkeys([*extra, *alphabet]))
    prefix = options.get("continuing_subword_prefix") or ""
    for merge in merges:
        left, right = merge.split(" ")
        tokens.append(left + right[len(prefix):])
    tokens = list(dict.fromkeys(tokens))
    return {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
            **options, "vocab": {token: index for index, token in enumerate(tokens)}, "merges": merges}


def added(content, **options):
    return {"id": 0, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
            "special": False, **options}


def tokenizer(model, pre_tokenizer=None, normalizer=None, decoder=None, added_tokens=(), post_processor=None):
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": list(added_tokens),
            "normalizer": normalizer, "pre_tokenizer": pre_tokenizer, "post_processor": post_processor,
            "decoder": decoder, "model": model}


def sequence(key, *parts):
    return {"type": "Sequence", key: list(parts)}


def split(pattern, behavior, invert=False, kind="Regex"):
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


def byte_level(prefix=False, regex=True):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": regex}


def metaspace(scheme, splits):
    return {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": splits}


def replace(pattern, content, kind="String"):
    return {"type": "Replace", "pattern": {kind: pattern}, "content": content}


def template(*tokens):
    return {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": name, "type_id": 0}} if name else {"Sequence": {"id": "A", "type_id": 0}}
                       for name, _ in tokens],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {name: {"id": name, "ids": ids, "tokens": [name] * len(ids)}
                               for name, ids in tokens if name}}


ADDED = [
    added("<left>", lstrip=True, special=True), added("<right>", rstrip=True, special=True),
    added("<both>", lstrip=True, rstrip=True), added("<word>", single_word=True), added("<norm>", normalized=True),
    added("Ａdded", normalized=True), added("café", single_word=True, normalized=True), added("é!"),
    added("Ｓpecial", normalized=True, special=True), added("<|end|>", special=True), added("<|end|>x"), added("the"), added("<|user|>", single_word=True, rstrip=True),
    added(" <s>", lstrip=True), added("  "),
]
FALLBACK = [f"<0x{byte:02X}>" for byte in range(256)]
CL100K = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|"
          r"\s+(?!\S)|\s+")
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+"
            r"[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
KIMI = r"[\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}&&[^\p{Han}]]+|\p{N}{1,3}|'(?i:[sdmt]|ll|ve|re)|\s+|."


def own_tokenizers():
    byte_model = model(byte_alphabet(), BYTE_MERGES)
    plain = model(PLAIN, PLAIN_MERGES, ["<unk>", "<s>"], unk_token="<unk>", fuse_unk=True)
    fallback = model(PLAIN, PLAIN_MERGES, ["<unk>", *FALLBACK], unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    isolated = lambda pattern: sequence("pretokenizers", split(pattern, "Isolated"), byte_level(regex=False))
    spaces = replace("▁", " ")
    sentencepiece = sequence("decoders", spaces, {"type": "ByteFallback"}, {"type": "Fuse"},
                             {"type": "Strip", "content": " ", "start": 1, "stop": 0})
    yield "gpt2-digits", tokenizer(byte_model, sequence(
        "pretokenizers", {"type": "Digits", "individual_digits": True}, byte_level(prefix=True)), decoder=byte_level(),
        post_processor=sequence("processors", byte_level(), template(("<b>", [1, 2]), ("", []), ("<e>", [3]))))
    yield "digits-runs", tokenizer(byte_model, sequence(
        "pretokenizers", {"type": "Digits", "individual_digits": False}, byte_level()), decoder=byte_level())
    yield "metaspace-always", tokenizer(fallback, metaspace("always", True), decoder=metaspace("always", True))
    yield "metaspace-first", tokenizer(fallback, metaspace("first", False), {"type": "Strip", "strip_left": True,
                                       "strip_right": False}, metaspace("first", False), ADDED)
    yield "metaspace-never", tokenizer(plain, metaspace("never", True), decoder=sequence(
        "decoders", metaspace("never", True), {"type": "Strip", "content": "e", "start": 0, "stop": 1}))
    yield "added", tokenizer(byte_model, byte_level(), {"type": "NFKC"}, byte_level(), ADDED)
    yield "added-lower", tokenizer(fallback, None, sequence(
        "normalizers", {"type": "Lowercase"}, {"type": "NFD"}, {"type": "Prepend", "prepend": "▁"},
        replace(" ", "▁")), sentencepiece, ADDED)
    yield "nfkd", tokenizer(byte_model, byte_level(), sequence(
        "normalizers", {"type": "NFKD"}, replace("\\s{2,}|[ab]+c", "中", "Regex")), byte_level())
    yield "cl100k", tokenizer({**byte_model, "ignore_merges": True}, isolated(CL100K), {"type": "NFC"}, byte_level())
    yield "o200k", tokenizer(byte_model, isolated(O200K), None, byte_level())
    yield "deepseek", tokenizer(byte_model, sequence(
        "pretokenizers", split(r"\p{N}{1,3}", "Isolated"), split("[一-龥぀-ゟ゠-ヿ]+", "Isolated"),
        split(DEEPSEEK, "Isolated"), byte_level(regex=False)), sequence("normalizers"), byte_level())
    yield "kimi", tokenizer(byte_model, isolated(KIMI), None, byte_level())
    yield "unknown", tokenizer({**plain, "fuse_unk": False}, {"type": "WhitespaceSplit"})
    yield "unknown-fused", tokenizer({**fallback, "vocab": {
        token: index for token, index in fallback["vocab"].items() if token != "<0xE4>"}}, {"type": "Whitespace"})
    yield "dropped", tokenizer({**plain, "unk_token": None}, {"type": "Punctuation", "behavior": "Contiguous"},
                               decoder=sequence("decoders", {"type": "Fuse"}, replace("ab", "-"), {
                                   "type": "Strip", "content": "-", "start": 2, "stop": 1}))
    letters = [chr(code) for code in range(0x61, 0x7B)] + list("éà中1 ")
    yield "affixes", tokenizer(model(
        letters + ["##" + letter for letter in letters] + [letter + "</w>" for letter in letters]
        + [f"##{letter}</w>" for letter in letters], ["a ##b", "t ##h", "th ##e</w>", "##e ##r</w>"], ["<unk>"],
        unk_token="<unk>", continuing_subword_prefix="##", end_of_word_suffix="</w>"), {"type": "WhitespaceSplit"})
    for behavior in ["Isolated", "Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous"]:
        for invert in [False, True]:
            name = f"split-{behavior.lower()}{'-inverted' if invert else ''}"
            yield name, tokenizer(fallback, sequence(
                "pretokenizers", split(r"\s|[a-e]+?|(?<=x)y|^\w\b|\d*".replace(r"\b", ""), behavior, invert),
                split("an", behavior, invert, "String")))


def write_own_tokenizers():
    for name, value in own_tokenizers():
        for index, token in enumerate(value["added_tokens"]):
            token["id"] = value["model"]["vocab"].get(token["content"], len(value["model"]["vocab"]) + index)
        with open(f"{HERE}/tokenizers/own-{name}.json", "w") as file:
            json.dump(value, file, ensure_ascii=name.startswith("split"), separators=(",", ":"))


# --- what the reference makes of the texts


def packed(numbers):
    text = []
    for number in numbers:
        while number >= 32:
            text.append(ALPHABET[32 + number % 32])
            number //= 32
        text.append(ALPHABET[number])
    return "".join(text)


def decodings(reference, ids):
    """With and without special tokens; None where the reference panics (its decoder Strip does on short tokens)."""
    results = []
    for skips in [False, True]:
        try:
            results.append(reference.decode(ids, skip_special_tokens=skips))
        except BaseException as error:
            if type(error).__name__ != "PanicException":
                raise
            results.append(None)
    return results


def expected(reference, lines, first, step, seed):
    """What the reference makes of every `step`th line from `first`.

    `special` has some lines with the tokens around them, `decoded` and `skipped` the decodings that are not the line
    itself or not the same as each other, `random` the decodings of random identifiers.
    """
    result = {"first": first, "step": step, "tokens": [], "special": [], "decoded": {}, "skipped": {}, "random": []}
    for index in range(first, len(lines), step):
        plain = reference.encode(lines[index], add_special_tokens=False).ids
        ids = reference.encode(lines[index]).ids
        result["tokens"].append(packed(plain))
        if ids != plain and index % 8 < 2:
            result["special"].append([index, packed(ids)])
        decoded, skipped = decodings(reference, ids)
        if decoded != lines[index]:
            result["decoded"][str(index)] = decoded
        if skipped != decoded:
            result["skipped"][str(index)] = skipped
    chance = random.Random(seed)
    size = reference.get_vocab_size() + 3
    for _ in range(80):
        ids = [chance.randrange(size) for _ in range(chance.choice([1, 2, 4, 8, 16]))]
        if chance.random() < 0.4:
            # Byte tokens and the like stand at the front of the vocabulary.
            ids = [chance.randrange(min(size, 260)) for _ in ids]
        result["random"].append([packed(ids), *decodings(reference, ids)])
    return result


# --- sweeps over all code points, and long texts


def checksum(ids):
    value = 0
    for number in ids:
        value = (value * 31 + number + 1) % (1 << 32)
    return value


CATEGORIES = "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co Cn".split()
MARKS = [chr(0x100000 + index) for index in range(len(CATEGORIES))]


def sweeps():
    """Tokenizers, and the text that each is given for a code point."""
    marks = model(MARKS, [], ["<unk>"], unk_token="<unk>")
    # What was replaced already must not be replaced again.
    yield "categories", "{}", tokenizer(marks, normalizer=sequence("normalizers", *[
        replace(r"[\p{%s}&&[^\x{100000}-\x{10003F}]]" % category, mark, "Regex")
        for category, mark in zip(CATEGORIES, MARKS)]))
    for pattern in [r"\s", r"\S", r"\w", r"\W", r"\d", r"\D", r"\h", r"\p{Han}", r"\P{L}", r"[^\s\p{L}\p{N}]", ".",
                    r"(?i:[a-z])", r"(?i:[^s-z])", r"(?i:k|I|s)"]:
        yield pattern, "{}", tokenizer(marks, normalizer=replace(pattern, MARKS[0], "Regex"))
    pieces = model(["a", "▁"], [], ["<unk>"], unk_token="<unk>")
    for name, part in [("Digits", {"type": "Digits", "individual_digits": True}), ("Whitespace", {"type": "Whitespace"}),
                       ("Punctuation", {"type": "Punctuation", "behavior": "Isolated"}),
                       ("WhitespaceSplit", {"type": "WhitespaceSplit"})]:
        yield name, "a{}", tokenizer(pieces, sequence("pretokenizers", part, metaspace("always", False)))
    yield "single word", "<x>{}", tokenizer(pieces, added_tokens=[{**added("<x>", single_word=True), "id": 3}])
    yield "strip", " {}<y>{} ", tokenizer(pieces, added_tokens=[{**added("<y>", lstrip=True, rstrip=True), "id": 3}])
    bytes_only = model(byte_alphabet(), [])
    for form in ["NFC", "NFD", "NFKC", "NFKD", "Lowercase"]:
        yield form, "a\u0345{}\u0334 {}\u1161\u11a8", tokenizer(bytes_only, byte_level(regex=False), {"type": form})


def sweep_blocks(name):
    """The first code points of the blocks of 4096 that are swept: for normalization, where anything is assigned."""
    return [block for block in range(0, 0x110000, 4096)
            if "N" != name[0] and name != "Lowercase" or block < 0x30000 and (block < 0x4000 or block > 0x9000)
            and not 0xB000 <= block < 0xD000 and not 0x21000 <= block < 0x2F000]


def write_sweeps():
    result = []
    for name, text, value in sweeps():
        reference = Tokenizer.from_str(json.dumps(value))
        checksums = []
        for block in sweep_blocks(name):
            codes = [code for code in range(block, block + 4096)
                     if not 0xD800 <= code < 0xE000 and not 0x100000 <= code < 0x100040]
            whole = "".join(text.replace("{}", chr(code)) for code in codes)
            checksums.append(checksum(reference.encode(whole).ids))
        result.append({"name": name, "text": text, "blocks": sweep_blocks(name), "tokenizer": json.dumps(value),
                       "checksums": checksums})
    with open(f"{HERE}/sweeps.json", "w") as file:
        json.dump(result, file, separators=(",", ":"))


LONG = [(" ", 10000), ("a", 10000), ("\n", 10000), ("= ", 5000), ("\u0301", 3000), ("中", 5000), (" \n", 5000),
        ("\t ", 5000), ("é", 3000), ("1", 5000), ("the ", 4000), ("'s", 2000), ("<|end", 2000)]


def write_long():
    result = []
    for path in sorted(glob.glob(f"{HERE}/tokenizers/*.json")):
        if "split" in path:
            continue
        reference = Tokenizer.from_file(path)
        result.append({"name": os.path.basename(path)[:-5], "texts": [
            {"unit": unit, "count": count, "checksum": checksum(reference.encode("x" + unit * count + "y").ids)}
            for unit, count in LONG]})
    with open(f"{HERE}/long.json", "w") as file:
        json.dump(result, file, separators=(",", ":"))


def main():
    write_own_tokenizers()
    lines = all_lines(4400)
    with open(f"{HERE}/lines.json", "w") as file:
        json.dump(lines, file, ensure_ascii=True, separators=(",", ":"))
    os.makedirs(f"{HERE}/expected", exist_ok=True)
    for number, path in enumerate(sorted(glob.glob(f"{HERE}/tokenizers/*.json"))):
        name = os.path.basename(path)
        step = 12 if "split" in name else 6 if name.startswith("own-") else 3
        result = expected(Tokenizer.from_file(path), lines, number % step, step, number)
        with open(f"{HERE}/expected/{name}", "w") as file:
            json.dump(result, file, ensure_ascii=False, separators=(",", ":"))
    write_sweeps()
    write_long()


if __name__ == "__main__":
    main()
