#!/usr/bin/env python3
"""Writes a checkpoint with layers that have states as a GGUF file, with gguf 0.19.0: the same numbers, under the names
and in the order of llama.cpp's convert_hf_to_gguf.py. What the checkpoint's golden outputs say holds for the file too.

    make_gguf_hybrids.py CHECKPOINT OUT

CHECKPOINT is a folder with one model.safetensors in bf16 and golden.safetensors; what the tests read goes to OUT.
"""
import json
import os
import sys

import gguf
import numpy as np
import tokenizers
from gguf import GGMLQuantizationType as T
from safetensors.numpy import load_file, save_file

from make_gguf_mixtures import GOLDEN, load, plain, write_file, write_tokenizer

ARCHITECTURES = {
    "Qwen3_5ForCausalLM": gguf.MODEL_ARCH.QWEN35, "Qwen3_5MoeForCausalLM": gguf.MODEL_ARCH.QWEN35MOE,
    "Qwen3NextForCausalLM": gguf.MODEL_ARCH.QWEN3NEXT,
}
# What published files name the cutting into words, and the expression that llama.cpp has for it.
WORDS = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?%s+|\p{N}%s| ?[^\s%s]+[\r\n]*|"
         r"\s*[\r\n]+|\s+(?!\S)|\s+")
PATTERNS = {
    "qwen35": WORDS % (r"[\p{L}\p{M}]", "", r"\p{L}\p{M}\p{N}"),
    "qwen2": WORDS % (r"\p{L}", "", r"\p{L}\p{N}"),
    "pixtral": WORDS % (r"\p{L}", "{1,3}", r"\p{L}\p{N}"),
}


def kinds(config):
    """What each layer of Nemotron H is."""
    words = config.get("layers_block_type") or config["hybrid_override_pattern"]
    names = {"M": "linear_attention", "-": "mlp", "*": "full_attention", "E": "moe"}
    return [names.get(word, word) for word in words]


def architecture(config):
    name = config["architectures"][0]
    if name == "NemotronHForCausalLM":
        return gguf.MODEL_ARCH.NEMOTRON_H_MOE if "moe" in kinds(config) else gguf.MODEL_ARCH.NEMOTRON_H
    return ARCHITECTURES[name]


def tiled(values, config, size, axis=0):
    """Value heads in turn, the first of every key head before the second of any."""
    keys = config["linear_num_key_heads"]
    groups = config["linear_num_value_heads"] // keys
    parts = values.shape[:axis] + (keys, groups, size) + values.shape[axis + 1:]
    return values.reshape(parts).swapaxes(axis, axis + 1).reshape(values.shape)


def grouped(values, config, size, axis=0):
    """The other way round."""
    keys = config["linear_num_key_heads"]
    groups = config["linear_num_value_heads"] // keys
    parts = values.shape[:axis] + (groups, keys, size) + values.shape[axis + 1:]
    return values.reshape(parts).swapaxes(axis, axis + 1).reshape(values.shape)


def reordered(name, values, config, order):
    """The value heads of a tensor of Qwen 3.5 in another order."""
    size = config["linear_value_head_dim"]
    skipped = 2 * config["linear_num_key_heads"] * config["linear_key_head_dim"]
    part = name.rpartition("linear_attn.")[2]
    if part in ("in_proj_qkv.weight", "conv1d.weight"):
        return np.concatenate([values[:skipped], order(values[skipped:], config, size)])
    if part == "in_proj_z.weight":
        return order(values, config, size)
    if part in ("in_proj_a.weight", "in_proj_b.weight", "A_log", "dt_bias"):
        return order(values, config, 1)
    return order(values, config, size, axis=1) if part == "out_proj.weight" else values


def unmixed(values, config):
    """What Qwen 3 Next has by key heads: queries, keys and values one after the other, and gates."""
    keys, size = config["linear_num_key_heads"], config["linear_key_head_dim"]
    rows = config["linear_num_value_heads"] // keys * config["linear_value_head_dim"]
    values = values.reshape(keys, -1, values.shape[-1])
    first = np.cumsum([size, size, rows])
    *projections, gates = (part.reshape(-1, values.shape[-1]) for part in np.split(values, first, axis=1))
    return np.concatenate(projections), gates


def is_norm_less_one(name, config):
    return config["architectures"][0] != "NemotronHForCausalLM" and name.endswith("norm.weight") and (
        "linear_attn" not in name)


def stored(name, values, config):
    """The numbers that the file has for those of a checkpoint, in its order and shape."""
    if "Qwen3_5" in config["architectures"][0] and "linear_attn." in name:
        values = reordered(name, values, config, tiled)
    if name.endswith(".A_log"):
        values = -np.exp(values)
    elif is_norm_less_one(name, config):
        values = values + np.float32(1)
    if "mixer." in name and name.endswith((".A_log", ".D")):
        return values.reshape(-1, 1)
    if name.endswith("mixer.norm.weight"):
        return values.reshape(config["n_groups"], -1)
    return values.squeeze() if "conv1d.weight" in name or "shared_expert_gate" in name else values


