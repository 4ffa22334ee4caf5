#!/usr/bin/env python3
"""Writes a checkpoint of gpt-oss, GLM 4.5 or DeepSeek as a GGUF file, with gguf 0.19.0, as make_gguf_mixtures.py does:
the same numbers, under the names, with the keys and in the order of llama.cpp's `conversion`.

    make_gguf_later_mixtures.py CHECKPOINT OUT

CHECKPOINT is a folder of the reference's kind. One in f32 becomes a file of Q8_0, whose numbers it has already.
"""
import os
import sys

import gguf
import numpy as np
from gguf import GGMLQuantizationType as T

from make_gguf_mixtures import finish, load, plain, read, write_tokenizer

# The name in a GGUF file, that of the way to cut texts, and that of the norm before the MLP.
FAMILIES = {
    "GptOssForCausalLM": ("gpt-oss", "gpt-4o", "post_attention_norm"),
    "Glm4MoeForCausalLM": ("glm4moe", "glm4", "post_attention_norm"),
    "DeepseekV3ForCausalLM": ("deepseek2", "deepseek-v3", "ffn_norm"),
    "DeepseekV2ForCausalLM": ("deepseek2", "deepseek-v3", "ffn_norm"),
}
LAYER = {
    "input_layernorm.weight": "attn_norm.weight", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm", "self_attn.sinks": "attn_sinks.weight", "self_attn.q_a_proj": "attn_q_a",
    "self_attn.q_a_layernorm": "attn_q_a_norm", "self_attn.q_b_proj": "attn_q_b",
    "self_attn.kv_a_proj_with_mqa": "attn_kv_a_mqa", "self_attn.kv_a_layernorm": "attn_kv_a_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "mlp.router": "ffn_gate_inp",
    "mlp.gate": "ffn_gate_inp", "mlp.gate.e_score_correction_bias": "exp_probs_b.bias",
    "mlp.shared_experts.gate_proj": "ffn_gate_shexp", "mlp.shared_experts.up_proj": "ffn_up_shexp",
    "mlp.shared_experts.down_proj": "ffn_down_shexp", "eh_proj": "nextn.eh_proj", "enorm": "nextn.enorm",
    "hnorm": "nextn.hnorm", "shared_head.norm": "nextn.shared_head_norm",
}


def q8_0(name, values):
    """A tensor as a file of Q8_0 has it."""
    if values.ndim == 1 or "ffn_gate_inp" in name or not name.endswith(".weight"):
        return values, T.F32, values
    data = gguf.quants.quantize(values, T.Q8_0)
    return data, T.Q8_0, gguf.quants.dequantize(data, T.Q8_0)


def mxfp4(blocks, scales):
    """Pairs of neighbours become pairs of columns 16 apart, behind their scale."""
    codes = np.stack([blocks & 15, blocks >> 4], -1).reshape(*scales.shape, 2, 16)
    packed = np.concatenate([scales[..., None], codes[..., 0, :] | codes[..., 1, :] << 4], -1)
    return packed.reshape(*scales.shape[:-1], -1)


def common_keys(writer, config, layers):
    rotary = config.get("rope_parameters") or (config["rope_scaling"] or {}) | {"rope_theta": config["rope_theta"]}
    writer.add_block_count(layers)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_rope_freq_base(rotary["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_expert_used_count(config["num_experts_per_tok"])
    if rotary.get("rope_type") == "yarn":
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(rotary["factor"])
        writer.add_rope_scaling_orig_ctx_len(rotary["original_max_position_embeddings"])
        writer.add_rope_scaling_yarn_beta_fast(rotary["beta_fast"])
        writer.add_rope_scaling_yarn_beta_slow(rotary["beta_slow"])
    if "n_routed_experts" in config:
        writer.add_expert_count(config["n_routed_experts"])
        writer.add_expert_feed_forward_length(config["moe_intermediate_size"])
        writer.add_expert_shared_count(config["n_shared_experts"])
        writer.add_leading_dense_block_count(config["first_k_dense_replace"])
        writer.add_expert_weights_scale(config["routed_scaling_factor"])
    return rotary


def gpt_oss_keys(writer, config):
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    writer.add_sliding_window(config["sliding_window"])
    writer.add_expert_count(config["num_local_experts"])
    writer.add_expert_feed_forward_length(config["intermediate_size"])


def glm_keys(writer, config, rotary, further):
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    part = rotary.get("partial_rotary_factor") or config["partial_rotary_factor"]
    writer.add_rope_dimension_count(int(config["head_dim"] * part))
    writer.add_expert_group_count(config["n_group"])
    writer.add_expert_group_used_count(config["topk_group"])
    writer.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)
    writer.add_expert_weights_norm(config["norm_topk_prob"])
    writer.add_nextn_predict_layers(further)


def deepseek_keys(writer, config, rotary, splits):
    """Of before and after what expands latents was split, and the groups of experts were written."""
    turning, latent = config["qk_rope_head_dim"], config["kv_lora_rank"]
    keys, values = config["qk_nope_head_dim"] + turning, config["v_head_dim"]
    writer.add_vocab_size(config["vocab_size"])
    writer.add_head_count_kv(1 if splits else config["num_attention_heads"])
    if config["q_lora_rank"]:
        writer.add_q_lora_rank(config["q_lora_rank"])
    writer.add_kv_lora_rank(latent)
    writer.add_key_length(latent + turning if splits else keys)
    writer.add_value_length(latent if splits else values)
    if splits:
        writer.add_key_length_mla(keys)
        writer.add_value_length_mla(values)
        writer.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)
    if splits or config["n_group"] > 1:
        writer.add_expert_group_count(config["n_group"])
        writer.add_expert_group_used_count(config["topk_group"])
    if config["norm_topk_prob"]:
        writer.add_expert_weights_norm(True)
    writer.add_rope_dimension_count(turning)
    if "mscale_all_dim" in rotary:
        writer.add_rope_scaling_yarn_log_mul(0.1 * rotary["mscale_all_dim"])


