#!/usr/bin/env python3
"""Makes the GGUF fixtures: files written by gguf 0.19.0, and what they hold according to gguf, tokenizers 0.23.3 and
sentencepiece 0.2.3.

    make_gguf.py TEXT REFERENCE_TOKENIZER OUT

TEXT is any English text to train a tokenizer on, REFERENCE_TOKENIZER a byte-level tokenizer.json.
"""
import io
import json
import sys

import gguf
import numpy as np
import sentencepiece
import tokenizers
from gguf import GGMLQuantizationType as T, TokenType
from tokenizers import Regex, decoders, pre_tokenizers

from make_gguf_mixtures import write_file

random = np.random.default_rng(1)

# Where the binary16 numbers stand in a block.
HALVES = {
    T.Q8_0: [0], T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2], T.Q2_K: [80, 82], T.Q3_K: [108], T.Q4_K: [0, 2],
    T.Q5_K: [0, 2], T.Q6_K: [208], T.IQ4_NL: [0], T.IQ4_XS: [0],
}


def blocks(rows, columns, kind):
    """Random bytes are valid blocks, but for numbers that are not finite."""
    size, count = gguf.GGML_QUANT_SIZES[kind]
    data = random.integers(0, 256, (rows * columns // size, count), dtype=np.uint8)
    for place in HALVES[kind]:
        data[:, place:place + 2] = random.normal(0, 0.1, (len(data), 1)).astype(np.float16).view(np.uint8)
    return data.reshape(rows, -1)


def straight(values, heads):
    """Rows of rotary pairs into the order of a checkpoint, as transformers does it."""
    size = len(values) // heads
    return values.reshape(heads, size // 2, 2, *values.shape[1:]).swapaxes(1, 2).reshape(values.shape)


def model_keys(writer, width, layers, mlp, heads, key_value_heads, head_size):
    writer.add_context_length(128)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(mlp)
    writer.add_head_count(heads)
    writer.add_head_count_kv(key_value_heads)
    writer.add_key_length(head_size)
    writer.add_value_length(head_size)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(head_size)


def every_type(out):
    heads, key_value_heads, head_size, width, mlp, vocabulary = 2, 1, 16, 256, 32, 17
    writer = gguf.GGUFWriter(f"{out}/types.gguf", "llama")
    model_keys(writer, width, 2, mlp, heads, key_value_heads, head_size)
    expected = {}

    def plain(name, checkpoint_name, shape, kind, turn=None):
        values = random.normal(0, 1, shape).astype(np.float32)
        data = {T.F32: lambda: values, T.F16: lambda: values.astype(np.float16),
                T.BF16: lambda: gguf.quants.quantize(values, T.BF16)}[kind]()
        writer.add_tensor(name, data, raw_dtype=kind)
        values = gguf.quants.dequantize(data, kind)
        expected[checkpoint_name] = straight(values, turn) if turn else values

    def grouped(name, checkpoint_name, rows, columns, kind, turn=None):
        data = blocks(rows, columns, kind)
        writer.add_tensor(name, data, raw_dtype=kind)
        values = gguf.quants.dequantize(data, kind)
        expected[checkpoint_name] = straight(values, turn) if turn else values

    grouped("token_embd.weight", "model.embed_tokens.weight", vocabulary, width, T.Q6_K)
    kinds = [(T.Q4_K, T.Q5_K, T.Q4_0, T.Q5_0, T.Q4_1, T.Q5_1), (T.Q3_K, T.Q2_K, T.IQ4_XS, T.IQ4_NL, T.Q2_K, T.IQ4_NL)]
    for number, (query, key, value, output, gate, down) in enumerate(kinds):
        block, layer = f"blk.{number}", f"model.layers.{number}"
        grouped(f"{block}.attn_q.weight", f"{layer}.self_attn.q_proj.weight", heads * head_size, width, query, heads)
        plain(f"{block}.attn_q.bias", f"{layer}.self_attn.q_proj.bias", (heads * head_size,), T.F32, heads)
        grouped(f"{block}.attn_k.weight", f"{layer}.self_attn.k_proj.weight", head_size, width, key, key_value_heads)
        plain(f"{block}.attn_k.bias", f"{layer}.self_attn.k_proj.bias", (head_size,), T.F16, key_value_heads)
        grouped(f"{block}.attn_v.weight", f"{layer}.self_attn.v_proj.weight", head_size, width, value)
        plain(f"{block}.attn_v.bias", f"{layer}.self_attn.v_proj.bias", (head_size,), T.BF16)
        grouped(f"{block}.attn_output.weight", f"{layer}.self_attn.o_proj.weight", width, heads * head_size, output)
        plain(f"{block}.attn_output.bias", f"{layer}.self_attn.o_proj.bias", (width,), T.F32)
        plain(f"{block}.attn_norm.weight", f"{layer}.input_layernorm.weight", (width,), T.F32)
        plain(f"{block}.ffn_norm.weight", f"{layer}.post_attention_layernorm.weight", (width,), T.F32)
        grouped(f"{block}.ffn_gate.weight", f"{layer}.mlp.gate_proj.weight", mlp, width, gate)
        plain(f"{block}.ffn_up.weight", f"{layer}.mlp.up_proj.weight", (mlp, width), T.BF16)
        grouped(f"{block}.ffn_down.weight", f"{layer}.mlp.down_proj.weight", width, mlp, down)
    plain("output_norm.weight", "model.norm.weight", (width,), T.F32)
    grouped("output.weight", "lm_head.weight", vocabulary, width, T.Q8_0)
    write_file(writer)
    with open(f"{out}/types.f32", "wb") as file:
        for name in sorted(expected):
            file.write(np.ascontiguousarray(expected[name], dtype="<f4").tobytes())


CASES = [
    "Hello, world!", " leading and trailing ", "two  spaces,   three", "line\nbreak\r\n\n  indented\n", "tab\tstop",
    "I'm sure they'LL say it'S 1234567 or 12.5%", "x=y+1; f(a)<b>c^d~e|f $5", "snake_case CamelCase HTTPServer",
    "Größe naïve café", "e\u0301 combining", "日本語のテキスト", "한국어 텍스트 中文。", "Привет, мир!", "🙂👩‍👩‍👧 emoji",
    "", " ", "\n", "a", "(c) 2007 the licensees' rights?!...", "end of line   \n   start",
]


def sentence_piece(text, out):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        input=text, model_writer=model, vocab_size=480, model_type="bpe", byte_fallback=True,
        normalization_rule_name="identity", remove_extra_whitespaces=False, character_coverage=0.999,
        user_defined_symbols=["<tool>"], minloglevel=2)
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    kinds = []
    for id in range(processor.vocab_size()):
        kinds.append(
            TokenType.UNKNOWN if processor.is_unknown(id) else TokenType.CONTROL if processor.is_control(id)
            else TokenType.BYTE if processor.is_byte(id) else TokenType.USER_DEFINED if id == 3 else TokenType.NORMAL)
    writer = gguf.GGUFWriter(f"{out}/sentencepiece.gguf", "llama")
    model_keys(writer, 32, 1, 32, 2, 2, 16)
    writer.add_tokenizer_model("llama")
    writer.add_token_list([processor.id_to_piece(id) for id in range(processor.vocab_size())])
    writer.add_token_scores([processor.get_score(id) for id in range(processor.vocab_size())])
    writer.add_token_types(kinds)
    writer.add_bos_token_id(processor.bos_id())
    writer.add_eos_token_id(processor.eos_id())
    writer.add_unk_token_id(processor.unk_id())
    writer.add_tensor("token_embd.weight", np.zeros((processor.vocab_size(), 32), dtype=np.float16))
    write_file(writer)
    lines = open(text).read().split("\n\n")
    cases = [case for case in CASES if case] + lines[:40]
    json.dump(
        [{"text": case, "ids": processor.encode(case), "decoded": processor.decode(processor.encode(case))} for case in cases],
        open(f"{out}/sentencepiece.json", "w"), ensure_ascii=False)


# The patterns as the models' own files have them, or, for `default`, as llama.cpp does.
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
GPT4O = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
CASED = (
    "A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af\u0370-\u0373"
    "\u0376\u0377\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481"
    "\u048a-\u052f\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd\u1c90-\u1cba\u1cbd-\u1cbf"
    "\u1d00-\u1d2b\u1d6b-\u1d77\u1d79-\u1d9a\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45\u1f48-\u1f4d"
    "\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4"
    "\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102\u2107"
    "\u210a-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f"
    "\u2145-\u2149\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d"
    "\ua680-\ua69b\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf\ufb00-\ufb06\ufb13-\ufb17"
    "\uff21-\uff3a\uff41-\uff5a\U00010400-\U0001044f\U000104b0-\U000104d3\U000104d8-\U000104fb"
    "\U00010c80-\U00010cb2\U00010cc0-\U00010cf2\U000118a0-\U000118df\U0001e900-\U0001e943")
DEEPSEEK2 = [
    r"[\r\n]", rf"\s?[{CASED}]+", r"\s?[!-/:-~！-／：-～‘-‟　-。]+", r"\s+$", "[一-龥ࠀ-一가-퟿]+"]
DEEPSEEK3 = [
    r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+",
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|"""
    r"\s*[\r\n]+|\s+(?!\S)|\s+"]
TEKKEN = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|"
          r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|"
          r"\s*[\r\n]+|\s+(?!\S)|\s+")


def split(*patterns):
    return [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in patterns]


GPT2 = [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]
BYTES = [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
PRE_TOKENIZERS = {
    "llama-bpe": split(LLAMA3) + BYTES,
    "smaug-bpe": split(LLAMA3) + BYTES,
    "qwen2": split(QWEN2) + BYTES,
    "deepseek-r1-qwen": split(QWEN2) + BYTES,
    "tekken": split(TEKKEN) + BYTES,
    "gpt-4o": split(GPT4O) + BYTES,
    "glm4": split(LLAMA3) + BYTES,
    "deepseek-v3": split(*DEEPSEEK3) + BYTES,
    "gpt-2": GPT2,
    "smollm": [pre_tokenizers.Digits(individual_digits=True)] + GPT2,
    "starcoder": [pre_tokenizers.Digits(individual_digits=True)] + GPT2,
    "deepseek-llm": split(*DEEPSEEK2) + [pre_tokenizers.Digits(individual_digits=True)] + BYTES,
    "deepseek-coder": split(r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+")
    + [pre_tokenizers.Digits(individual_digits=True)] + BYTES,
    "default": split(
        r"[\p{P}\$\+<=>\^~\|]+", r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)", r"\p{N}+",
        "[0-9][0-9][0-9]") + BYTES,
}


def byte_level(reference, out):
    source = json.load(open(reference))
    special = [token["content"] for token in source["added_tokens"]]
    vocabulary = sorted(source["model"]["vocab"], key=source["model"]["vocab"].get)
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in source["model"]["merges"]]
    result = {"tokens": vocabulary, "special": special, "merges": merges, "cases": CASES, "ids": {}}
    for name, parts in PRE_TOKENIZERS.items():
        keeps_whole = name in ("llama-bpe", "tekken", "glm4")
        tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(
            source["model"]["vocab"], [tuple(merge.split(" ")) for merge in merges], ignore_merges=keeps_whole))
        if name == "qwen2":
            tokenizer.normalizer = tokenizers.normalizers.NFC()
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(parts)
        tokenizer.decoder = decoders.ByteLevel()
        result["ids"][name] = [tokenizer.encode(case).ids for case in CASES]
    json.dump(result, open(f"{out}/bytelevel.json", "w"), ensure_ascii=False)


if __name__ == "__main__":
    text, reference, out = sys.argv[1:]
    every_type(out)
    sentence_piece(text, out)
    byte_level(reference, out)
