#!/usr/bin/env python3
"""Makes models of random numbers with layers that have states as GGUF files, with gguf 0.19.0, and their golden
outputs: what float64 arithmetic gives for the numbers that gguf reads from the file.

    make_gguf_random_hybrids.py OUT CHECKPOINT...

The arithmetic is first held against the golden outputs of each CHECKPOINT, a folder of make_gguf_hybrids.py's kind.
"""
import json
import os
import sys

import gguf
import numpy as np
from safetensors.numpy import save_file

from make_gguf_hybrids import architecture, kinds, write_model
from make_gguf_mixtures import write_file
from make_gguf_random_mixtures import check, golden, mlp, norm, quantized, rotated, softmax

QWEN = {
    "dtype": None, "eos_token_id": None, "hidden_act": "silu", "linear_conv_kernel_dim": 4,
    "max_position_embeddings": 512, "rms_norm_eps": 1e-6, "tie_word_embeddings": False, "vocab_size": 331,
    "rope_parameters": {"partial_rotary_factor": 0.25, "rope_theta": 1e6, "rope_type": "default"},
}
NEMOTRON = {
    "architectures": ["NemotronHForCausalLM"], "dtype": None, "eos_token_id": None, "layer_norm_epsilon": 1e-5,
    "max_position_embeddings": 512, "mlp_hidden_act": "relu2", "tie_word_embeddings": False, "vocab_size": 331,
}
EXPERTS = {
    "moe_intermediate_size": 64, "norm_topk_prob": True, "num_experts": 4, "num_experts_per_tok": 2,
    "shared_expert_intermediate_size": 96,
}
LINEAR, FULL = "linear_attention", "full_attention"
# By the folder: how it is stored, whether it is spelled as in older files, and the config.
MODELS = {
    "gguf-qwen3_5-b-k": ("Q4_K_M", False, QWEN | {
        "architectures": ["Qwen3_5ForCausalLM"], "head_dim": 64, "hidden_size": 256, "intermediate_size": 256,
        "layer_types": [LINEAR, FULL, LINEAR], "linear_key_head_dim": 64, "linear_num_key_heads": 2,
        "linear_num_value_heads": 4, "linear_value_head_dim": 64, "num_attention_heads": 4, "num_hidden_layers": 3,
        "num_key_value_heads": 2,
    }),
    "gguf-qwen3_5_moe-b-e4-q8_0": ("Q8_0", False, QWEN | EXPERTS | {
        "architectures": ["Qwen3_5MoeForCausalLM"], "head_dim": 16, "hidden_size": 96,
        "layer_types": [LINEAR, FULL, LINEAR], "linear_key_head_dim": 32, "linear_num_key_heads": 2,
        "linear_num_value_heads": 6, "linear_value_head_dim": 32, "mtp_num_hidden_layers": 1,
        "num_attention_heads": 6, "num_hidden_layers": 3, "num_key_value_heads": 2,
    }),
    "gguf-qwen3_next-b-e4-q8_0": ("Q8_0", True, QWEN | EXPERTS | {
        "architectures": ["Qwen3NextForCausalLM"], "head_dim": 16, "hidden_size": 96, "intermediate_size": 128,
        "layer_types": [LINEAR, LINEAR, FULL], "linear_key_head_dim": 16, "linear_num_key_heads": 2,
        "linear_num_value_heads": 4, "linear_value_head_dim": 32, "num_attention_heads": 6, "num_hidden_layers": 3,
        "num_key_value_heads": 2,
    }),
    "gguf-nemotron_h-c-e4-q8_0": ("Q8_0", False, NEMOTRON | {
        "conv_kernel": 4, "head_dim": 16, "hidden_size": 96, "intermediate_size": 64,
        "layers_block_type": [LINEAR, "moe", FULL, LINEAR, "moe"], "mamba_head_dim": 16, "mamba_num_heads": 8,
        "moe_intermediate_size": 64, "moe_shared_expert_intermediate_size": 96, "n_group": 1, "n_groups": 2,
        "n_routed_experts": 4, "n_shared_experts": 1, "norm_topk_prob": True, "num_attention_heads": 6,
        "num_experts_per_tok": 2, "num_key_value_heads": 2, "routed_scaling_factor": 2.5, "ssm_state_size": 16,
        "topk_group": 1,
    }),
}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def silu(x):
    return x * sigmoid(x)


def softplus(x):
    return np.logaddexp(x, 0)


