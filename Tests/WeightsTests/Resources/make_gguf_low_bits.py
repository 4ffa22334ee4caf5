#!/usr/bin/env python3
"""Writes the Llama of a GGUF file again with matrices of Q2_K, Q3_K, IQ4_XS and IQ4_NL, with gguf 0.19.0, and what
transformers 5.23.0 computes in f32 with the numbers that gguf reads from it as its golden outputs.

    make_gguf_low_bits.py FOLDER OUT

FOLDER has one GGUF file, config.json, golden.safetensors and what else tests read: here gguf-llama-c-k, for
gguf-llama-d-low.
"""
import glob
import json
import os
import shutil
import sys

import gguf
import numpy as np
from gguf import GGMLQuantizationType as T
from safetensors.numpy import load_file, save_file

from make_gguf_dense import GATED, golden, unpaired
from make_gguf_mixtures import LAYER, write_file
from make_gguf_random_mixtures import half

KINDS = {"token_embd": T.Q3_K, "attn_q": T.Q2_K, "attn_k": T.IQ4_XS, "attn_v": T.IQ4_NL, "attn_output": T.Q3_K,
         "ffn_gate": T.Q2_K, "ffn_up": T.IQ4_XS, "ffn_down": T.Q3_K, "output": T.IQ4_XS}
NUMBERS = np.array([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113])


def half_bytes(values):
    """A binary16's two bytes in place of each number of the last dimension."""
    return values.astype(np.float16).view(np.uint8)


def signed_steps(x, greatest):
    """For each group of the last dimension what stands for one, of the greatest integer, in whole parts of the block's
    scale, and that scale. Parts may be negative, too."""
    steps = np.abs(x).max(-1) / greatest
    scale = half(steps.max(-1, keepdims=True) / 31)
    steps = np.clip(np.round(steps / scale), 1, 31)
    steps[:, ::3] *= -1
    return steps, scale


def two_bits(quants):
    """[blocks, 256] integers of 2 bits: four runs of 32 columns in 32 bytes, twice."""
    quants = quants.reshape(-1, 2, 4, 32).astype(np.uint8)
    return sum(quants[:, :, part] << 2 * part for part in range(4)).astype(np.uint8).reshape(-1, 64)


def q2_k(values):
    x = values.reshape(-1, 16, 16)
    least = np.maximum(-x.min(-1), 0)
    steps = (x.max(-1) + least) / 3
    scale, offset = (half(part.max(-1, keepdims=True) / 15) for part in (steps, least))
    steps, least = (np.clip(np.round(a / b), 0, 15) for a, b in ((steps, scale), (least, offset)))
    unit = np.maximum(scale * steps, 1e-9)[..., None]
    quants = np.clip(np.round((x + (offset * least)[..., None]) / unit), 0, 3).reshape(-1, 256)
    packed = steps.astype(np.uint8) | least.astype(np.uint8) << 4
    return np.concatenate([packed, two_bits(quants), half_bytes(scale), half_bytes(offset)], -1)


def q3_k(values):
    x = values.reshape(-1, 16, 16)
    steps, scale = signed_steps(x, 4)
    quants = np.clip(np.round(x / (scale * steps)[..., None]), -4, 3).astype(int).reshape(-1, 256) + 4
    high = (quants >> 2).reshape(-1, 8, 32)
    masks = sum(high[:, bit] << bit for bit in range(8)).astype(np.uint8)
    codes = (steps + 32).astype(np.uint8)
    low = codes[:, :8] & 15 | (codes[:, 8:] & 15) << 4
    high = sum((codes[:, 4 * part:4 * part + 4] >> 4) << 2 * part for part in range(4)).astype(np.uint8)
    return np.concatenate([masks, two_bits(quants & 3), low, high, half_bytes(scale)], -1)


def nearest(x):
    """The place of the nearest of the sixteen numbers."""
    return np.abs(x[..., None] - NUMBERS).argmin(-1).astype(np.uint8)


def in_halves(codes):
    """Of 32 columns the first 16 in the lower halves of 16 bytes, the last in the upper."""
    return codes[..., :16] | codes[..., 16:] << 4


def iq4_nl(values):
    x = values.reshape(-1, 32)
    scale = half(np.abs(x).max(-1, keepdims=True) / 113)
    return np.concatenate([half_bytes(scale), in_halves(nearest(x / scale))], -1)


def iq4_xs(values):
    x = values.reshape(-1, 8, 32)
    steps, scale = signed_steps(x, 113)
    quants = nearest(x / (scale * steps)[..., None])
    codes = (steps + 32).astype(np.uint16)
    high = sum((codes[:, group] >> 4) << 2 * group for group in range(8)).astype("<u2")[:, None].view(np.uint8)
    low = ((codes[:, ::2] & 15) | (codes[:, 1::2] & 15) << 4).astype(np.uint8)
    return np.concatenate([half_bytes(scale), high, low, in_halves(quants).reshape(-1, 128)], -1)


ROUNDING = {T.Q2_K: q2_k, T.Q3_K: q3_k, T.IQ4_NL: iq4_nl, T.IQ4_XS: iq4_xs}


def encoded(name, values):
    kind = KINDS[name.split(".")[-2]]
    data = ROUNDING[kind](values).reshape(len(values), -1)
    back = gguf.quants.dequantize(data, kind)
    error = np.sqrt(((back - values) ** 2).mean() / (values ** 2).mean())
    print(f"{name} {kind.name}: relative error {error:.2f}")
    assert error < 0.4
    return data, kind, back


def main(source, out):
    config = json.load(open(f"{source}/config.json"))
    reader = gguf.GGUFReader(glob.glob(f"{source}/*.gguf")[0])
    os.makedirs(out, exist_ok=True)
    writer = gguf.GGUFWriter(f"{out}/model-Q2_K.gguf", "llama")
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name in ("general.architecture", "general.file_type"):
            continue
        kind = field.types[0]
        writer.add_key_value(field.name, field.contents(), kind, field.types[-1] if len(field.types) > 1 else None)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q2_K)
    own = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
    for layer in range(config["num_hidden_layers"]):
        own |= {f"blk.{layer}.{name}": f"model.layers.{layer}.{part}" for part, name in (LAYER | GATED).items()}
    heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}
    tensors = {}
    for tensor in reader.tensors:
        name, values = tensor.name, gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        if values.ndim > 1:
            data, kind, values = encoded(name, values)
        else:
            data, kind = values, T.F32
        writer.add_tensor(name, data, raw_dtype=kind)
        path = name.removesuffix(".weight")
        turning = heads.get(path.split(".")[-1])
        tensors[f"{own[path]}.weight"] = unpaired(values, turning) if turning else values
    write_file(writer)
    published = load_file(f"{source}/golden.safetensors")
    found = golden(config, tensors, published["prompt.input_ids"], published["text.input_ids"])
    save_file(found, f"{out}/golden.safetensors")
    for name in ["config.json", "tokenizer_cases.json", "tokenizer_config.json"]:
        shutil.copyfile(f"{source}/{name}", f"{out}/{name}")


if __name__ == "__main__":
    main(*sys.argv[1:])
