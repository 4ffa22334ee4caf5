#!/usr/bin/env python3
"""Writes a checkpoint of a dense family as a GGUF file, with gguf 0.19.0, under the names and in the order of llama.cpp's
converter, and what transformers 5.23.0 computes in f32 with the file's numbers as its golden outputs.

    make_gguf_dense.py CHECKPOINT OUT [TYPE] [KEY=VALUE...]

CHECKPOINT is a folder with one model.safetensors and golden.safetensors, TYPE one of gguf's (BF16 where nothing is
said), KEY a key of config.json that gets another value. Where nothing differs from the checkpoint its own golden outputs
are taken, after they have been held against what is computed.
"""
import json
import os
import shutil
import sys

import gguf
import numpy as np
import torch
import transformers
from gguf import GGMLQuantizationType as T
from safetensors.numpy import load_file, save_file

from make_gguf_mixtures import GOLDEN, LAYER, load, paired, write_file, write_tokenizer

# By the architecture: the name in a GGUF file, the name of the tokenizer's words, and parts of layers that differ.
POST_NORMS = {"post_attention_layernorm": "post_attention_norm", "post_feedforward_layernorm": "post_ffw_norm"}
GATED = {"mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}
GEMMA = GATED | POST_NORMS | {"pre_feedforward_layernorm": "ffn_norm"}
FAMILIES = {
    "Qwen2ForCausalLM": ("qwen2", "qwen2", GATED),
    "Qwen3ForCausalLM": ("qwen3", "qwen2", GATED),
    "Gemma2ForCausalLM": ("gemma2", None, GEMMA),
    "Gemma3ForCausalLM": ("gemma3", None, GEMMA),
    "Phi3ForCausalLM": ("phi3", None, GATED | {"self_attn.qkv_proj": "attn_qkv", "mlp.gate_up_proj": "ffn_up"}),
    "GraniteForCausalLM": ("granite", "gpt-2", GATED),
    "Olmo2ForCausalLM": ("olmo2", "dbrx", GATED | POST_NORMS),
    "Starcoder2ForCausalLM": ("starcoder2", "gpt-2", {"mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down"}),
}
FILE_TYPES = {"BF16": gguf.LlamaFileType.MOSTLY_BF16, "Q4_1": gguf.LlamaFileType.MOSTLY_Q4_1,
              "Q8_0": gguf.LlamaFileType.MOSTLY_Q8_0, "Q4_0": gguf.LlamaFileType.MOSTLY_Q4_0}


def encoded(values, kind):
    """As a file has it: vectors are never rounded, and rows that are no whole blocks are of f16."""
    if values.ndim == 1:
        return values, T.F32, values
    if values.shape[-1] % gguf.GGML_QUANT_SIZES[kind][0]:
        kind = T.F16
    data = gguf.quants.quantize(values, kind)
    return data, kind, gguf.quants.dequantize(data, kind).astype(np.float32)


def write_keys(writer, config, family):
    heads = config["num_attention_heads"]
    head_size = config.get("head_dim") or config["hidden_size"] // heads
    rotary = config.get("rope_parameters") or {
        "rope_theta": config["rope_theta"], "partial_rotary_factor": config.get("partial_rotary_factor", 1),
    } | (config["rope_scaling"] or {})
    rotary = rotary.get("full_attention", rotary)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_rope_freq_base(rotary["rope_theta"])
    if "norm_epsilon" in config:
        writer.add_layer_norm_eps(config["norm_epsilon"])
    else:
        writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    if "head_dim" in config:
        writer.add_key_length(head_size)
        writer.add_value_length(head_size)
    if family in ["phi3", "granite"]:
        writer.add_rope_dimension_count(int(rotary.get("partial_rotary_factor", 1) * head_size))
    if rotary.get("rope_type") == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rotary["factor"])
    if family == "phi3":
        original = config["original_max_position_embeddings"]
        writer.add_rope_scaling_orig_ctx_len(original)
        if "long_factor" in rotary:
            ratio = config["max_position_embeddings"] / original
            writer.add_rope_scaling_attn_factors(float(np.sqrt(1 + np.log(ratio) / np.log(original))))
            for length in ["long", "short"]:
                writer.add_tensor(
                    f"rope_factors_{length}.weight", np.array(rotary[f"{length}_factor"], np.float32))
    if family.startswith("gemma") or family in ["phi3", "starcoder2"]:
        writer.add_sliding_window(config["sliding_window"] or 0)
    if config.get("sliding_window_pattern", 6) != 6:
        writer.add_sliding_window_pattern(config["sliding_window_pattern"])
    if family == "gemma2":
        writer.add_attn_logit_softcapping(config["attn_logit_softcapping"])
        writer.add_final_logit_softcapping(config["final_logit_softcapping"])
    if family == "granite":
        writer.add_attention_scale(config["attention_multiplier"])
        writer.add_embedding_scale(config["embedding_multiplier"])
        writer.add_residual_scale(config["residual_multiplier"])
        writer.add_logit_scale(config["logits_scaling"])