def published(name, values, config, shape):
    """The other way round, in float64."""
    values = values.reshape(shape).astype(float)
    if name.endswith(".A_log"):
        values = np.log(-values)
    elif is_norm_less_one(name, config):
        values = values - 1
    if "Qwen3_5" in config["architectures"][0] and "linear_attn." in name:
        values = reordered(name, values, config, grouped)
    return values


def is_kept(name):
    """Whether a tensor stays as it is: vectors, and small ones by their names."""
    return not name.endswith(".weight") or any(part in name for part in ("_norm", "ffn_gate_inp", "ssm_conv1d"))


def write_keys(writer, config, file_type):
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    writer.add_file_type(file_type)
    writer.add_quantization_version(2)
    if config["architectures"][0] == "NemotronHForCausalLM":
        write_keys_nemotron(writer, config)
    else:
        write_keys_qwen(writer, config)


def write_keys_qwen(writer, config):
    layers = config["num_hidden_layers"]
    further = config.get("mtp_num_hidden_layers", 0)
    writer.add_block_count(layers + further)
    if further:
        writer.add_nextn_predict_layers(further)
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    if "intermediate_size" in config:
        writer.add_feed_forward_length(config["intermediate_size"])
    if "num_experts" in config:
        writer.add_expert_count(config["num_experts"])
        writer.add_expert_used_count(config["num_experts_per_tok"])
        writer.add_expert_feed_forward_length(config["moe_intermediate_size"])
        writer.add_expert_shared_feed_forward_length(config["shared_expert_intermediate_size"])
    rotary = config["rope_parameters"]
    writer.add_rope_freq_base(rotary["rope_theta"])
    writer.add_rope_dimension_count(int(config["head_dim"] * rotary["partial_rotary_factor"]))
    if "mrope_section" in rotary:
        writer.add_rope_dimension_sections(rotary["mrope_section"] + [0])
    writer.add_ssm_conv_kernel(config["linear_conv_kernel_dim"])
    writer.add_ssm_state_size(config["linear_key_head_dim"])
    writer.add_ssm_group_count(config["linear_num_key_heads"])
    writer.add_ssm_time_step_rank(config["linear_num_value_heads"])
    writer.add_ssm_inner_size(config["linear_value_head_dim"] * config["linear_num_value_heads"])
    writer.add_full_attention_interval(config["layer_types"].index("full_attention") + 1)


