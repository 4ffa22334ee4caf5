#!/usr/bin/env python3
"""Makes mixtures of experts of random numbers as GGUF files, with gguf 0.19.0, and their golden outputs: what float64
arithmetic gives for the numbers that gguf reads from the file.

    make_gguf_random_mixtures.py OUT CHECKPOINT...

The arithmetic is first held against the golden outputs of each CHECKPOINT, a folder of make_gguf_mixtures.py's kind.
"""
import json
import os
import sys

import gguf
import numpy as np
from gguf import GGMLQuantizationType as T
from safetensors.numpy import load_file, save_file

from make_gguf_mixtures import FAMILIES, load, write_file, write_model

SHARED = {
    "dtype": None, "eos_token_id": None, "hidden_act": "silu", "max_position_embeddings": 512, "mlp_only_layers": [],
    "num_experts_per_tok": 2, "rms_norm_eps": 1e-6, "rope_parameters": {"rope_theta": 1e6, "rope_type": "default"},
    "tie_word_embeddings": False, "vocab_size": 331,
}
# By the folder: how it is stored, and the config.
MODELS = {
    "gguf-qwen2_moe-a-e5-q8_0": ("Q8_0", SHARED | {
        "architectures": ["Qwen2MoeForCausalLM"], "hidden_size": 96, "intermediate_size": 128,
        "moe_intermediate_size": 64, "norm_topk_prob": False, "num_attention_heads": 6, "num_experts": 5,
        "num_hidden_layers": 2, "num_key_value_heads": 2, "shared_expert_intermediate_size": 96,
    }),
    "gguf-qwen3_moe-b-e3-k": ("Q4_K_M", SHARED | {
        "architectures": ["Qwen3MoeForCausalLM"], "attention_bias": False, "head_dim": 32, "hidden_size": 256,
        "intermediate_size": 1024, "moe_intermediate_size": 512, "norm_topk_prob": True, "num_attention_heads": 8,
        "num_experts": 3, "num_hidden_layers": 1, "num_key_value_heads": 2,
    }),
}


def norm(x, weight, epsilon):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + epsilon) * weight


def rotated(x, theta):
    """[positions, heads, size], the two channels of a pair half a head apart."""
    half = x.shape[-1] // 2
    angles = np.arange(len(x))[:, None] / theta ** (np.arange(half) / half)
    cosine, sine = np.cos(angles)[:, None], np.sin(angles)[:, None]
    first, second = x[..., :half], x[..., half:]
    return np.concatenate([first * cosine - second * sine, second * cosine + first * sine], -1)


def softmax(x):
    x = np.exp(x - x.max(-1, keepdims=True))
    return x / x.sum(-1, keepdims=True)