def write_model(writer, config, tensors, kind):
    """Writes the tensors, and gives the file's numbers by their names in the checkpoint."""
    family, _, parts = FAMILIES[config["architectures"][0]]
    heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}
    write_keys(writer, config, family)
    written = {}

    def add(name, own, heads=None):
        values = tensors[own]
        # The file has the factors of these norms themselves.
        addend = 1 if family.startswith("gemma") and name.endswith("norm.weight") else 0
        values = (paired(values, heads) if heads else values) + np.float32(addend)
        data, stored, values = encoded(values, kind)
        writer.add_tensor(name, data, raw_dtype=stored)
        written[own] = (unpaired(values, heads) if heads else values) - np.float32(addend)

    names = {"model.embed_tokens": "token_embd", "model.norm": "output_norm"}
    if not config["tie_word_embeddings"]:
        names["lm_head"] = "output"
    for layer in range(config["num_hidden_layers"]):
        for own, name in (LAYER | parts).items():
            names[f"model.layers.{layer}.{own}"] = f"blk.{layer}.{name}"
    for own, name in names.items():
        for part in ["weight", "bias"]:
            if f"{own}.{part}" in tensors:
                turning = heads.get(name.split(".")[-1]) if family == "granite" else None
                add(f"{name}.{part}", f"{own}.{part}", turning)
    assert set(written) == {name for name in tensors if not name.endswith("inv_freq")}
    return written


def unpaired(values, heads):
    return values.reshape(heads, len(values) // heads // 2, 2, -1).swapaxes(1, 2).reshape(values.shape)


class Model:
    """The reference in f32 with these numbers."""

    def __init__(self, config, tensors):
        kind = getattr(transformers, config["architectures"][0])
        config = kind.config_class.from_dict(config)
        config._attn_implementation = "eager"
        self.model = kind(config).float().eval()
        tensors = {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in tensors.items()}
        rest = self.model.load_state_dict(tensors, strict=False)
        assert not rest.unexpected_keys and set(rest.missing_keys) <= {"lm_head.weight"}, rest
        self.model.tie_weights()

    @torch.no_grad()
    def run(self, ids):
        """The residual stream before each layer and at the end, and the logits."""
        stream = []
        layers = self.model.model.layers
        hooks = [layer.register_forward_pre_hook(lambda _, inputs: stream.append(inputs[0])) for layer in layers]
        hooks.append(layers[-1].register_forward_hook(
            lambda _, inputs, output: stream.append(output[0] if isinstance(output, tuple) else output)))
        logits = self.model(torch.tensor([list(ids)]), use_cache=False).logits[0].numpy()
        for hook in hooks:
            hook.remove()
        return np.stack([part.reshape(len(ids), -1).numpy() for part in stream]), logits

    def losses(self, ids):
        logits = self.run(ids)[1][:-1].astype(float)
        logits -= logits.max(-1, keepdims=True)
        return (np.log(np.exp(logits).sum(-1)) - logits[np.arange(len(logits)), ids[1:]]).astype(np.float32)

    def greedy(self, ids, count):
        """The best tokens in turn, and by how much the closest one was better than the next."""
        found, margin = [], np.inf
        for _ in range(count):
            logits = self.run([*ids, *found])[1][-1]
            found.append(int(logits.argmax()))
            margin = min(margin, np.diff(np.sort(logits)[-2:])[0])
        return np.array(found, np.int32), margin


def golden(config, tensors, ids, text):
    model = Model(config, tensors)
    stream, logits = model.run(ids)
    found, margin = model.greedy(ids, 48)
    print(f"least margin of a best token {margin:.1e}, logits spread by {logits.std():.2f}")
    assert margin > 1e-3
    return {"prompt.input_ids": ids, "prompt.hidden": stream, "prompt.logits": logits, "text.input_ids": text,
            "text.nll": model.losses(text), "greedy.ids": found}


def main(source, out, *changes):
    def read(name):
        return json.load(open(f"{source}/{name}"))

    kind = changes[0] if changes and "=" not in changes[0] else "BF16"
    changes = {key: json.loads(value) for key, value in (part.split("=") for part in changes if "=" in part)}
    # A GGUF file says of each tensor how it is stored, but of none how it was published.
    config = read("config.json") | changes
    family, words, _ = FAMILIES[config["architectures"][0]]
    os.makedirs(out, exist_ok=True)
    writer = gguf.GGUFWriter(f"{out}/model-{kind}.gguf", family)
    tensors = load(f"{source}/model.safetensors")
    tensors = {name: values for name, values in tensors.items() if not name.endswith("inv_freq")}
    if config["tie_word_embeddings"]:
        tensors.pop("lm_head.weight", None)
    writer.add_file_type(FILE_TYPES[kind])
    writer.add_quantization_version(2)
    written = write_model(writer, config, tensors, T[kind])
    write_tokenizer(writer, config, read("tokenizer.json"), read("tokenizer_config.json")["chat_template"], words)
    if family.startswith("gemma"):
        writer.add_add_space_prefix(False)
    write_file(writer)
    published = load_file(f"{source}/golden.safetensors")
    found = golden(config, written, published["prompt.input_ids"], published["text.input_ids"])
    if kind == "BF16" and not changes:
        for name in ["prompt.hidden", "prompt.logits", "text.nll"]:
            assert np.abs(found[name] - published[name]).max() < 2e-4, name
        assert (found["greedy.ids"] == published["greedy.ids"]).all()
        found = {name: published[name] for name in GOLDEN}
    save_file(found, f"{out}/golden.safetensors")
    for name in ["tokenizer_cases.json", "tokenizer_config.json"]:
        shutil.copyfile(f"{source}/{name}", f"{out}/{name}")
    plain = {key: None for key in ["dtype", "torch_dtype"] if key in config}
    json.dump(config | plain, open(f"{out}/config.json", "w"), indent=2)


if __name__ == "__main__":
    main(*sys.argv[1:])