def write_keys_nemotron(writer, config):
    layers = kinds(config)
    width = config["moe_intermediate_size"] if "moe" in layers else config["intermediate_size"]
    writer.add_block_count(len(layers))
    writer.add_head_count_kv(
        [config["num_key_value_heads"] if kind == "full_attention" else 0 for kind in layers])
    writer.add_feed_forward_length([width if kind in ("mlp", "moe") else 0 for kind in layers])
    writer.add_layer_norm_rms_eps(config["layer_norm_epsilon"])
    writer.add_layer_norm_eps(config["layer_norm_epsilon"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_rope_freq_base(10000)
    writer.add_rope_dimension_count(config["hidden_size"] // config["num_attention_heads"])
    writer.add_rope_scaling_finetuned(False)
    writer.add_ssm_conv_kernel(config["conv_kernel"])
    writer.add_ssm_state_size(config["ssm_state_size"])
    writer.add_ssm_group_count(config["n_groups"])
    writer.add_ssm_inner_size(config["mamba_num_heads"] * config["mamba_head_dim"])
    writer.add_ssm_time_step_rank(config["mamba_num_heads"])
    if "moe" not in layers:
        return
    writer.add_expert_count(config["n_routed_experts"])
    writer.add_expert_used_count(config["num_experts_per_tok"])
    writer.add_expert_feed_forward_length(config["moe_intermediate_size"])
    writer.add_expert_shared_feed_forward_length(config["moe_shared_expert_intermediate_size"])
    writer.add_expert_shared_count(config["n_shared_experts"])
    writer.add_expert_weights_norm(config["norm_topk_prob"])
    writer.add_expert_weights_scale(config["routed_scaling_factor"])
    writer.add_expert_group_count(config["n_group"])
    writer.add_expert_group_used_count(config["topk_group"])


# What a layer that predicts several tokens has more than others.
FURTHER = {"eh_proj": "eh_proj", "enorm": "enorm", "hnorm": "hnorm", "shared_head.norm": "shared_head_norm"}


def file_name(name, names):
    """What the file names a checkpoint's tensor."""
    layer, _, part = name.removeprefix("model.layers.").removesuffix(".weight").partition(".")
    if part in FURTHER:
        return f"blk.{layer}.nextn.{FURTHER[part]}.weight"
    if name.endswith(".dt_bias"):
        name = name.replace(".dt_bias", ".dt_proj.bias")
    name = name.replace("e_score_correction_bias", "e_score_correction.bias")
    found = names.get_name(name, try_suffixes=(".weight", ".bias"))
    assert found, name
    return found


def merged(tensors, config):
    """The tensors of a checkpoint by one name of several: what experts have is one tensor, in the names of gguf."""
    groups = {}
    for name in tensors:
        head, experts, tail = name.partition(".experts.")
        if experts:
            number, _, rest = tail.partition(".")
            layer = head.split(".")[2]
            groups.setdefault(f"model.layers.{layer}.mlp.experts.{rest}", {})[int(number)] = name
        else:
            groups[name] = {0: name}
    return {name: [numbered[number] for number in sorted(numbered)] for name, numbered in groups.items()}


def write_model(writer, config, tensors, file_type, encode, is_older=False):
    """Writes what `encode` makes of the tensors, and gives the file's numbers by their names in the checkpoint.

    Older files of Qwen 3 Next have its projections as the checkpoint has them.
    """
    write_keys(writer, config, file_type)
    names = gguf.get_tensor_name_map(architecture(config), config.get("num_hidden_layers", 0) + 8)
    written = {}

    def add(name, values):
        data, kind, values = (values, T.F32, values) if is_kept(name) else encode(name, values)
        writer.add_tensor(name, np.ascontiguousarray(data), raw_dtype=kind)
        return values

    for name, members in merged(tensors, config).items():
        values = [stored(member, tensors[member], config) for member in members]
        if name.endswith("in_proj_qkvz.weight") and not is_older:
            layer = name.split(".")[2]
            for part, rows in zip(("qkv", "gate"), unmixed(values[0], config)):
                back = add(f"blk.{layer}.attn_{part}.weight", rows)
                path = name.replace("in_proj_qkvz", "in_proj_qkv" if part == "qkv" else "in_proj_z")
                written[path] = back.astype(float)
            continue
        is_stacked = ".mlp.experts." in name
        back = add(file_name(name, names), np.stack(values) if is_stacked else values[0])
        for member, numbers in zip(members, back if is_stacked else [back]):
            written[member] = published(member, numbers, config, tensors[member].shape)
    return written


def tokenizer_cases(source, pattern, out):
    """The cases that the checkpoint has, cut into words in the way of the file."""
    tokenizer = json.load(open(f"{source}/tokenizer.json"))
    tokenizer["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = pattern
    encoder = tokenizers.Tokenizer.from_str(json.dumps(tokenizer))
    cases = json.load(open(f"{source}/tokenizer_cases.json"))
    for case in cases["encode"]:
        plain, special = (encoder.encode(case["text"], add_special_tokens=flag).ids for flag in (False, True))
        case |= {"ids": plain, "ids_with_special": special,
                 "decoded": encoder.decode(plain, skip_special_tokens=False),
                 "decoded_skip_special": encoder.decode(special, skip_special_tokens=True)}
    json.dump({"encode": cases["encode"]}, open(f"{out}/tokenizer_cases.json", "w"), indent=1)


def main(source, out):
    def read(name):
        return json.load(open(f"{source}/{name}"))

    config = read("config.json")
    os.makedirs(out, exist_ok=True)
    name = gguf.MODEL_ARCH_NAMES[architecture(config)]
    writer = gguf.GGUFWriter(f"{out}/model-BF16.gguf", name)
    write_model(writer, config, load(f"{source}/model.safetensors"), gguf.LlamaFileType.MOSTLY_BF16, plain)
    pattern = {"qwen35": "qwen35", "qwen35moe": "qwen35", "qwen3next": "qwen2"}.get(name, "pixtral")
    tokenizer_configuration = read("tokenizer_config.json")
    write_tokenizer(
        writer, config, read("tokenizer.json"), tokenizer_configuration["chat_template"], pattern)
    write_file(writer)
    golden = load_file(f"{source}/golden.safetensors")
    save_file({name: golden[name] for name in GOLDEN}, f"{out}/golden.safetensors")
    tokenizer_cases(source, PATTERNS[pattern], out)
    json.dump(tokenizer_configuration, open(f"{out}/tokenizer_config.json", "w"), indent=2)
    # A GGUF file says of each tensor how it is stored, but of none how it was published.
    unsaid = {key: None for key in ("dtype", "torch_dtype") if key in config}
    json.dump(config | unsaid, open(f"{out}/config.json", "w"), indent=2)


if __name__ == "__main__":
    main(*sys.argv[1:])