def convolved(x, weight, bias=0):
    """[positions, channels]: each channel over its last positions, then a silu."""
    kernel = weight.shape[-1]
    padded = np.concatenate([np.zeros((kernel - 1, x.shape[1])), x])
    weight = weight.reshape(-1, kernel)
    return silu(sum(padded[place:place + len(x)] * weight[:, place] for place in range(kernel)) + bias)


def attention(x, weights, config, path, epsilon, rotary):
    """With a gate where there are norms of heads, without positions where nothing turns."""
    heads, key_value_heads, size = (config[key] for key in ["num_attention_heads", "num_key_value_heads", "head_dim"])
    queries, keys, values = (
        (x @ weights[f"{path}.{name}_proj.weight"].T).reshape(len(x), count, -1)
        for name, count in [("q", heads), ("k", key_value_heads), ("v", key_value_heads)])
    gate = 1
    if rotary is not None:
        gate = sigmoid(queries[..., size:]).reshape(len(x), -1)
        queries, keys = (
            norm(part, 1 + weights[f"{path}.{name}_norm.weight"], epsilon)
            for name, part in [("q", queries[..., :size]), ("k", keys)])
        turning = int(size * rotary["partial_rotary_factor"])
        queries, keys = (
            np.concatenate([rotated(part[..., :turning], rotary["rope_theta"]), part[..., turning:]], -1)
            for part in (queries, keys))
    keys, values = (part.repeat(heads // key_value_heads, 1) for part in (keys, values))
    scores = np.einsum("qhc,khc->hqk", queries, keys) / np.sqrt(size)
    scores = np.where(np.tri(len(x), dtype=bool), scores, -np.inf)
    read = np.einsum("hqk,khc->qhc", softmax(scores), values).reshape(len(x), -1)
    return (read * gate) @ weights[f"{path}.o_proj.weight"].T


def projections(x, weights, config):
    """Queries, keys and values, gates, steps and decays of a delta net."""
    keys, size = config["linear_num_key_heads"], config["linear_key_head_dim"]
    rows = config["linear_num_value_heads"] // keys * config["linear_value_head_dim"]

    def split(name, sizes):
        """Of what is by key heads, each part of all heads."""
        y = (x @ weights[f"linear_attn.{name}.weight"].T).reshape(len(x), keys, -1)
        return [part.reshape(len(x), -1) for part in np.split(y, np.cumsum(sizes)[:-1], axis=2)]

    if "linear_attn.in_proj_qkvz.weight" in weights:
        *parts, gate = split("in_proj_qkvz", [size, size, rows, rows])
        mixed = np.concatenate(parts, 1)
    else:
        mixed, gate = (x @ weights[f"linear_attn.in_proj_{name}.weight"].T for name in ("qkv", "z"))
    if "linear_attn.in_proj_ba.weight" in weights:
        groups = config["linear_num_value_heads"] // keys
        step, decay = split("in_proj_ba", [groups, groups])
    else:
        step, decay = (x @ weights[f"linear_attn.in_proj_{name}.weight"].T for name in "ba")
    return mixed, gate, step, decay


def delta_net(x, weights, config, epsilon):
    key_heads, heads = config["linear_num_key_heads"], config["linear_num_value_heads"]
    key_size, size = config["linear_key_head_dim"], config["linear_value_head_dim"]
    mixed, gate, step, decay = projections(x, weights, config)
    mixed = convolved(mixed, weights["linear_attn.conv1d.weight"])
    queries, keys, values = (
        part.reshape(len(x), count, -1) for part, count in
        zip(np.split(mixed, np.cumsum([key_heads * key_size] * 2), axis=1), (key_heads, key_heads, heads)))
    queries, keys = (
        (part / np.sqrt((part * part).sum(-1, keepdims=True) + 1e-6)).repeat(heads // key_heads, 1)
        for part in (queries, keys))
    step = sigmoid(step)
    decay = np.exp(-np.exp(weights["linear_attn.A_log"]) * softplus(decay + weights["linear_attn.dt_bias"]))
    state, read = np.zeros((heads, key_size, size)), np.zeros((len(x), heads, size))
    for place in range(len(x)):
        state *= decay[place][:, None, None]
        known = np.einsum("hk,hkv->hv", keys[place], state)
        state += keys[place][:, :, None] * (step[place][:, None] * (values[place] - known))[:, None]
        read[place] = np.einsum("hk,hkv->hv", queries[place], state) / np.sqrt(key_size)
    read = norm(read, weights["linear_attn.norm.weight"], epsilon) * silu(gate.reshape(len(x), heads, size))
    return read.reshape(len(x), -1) @ weights["linear_attn.out_proj.weight"].T


def state_space(x, weights, config, epsilon):
    heads, size = config["mamba_num_heads"], config["mamba_head_dim"]
    groups, state_size = config["n_groups"], config["ssm_state_size"]
    inner, states = heads * size, groups * state_size
    gate, mixed, step = np.split(x @ weights["mixer.in_proj.weight"].T, [inner, 2 * inner + 2 * states], axis=1)
    mixed = convolved(mixed, weights["mixer.conv1d.weight"], weights["mixer.conv1d.bias"])
    inputs, write, read = np.split(mixed, [inner, inner + states], axis=1)
    inputs = inputs.reshape(len(x), heads, size)
    write, read = (part.reshape(len(x), groups, -1).repeat(heads // groups, 1) for part in (write, read))
    step = softplus(step + weights["mixer.dt_bias"])
    decay = np.exp(-step * np.exp(weights["mixer.A_log"]))
    state, output = np.zeros((heads, size, state_size)), np.zeros((len(x), heads, size))
    for place in range(len(x)):
        state = state * decay[place][:, None, None] + (
            step[place][:, None, None] * inputs[place][:, :, None] * write[place][:, None])
        output[place] = np.einsum("hps,hs->hp", state, read[place]) + (
            weights["mixer.D"][:, None] * inputs[place])
    output = (output.reshape(len(x), -1) * silu(gate)).reshape(len(x), groups, -1)
    output = norm(output, weights["mixer.norm.weight"].reshape(groups, -1), epsilon).reshape(len(x), -1)
    return output @ weights["mixer.out_proj.weight"].T


def plain_mlp(x, weights, path):
    raised = np.maximum(x @ weights[f"{path}.up_proj.weight"].T, 0)
    return raised ** 2 @ weights[f"{path}.down_proj.weight"].T


def chosen(scores, count):
    """Which experts have the highest scores, and by how much the least of them is above the next one."""
    ordered = np.sort(scores, -1)
    return scores >= ordered[:, -count, None], (ordered[:, -count] - ordered[:, -count - 1]).min()


def gated_experts(x, weights, config):
    factors = softmax(x @ weights["mlp.gate.weight"].T)
    mask, margin = chosen(factors, config["num_experts_per_tok"])
    factors = np.where(mask, factors, 0)
    factors /= factors.sum(-1, keepdims=True)
    total = sum(
        factors[:, expert, None] * mlp(x, weights, f"mlp.experts.{expert}") for expert in range(factors.shape[1]))
    gate = sigmoid(x @ weights["mlp.shared_expert_gate.weight"].reshape(1, -1).T)
    return total + gate * mlp(x, weights, "mlp.shared_expert"), margin


def plain_experts(x, weights, config):
    scores = sigmoid(x @ weights["mixer.gate.weight"].T)
    mask, margin = chosen(scores + weights["mixer.gate.e_score_correction_bias"], config["num_experts_per_tok"])
    factors = np.where(mask, scores, 0)
    factors *= config["routed_scaling_factor"] / factors.sum(-1, keepdims=True)
    total = sum(
        factors[:, expert, None] * plain_mlp(x, weights, f"mixer.experts.{expert}")
        for expert in range(factors.shape[1]))
    return total + plain_mlp(x, weights, "mixer.shared_experts"), margin


def qwen_layer(x, weights, config, kind):
    epsilon = config["rms_norm_eps"]
    normed = norm(x, 1 + weights["input_layernorm.weight"], epsilon)
    x = x + (delta_net(normed, weights, config, epsilon) if kind == LINEAR
             else attention(normed, weights, config, "self_attn", epsilon, config["rope_parameters"]))
    normed = norm(x, 1 + weights["post_attention_layernorm.weight"], epsilon)
    if "mlp.gate.weight" not in weights:
        return x + mlp(normed, weights, "mlp"), np.inf
    experts, margin = gated_experts(normed, weights, config)
    return x + experts, margin


def nemotron_layer(x, weights, config, kind):
    epsilon, margin = config["layer_norm_epsilon"], np.inf
    normed = norm(x, weights["norm.weight"], epsilon)
    if kind == "moe":
        output, margin = plain_experts(normed, weights, config)
    elif kind == "mlp":
        output = plain_mlp(normed, weights, "mixer")
    elif kind == LINEAR:
        output = state_space(normed, weights, config, epsilon)
    else:
        output = attention(normed, weights, config, "mixer", epsilon, None)
    return x + output, margin


def forward(ids, tensors, config):
    """The residual stream before each layer and at the end, the logits, and how near a choice of experts came."""
    is_nemotron = config["architectures"][0] == "NemotronHForCausalLM"
    root = "backbone" if is_nemotron else "model"
    layer, epsilon = (nemotron_layer, "layer_norm_epsilon") if is_nemotron else (qwen_layer, "rms_norm_eps")
    embedding = tensors["backbone.embeddings.weight" if is_nemotron else "model.embed_tokens.weight"]
    stream, margin = [embedding[ids]], np.inf
    for number, kind in enumerate(kinds(config) if is_nemotron else config["layer_types"]):
        prefix = f"{root}.layers.{number}."
        weights = {name[len(prefix):]: values for name, values in tensors.items() if name.startswith(prefix)}
        x, nearest = layer(stream[-1], weights, config, kind)
        stream.append(x)
        margin = min(margin, nearest)
    last = tensors["backbone.norm_f.weight"] if is_nemotron else 1 + tensors["model.norm.weight"]
    logits = norm(stream[-1], last, config[epsilon]) @ tensors.get("lm_head.weight", embedding).T
    return np.stack(stream), logits, margin


def matrix(random, rows, columns, gain=1.0):
    return random.normal(0, gain / np.sqrt(columns), (rows, columns)).astype(np.float32)


def vector(random, count, mean=0, spread=0.1):
    return random.normal(mean, spread, count).astype(np.float32)


def random_attention(config, random, path, gates):
    width, size = config["hidden_size"], config["head_dim"]
    heads, key_value_heads = config["num_attention_heads"], config["num_key_value_heads"]
    return {
        f"{path}.q_proj.weight": matrix(random, heads * size * (2 if gates else 1), width),
        f"{path}.k_proj.weight": matrix(random, key_value_heads * size, width),
        f"{path}.v_proj.weight": matrix(random, key_value_heads * size, width),
        f"{path}.o_proj.weight": matrix(random, width, heads * size, 3),
    } | ({f"{path}.{name}_norm.weight": vector(random, size) for name in "qk"} if gates else {})


def random_delta_net(config, random):
    width, kernel = config["hidden_size"], config["linear_conv_kernel_dim"]
    keys, heads = config["linear_num_key_heads"], config["linear_num_value_heads"]
    keys_rows, rows = keys * config["linear_key_head_dim"], heads * config["linear_value_head_dim"]
    layer = {
        "A_log": np.log(random.uniform(0.5, 4, heads)).astype(np.float32),
        "dt_bias": vector(random, heads, -1, 0.5), "norm.weight": vector(random, config["linear_value_head_dim"], 1),
        "conv1d.weight": random.normal(0, 0.6, (2 * keys_rows + rows, 1, kernel)).astype(np.float32),
        "out_proj.weight": matrix(random, width, rows),
    }
    if config["architectures"][0] == "Qwen3NextForCausalLM":
        layer |= {"in_proj_qkvz.weight": matrix(random, 2 * keys_rows + 2 * rows, width),
                  "in_proj_ba.weight": matrix(random, 2 * heads, width)}
    else:
        layer |= {"in_proj_qkv.weight": matrix(random, 2 * keys_rows + rows, width),
                  "in_proj_z.weight": matrix(random, rows, width), "in_proj_a.weight": matrix(random, heads, width),
                  "in_proj_b.weight": matrix(random, heads, width)}
    return {f"linear_attn.{name}": values for name, values in layer.items()}


def random_mlp(random, path, channels, width, names=("gate", "up", "down")):
    return {f"{path}.{name}_proj.weight": matrix(random, width, channels, 2) if name == "down"
            else matrix(random, channels, width, 2 if name == "gate" else 1) for name in names}


def random_qwen_layer(config, random, kind):
    width = config["hidden_size"]
    layer = {f"{name}_layernorm.weight": vector(random, width) for name in ("input", "post_attention")}
    layer |= (random_delta_net(config, random) if kind == LINEAR
              else random_attention(config, random, "self_attn", gates=True))
    if "num_experts" not in config:
        return layer | random_mlp(random, "mlp", config["intermediate_size"], width)
    layer |= {"mlp.gate.weight": matrix(random, config["num_experts"], width, 2),
              "mlp.shared_expert_gate.weight": matrix(random, 1, width)}
    layer |= random_mlp(random, "mlp.shared_expert", config["shared_expert_intermediate_size"], width)
    for expert in range(config["num_experts"]):
        layer |= random_mlp(random, f"mlp.experts.{expert}", config["moe_intermediate_size"], width)
    return layer


def random_state_space(config, random):
    width, heads = config["hidden_size"], config["mamba_num_heads"]
    inner, states = heads * config["mamba_head_dim"], config["n_groups"] * config["ssm_state_size"]
    channels = inner + 2 * states
    layer = {
        "A_log": np.log(random.uniform(0.5, 4, heads)).astype(np.float32), "D": vector(random, heads, 1),
        "dt_bias": vector(random, heads, -1, 0.5), "norm.weight": vector(random, inner, 1),
        "conv1d.weight": random.normal(0, 0.6, (channels, 1, config["conv_kernel"])).astype(np.float32),
        "conv1d.bias": vector(random, channels), "in_proj.weight": matrix(random, inner + channels + heads, width),
        "out_proj.weight": matrix(random, width, inner),
    }
    return {f"mixer.{name}": values for name, values in layer.items()}


def random_nemotron_layer(config, random, kind):
    width = config["hidden_size"]
    layer = {"norm.weight": vector(random, width, 1)}
    if kind == LINEAR:
        return layer | random_state_space(config, random)
    if kind == FULL:
        return layer | random_attention(config, random, "mixer", gates=False)
    layer |= {"mixer.gate.weight": matrix(random, config["n_routed_experts"], width),
              "mixer.gate.e_score_correction_bias": vector(random, config["n_routed_experts"])}
    layer |= random_mlp(
        random, "mixer.shared_experts", config["moe_shared_expert_intermediate_size"], width, ("up", "down"))
    for expert in range(config["n_routed_experts"]):
        layer |= random_mlp(
            random, f"mixer.experts.{expert}", config["moe_intermediate_size"], width, ("up", "down"))
    return layer


def random_tensors(config, random):
    vocabulary, width = config["vocab_size"], config["hidden_size"]
    is_nemotron = config["architectures"][0] == "NemotronHForCausalLM"
    root, layer = ("backbone", random_nemotron_layer) if is_nemotron else ("model", random_qwen_layer)
    tensors = {
        "backbone.embeddings.weight" if is_nemotron else "model.embed_tokens.weight":
            random.normal(0, 1, (vocabulary, width)).astype(np.float32),
        "backbone.norm_f.weight" if is_nemotron else "model.norm.weight":
            vector(random, width, 1 if is_nemotron else 0),
        "lm_head.weight": matrix(random, vocabulary, width, 2.5),
    }
    layers = kinds(config) if is_nemotron else config["layer_types"]
    for number, kind in enumerate(layers + [FULL] * config.get("mtp_num_hidden_layers", 0)):
        for name, values in layer(config, random, kind).items():
            tensors[f"{root}.layers.{number}.{name}"] = values
    if "mtp_num_hidden_layers" in config:
        prefix = f"{root}.layers.{len(layers)}"
        tensors[f"{prefix}.eh_proj.weight"] = matrix(random, width, 2 * width)
        for name in ("enorm", "hnorm", "shared_head.norm"):
            tensors[f"{prefix}.{name}.weight"] = vector(random, width)
    return tensors


def quantized_for(name, values):
    """As `quantized` has it, but for one tensor of six bits where all are of four."""
    if name == "blk.2.ssm_out.weight" and values.shape[-1] % 256 == 0:
        return quantized("output.weight", values)
    return quantized(name, values)


def make(name, out, seed):
    kind, is_older, config = MODELS[name]
    random = np.random.default_rng(seed)
    os.makedirs(f"{out}/{name}", exist_ok=True)
    writer = gguf.GGUFWriter(
        f"{out}/{name}/model-{kind}.gguf", gguf.MODEL_ARCH_NAMES[architecture(config)])
    tensors = write_model(
        writer, config, random_tensors(config, random), gguf.LlamaFileType[f"MOSTLY_{kind}"], quantized_for, is_older)
    write_file(writer)
    save_file(golden(tensors, config, random, forward), f"{out}/{name}/golden.safetensors")
    json.dump(config, open(f"{out}/{name}/config.json", "w"), indent=2)


if __name__ == "__main__":
    for checkpoint in sys.argv[2:]:
        check(checkpoint, forward)
    # Seeds by which no choice is a near one.
    for name, seed in zip(MODELS, (1, 7, 2, 3)):
        make(name, sys.argv[1], seed)