def attention(x, weights, config):
    heads, key_value_heads = config["num_attention_heads"], config["num_key_value_heads"]
    epsilon, theta = config["rms_norm_eps"], config["rope_parameters"]["rope_theta"]

    def projected(name, count):
        y = x @ weights[f"self_attn.{name}_proj.weight"].T + weights.get(f"self_attn.{name}_proj.bias", 0)
        y = y.reshape(len(x), count, -1)
        weight = weights.get(f"self_attn.{name}_norm.weight")
        return y if weight is None else norm(y, weight, epsilon)

    queries, keys = rotated(projected("q", heads), theta), rotated(projected("k", key_value_heads), theta)
    keys, values = (part.repeat(heads // key_value_heads, 1) for part in (keys, projected("v", key_value_heads)))
    scores = np.einsum("qhc,khc->hqk", queries, keys) / np.sqrt(queries.shape[-1])
    scores = np.where(np.tri(len(x), dtype=bool), scores, -np.inf)
    read = np.einsum("hqk,khc->qhc", softmax(scores), values).reshape(len(x), -1)
    return read @ weights["self_attn.o_proj.weight"].T


def mlp(x, weights, path, gate="gate_proj", down="down_proj", up="up_proj"):
    gate, down, up = (weights[f"{path}.{name}.weight"] for name in (gate, down, up))
    raised = x @ gate.T
    return (raised / (1 + np.exp(-raised)) * (x @ up.T)) @ down.T


def mixture(x, weights, config):
    """Its outputs, and by how much the least chosen expert scored above the next one."""
    _, path, names = FAMILIES[config["architectures"][0]]
    if f"{path}.gate.weight" not in weights:
        return mlp(x, weights, path), np.inf
    factors = softmax(x @ weights[f"{path}.gate.weight"].T)
    ordered = np.sort(factors, -1)
    chosen = config["num_experts_per_tok"]
    factors = np.where(factors >= ordered[:, -chosen, None], factors, 0)
    if config.get("norm_topk_prob", True):
        factors /= factors.sum(-1, keepdims=True)
    total = sum(
        factors[:, expert, None] * mlp(x, weights, f"{path}.experts.{expert}", **names)
        for expert in range(factors.shape[1]))
    if f"{path}.shared_expert_gate.weight" in weights:
        gate = 1 / (1 + np.exp(-x @ weights[f"{path}.shared_expert_gate.weight"].reshape(1, -1).T))
        total += gate * mlp(x, weights, f"{path}.shared_expert")
    return total, (ordered[:, -chosen] - ordered[:, -chosen - 1]).min()


def forward(ids, tensors, config):
    """The residual stream before each layer and at the end, the logits, and how near a choice of experts came."""
    epsilon, margin = config["rms_norm_eps"], np.inf
    stream = [tensors["model.embed_tokens.weight"][ids]]
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        weights = {name[len(prefix):]: values for name, values in tensors.items() if name.startswith(prefix)}
        x = stream[-1] + attention(norm(stream[-1], weights["input_layernorm.weight"], epsilon), weights, config)
        experts, nearest = mixture(norm(x, weights["post_attention_layernorm.weight"], epsilon), weights, config)
        stream.append(x + experts)
        margin = min(margin, nearest)
    logits = norm(stream[-1], tensors["model.norm.weight"], epsilon) @ tensors["lm_head.weight"].T
    return np.stack(stream), logits, margin


def losses(logits, ids):
    logits = logits[:-1] - logits[:-1].max(-1, keepdims=True)
    return np.log(np.exp(logits).sum(-1)) - logits[np.arange(len(logits)), ids[1:]]


def check(checkpoint, forward=forward):
    config = json.load(open(f"{checkpoint}/config.json"))
    golden = load_file(f"{checkpoint}/golden.safetensors")
    tensors = {name: values.astype(float) for name, values in load(f"{checkpoint}/model.safetensors").items()}
    stream, logits, _ = forward(golden["prompt.input_ids"], tensors, config)
    _, text, _ = forward(golden["text.input_ids"], tensors, config)
    for name, values in [("prompt.hidden", stream), ("prompt.logits", logits),
                         ("text.nll", losses(text, golden["text.input_ids"]))]:
        error = np.abs(values - golden[name]).max()
        print(f"{name}: largest difference {error:.1e}")
        assert error < 2e-4


def half(values):
    return values.astype(np.float16).astype(np.float32)


def q4_k(values):
    """Blocks of 256 columns: scales and least values of 8 groups in 6 bits each, then 4 bits a column."""
    x = values.reshape(-1, 8, 32)
    least = np.maximum(-x.min(-1), 0)
    steps = (x.max(-1) + least) / 15
    scale, offset = (half(part.max(-1, keepdims=True) / 63) for part in (steps, least))
    steps, least = (np.clip(np.round(a / b), 0, 63).astype(np.uint8) for a, b in ((steps, scale), (least, offset)))
    unit = np.maximum(scale * steps, 1e-9)[..., None]
    quants = np.clip(np.round((x + (offset * least)[..., None]) / unit), 0, 15).astype(np.uint8)
    packed = np.concatenate([
        steps[:, :4] | (steps[:, 4:] >> 4) << 6, least[:, :4] | (least[:, 4:] >> 4) << 6,
        steps[:, 4:] & 15 | (least[:, 4:] & 15) << 4], -1)
    quants = quants.reshape(-1, 4, 2, 32)
    halves = np.concatenate([scale, offset], -1).astype(np.float16).view(np.uint8)
    return np.concatenate([halves, packed, (quants[:, :, 0] | quants[:, :, 1] << 4).reshape(-1, 128)], -1)


def q6_k(values):
    """Blocks of 256 columns: 6 bits a column, then scales of 16 groups in 8 bits each."""
    x = values.reshape(-1, 16, 16)
    steps = np.abs(x).max(-1) / 31
    scale = half(steps.max(-1, keepdims=True) / 127)
    steps = np.clip(np.round(steps / scale), 1, 127).astype(np.int8)
    quants = np.clip(np.round(x / (scale * steps)[..., None]), -32, 31).astype(int) + 32
    quants = quants.reshape(-1, 2, 4, 32).astype(np.uint8)
    low = np.stack([quants[:, :, 0] & 15 | (quants[:, :, 2] & 15) << 4,
                    quants[:, :, 1] & 15 | (quants[:, :, 3] & 15) << 4], 2)
    high = sum((quants[:, :, part] >> 4) << 2 * part for part in range(4)).astype(np.uint8)
    return np.concatenate([low.reshape(-1, 128), high.reshape(-1, 64), steps.view(np.uint8),
                           scale.astype(np.float16).view(np.uint8)], -1)


def quantized(name, values):
    """A tensor as a file of Q4_K_M has it, or one of Q8_0 where rows are too short for that, and its numbers."""
    if values.ndim == 1 or "ffn_gate_inp" in name:
        return values, T.F32, values
    kind = (T.Q8_0 if values.shape[-1] % 256
            else T.Q6_K if name == "output.weight" or "attn_v" in name or "ffn_down" in name else T.Q4_K)
    rows = values.reshape(-1, values.shape[-1])
    data = q6_k(rows) if kind == T.Q6_K else q4_k(rows) if kind == T.Q4_K else gguf.quants.quantize(rows, kind)
    data = data.reshape(*values.shape[:-1], -1)
    back = gguf.quants.dequantize(data, kind)
    assert np.abs(back - values).max() < 0.1 * np.abs(values).max()
    return data, kind, back


def random_layer(config, random):
    width, experts = config["hidden_size"], config["moe_intermediate_size"]
    heads, key_value_heads = config["num_attention_heads"], config["num_key_value_heads"]
    size = config.get("head_dim", width // heads)

    def matrix(rows, columns, gain=1.0):
        return random.normal(0, gain / np.sqrt(columns), (rows, columns)).astype(np.float32)

    def vector(count, mean=1):
        return random.normal(mean, 0.1, count).astype(np.float32)

    layer = {
        "input_layernorm.weight": vector(width), "post_attention_layernorm.weight": vector(width),
        "self_attn.q_proj.weight": matrix(heads * size, width),
        "self_attn.k_proj.weight": matrix(key_value_heads * size, width),
        "self_attn.v_proj.weight": matrix(key_value_heads * size, width),
        "self_attn.o_proj.weight": matrix(width, heads * size, 1.5),
        "mlp.gate.weight": matrix(config["num_experts"], width, 2),
    }
    mlps = {f"mlp.experts.{expert}": experts for expert in range(config["num_experts"])}
    if "shared_expert_intermediate_size" in config:
        mlps["mlp.shared_expert"] = config["shared_expert_intermediate_size"]
        layer["mlp.shared_expert_gate.weight"] = matrix(1, width)
        for name, count in [("q", heads), ("k", key_value_heads), ("v", key_value_heads)]:
            layer[f"self_attn.{name}_proj.bias"] = vector(count * size, 0)
    else:
        for name in ["q", "k"]:
            layer[f"self_attn.{name}_norm.weight"] = vector(size)
    for path, channels in mlps.items():
        layer[f"{path}.gate_proj.weight"] = matrix(channels, width, 2)
        layer[f"{path}.up_proj.weight"] = matrix(channels, width)
        layer[f"{path}.down_proj.weight"] = matrix(width, channels, 2)
    return layer


def random_tensors(config, random):
    vocabulary, width = config["vocab_size"], config["hidden_size"]
    tensors = {
        "model.embed_tokens.weight": random.normal(0, 1, (vocabulary, width)).astype(np.float32),
        "model.norm.weight": random.normal(1, 0.1, width).astype(np.float32),
        "lm_head.weight": random.normal(0, 2.5 / np.sqrt(width), (vocabulary, width)).astype(np.float32),
    }
    for layer in range(config["num_hidden_layers"]):
        for name, values in random_layer(config, random).items():
            tensors[f"model.layers.{layer}.{name}"] = values
    return tensors


def golden(tensors, config, random, forward=forward):
    prompt, text = (random.integers(0, config["vocab_size"], count).astype(np.int32) for count in (37, 300))
    stream, logits, prompt_margin = forward(prompt, tensors, config)
    _, text_logits, text_margin = forward(text, tensors, config)
    ids, least, margins = prompt.tolist(), np.inf, [prompt_margin, text_margin]
    for _ in range(48):
        _, rows, margin = forward(ids, tensors, config)
        best = np.sort(rows[-1])
        least = min(least, best[-1] - best[-2])
        margins.append(margin)
        ids.append(int(rows[-1].argmax()))
    # Float32 must choose the same experts and tokens.
    print(f"spread {logits.std():.2f}, margins {least:.1e} of tokens, {min(margins):.1e} of experts")
    assert least > 2e-3 and min(margins) > 5e-5
    return {
        "prompt.input_ids": prompt, "prompt.hidden": stream.astype(np.float32),
        "prompt.logits": logits.astype(np.float32), "text.input_ids": text,
        "text.nll": losses(text_logits, text).astype(np.float32), "greedy.ids": np.array(ids[37:], dtype=np.int32),
    }


def make(name, out, seed):
    kind, config = MODELS[name]
    random = np.random.default_rng(seed)
    os.makedirs(f"{out}/{name}", exist_ok=True)
    family = FAMILIES[config["architectures"][0]]
    writer = gguf.GGUFWriter(f"{out}/{name}/model-{kind}.gguf", family[0])
    tensors = write_model(
        writer, config, family, random_tensors(config, random), gguf.LlamaFileType[f"MOSTLY_{kind}"], quantized)
    write_file(writer)
    tensors = {name: values.astype(float) for name, values in tensors.items()}
    save_file(golden(tensors, config, random), f"{out}/{name}/golden.safetensors")
    json.dump(config, open(f"{out}/{name}/config.json", "w"), indent=2)


if __name__ == "__main__":
    for checkpoint in sys.argv[2:]:
        check(checkpoint)
    # Seeds by which no choice is a near one.
    for name, seed in zip(MODELS, (7, 5)):
        make(name, sys.argv[1], seed)