def expansions(values, config):
    """What makes keys of latents, with columns for its outputs, and what makes values."""
    heads = values.reshape(config["num_attention_heads"], -1, config["kv_lora_rank"])
    content = config["qk_nope_head_dim"]
    return heads[:, :content].swapaxes(1, 2), heads[:, content:]


def expert_tensors(tensors, path, layer):
    """By their names: the experts of a layer in one tensor for each projection."""
    one = next((tensors[name] for name in tensors if name.startswith(f"{path}.experts.0.")), None)
    for name in ["gate", "up", "down"]:
        if one is not None:
            count = sum(name.startswith(f"{path}.experts.") and name.endswith("up_proj.weight") for name in tensors)
            yield f"ffn_{name}_exps.weight", np.stack([
                tensors[f"{path}.experts.{expert}.{name}_proj.weight"] for expert in range(count)])
            continue
        fused, rows = (f"{path}.experts.{'down' if name == 'down' else 'gate_up'}_proj",
                       slice(None) if name == "down" else slice(name == "up", None, 2))
        if f"{fused}_blocks" in tensors:
            packed = mxfp4(tensors[f"{fused}_blocks"][:, rows], tensors[f"{fused}_scales"][:, rows])
            yield f"ffn_{name}_exps.weight", packed
            yield f"ffn_{name}_exps.bias", tensors[f"{fused}_bias"][:, rows]


def write_layer(add, tensors, config, layer, norm, splits):
    prefix = f"model.layers.{layer}"
    for name, own in (LAYER | {"post_attention_layernorm": norm}).items():
        for kind in ["", ".weight", ".bias"]:
            if f"{prefix}.{name}{kind}" in tensors:
                add(f"blk.{layer}.{own}{kind if '.' not in own or own.startswith('nextn') else ''}",
                    tensors[f"{prefix}.{name}{kind}"])
    if f"{prefix}.self_attn.kv_b_proj.weight" in tensors:
        values = tensors[f"{prefix}.self_attn.kv_b_proj.weight"]
        if splits:
            for own, part in zip(["attn_k_b", "attn_v_b"], expansions(values, config)):
                add(f"blk.{layer}.{own}.weight", part)
        else:
            add(f"blk.{layer}.attn_kv_b.weight", values)
    for own, values in expert_tensors(tensors, f"{prefix}.mlp", layer):
        add(f"blk.{layer}.{own}", values)


def form(config):
    """How the numbers are encoded, and the file's type."""
    if "quantization_config" in config:
        return plain, "MXFP4"
    return (q8_0, "Q8_0") if "float32" in (config.get("dtype"), config.get("torch_dtype")) else (plain, "BF16")


def write_keys(writer, config, name, layers, splits):
    rotary = common_keys(writer, config, layers)
    if name == "gpt-oss":
        gpt_oss_keys(writer, config)
    elif name == "glm4moe":
        glm_keys(writer, config, rotary, layers - config["num_hidden_layers"])
    else:
        deepseek_keys(writer, config, rotary, splits)
    writer.add_quantization_version(2)


def main(source, out):
    config = read(source, "config.json")
    architecture = config["architectures"][0]
    name, pre, norm = FAMILIES[architecture]
    tensors = load(f"{source}/model.safetensors")
    encode, file_type = form(config)
    # Those of DeepSeek have no further layers.
    further = config.get("num_nextn_predict_layers", 0) if name == "glm4moe" else 0
    layers = config["num_hidden_layers"] + further
    splits = architecture == "DeepseekV3ForCausalLM"
    os.makedirs(out, exist_ok=True)
    writer = gguf.GGUFWriter(f"{out}/model-{file_type}.gguf", name)
    write_keys(writer, config, name, layers, splits)

    def add(name, values):
        if values.dtype == np.uint8:
            return writer.add_tensor(name, values, raw_dtype=T.MXFP4)
        values = np.ascontiguousarray(values)
        data, kind, back = encode(name, values) if name.endswith(".weight") else (values, T.F32, values)
        # No golden output depends on further layers.
        assert (back == values).all() or int(name.split(".")[1]) >= config["num_hidden_layers"], name
        writer.add_tensor(name, data, raw_dtype=kind)

    add("token_embd.weight", tensors["model.embed_tokens.weight"])
    for layer in range(layers):
        write_layer(add, tensors, config, layer, norm, splits)
    add("output_norm.weight", tensors["model.norm.weight"])
    if not config["tie_word_embeddings"]:
        add("output.weight", tensors["lm_head.weight"])
    template = read(source, "tokenizer_config.json")["chat_template"]
    write_tokenizer(writer, config, read(source, "tokenizer.json"), template, pre)
    for key in ["quantization_config", "torch_dtype"]:
        config.pop(key, None)
    if "num_nextn_predict_layers" in config:
        config["num_nextn_predict_layers"] = further
    finish(writer, source, out, config)


if __name__ == "__main__":
    main(*sys.argv[1:])
