#!/usr/bin/env python3
"""Writes a checkpoint of a mixture of experts as a GGUF file, with gguf 0.19.0: the same numbers, under the names and
in the order of llama.cpp's convert_hf_to_gguf.py. What the checkpoint's golden outputs say holds for the file too.

    make_gguf_mixtures.py CHECKPOINT OUT

CHECKPOINT is a folder with one model.safetensors in bf16 and golden.safetensors; what the tests read goes to OUT.
"""
import json
import os
import shutil
import sys

import gguf
import numpy as np
from gguf import GGMLQuantizationType as T, TokenType
from safetensors.numpy import load_file, save_file

# The name in a GGUF file, where the experts are, and each expert's projections.
FAMILIES = {
    "Qwen2MoeForCausalLM": ("qwen2moe", "mlp", {"gate": "gate_proj", "down": "down_proj", "up": "up_proj"}),
    "MixtralForCausalLM": ("llama", "block_sparse_moe", {"gate": "w1", "down": "w2", "up": "w3"}),
    "Qwen3MoeForCausalLM": ("qwen3moe", "mlp", {"gate": "gate_proj", "down": "down_proj", "up": "up_proj"}),
}
LAYER = {
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
    "mlp.shared_expert_gate": "ffn_gate_inp_shexp", "mlp.shared_expert.gate_proj": "ffn_gate_shexp",
    "mlp.shared_expert.down_proj": "ffn_down_shexp", "mlp.shared_expert.up_proj": "ffn_up_shexp",
}
# What the tests compare.
GOLDEN = ["prompt.input_ids", "prompt.hidden", "prompt.logits", "text.input_ids", "text.nll", "greedy.ids"]


def load(path):
    """The tensors of a safetensors file in f32, bytes as they are."""
    data = open(path, "rb").read()
    length = int.from_bytes(data[:8], "little")
    tensors = {}
    for name, entry in json.loads(data[8:8 + length]).items():
        if name == "__metadata__":
            continue
        first, end = entry["data_offsets"]
        part = data[8 + length + first:8 + length + end]
        values = (np.frombuffer(part, "<f4") if entry["dtype"] == "F32"
                  else np.frombuffer(part, np.uint8) if entry["dtype"] == "U8"
                  else (np.frombuffer(part, "<u2").astype("<u4") << 16).view("<f4"))
        tensors[name] = values.reshape(entry["shape"])
    return tensors


def paired(values, heads):
    """Rows of a checkpoint into rotary pairs."""
    return values.reshape(heads, 2, len(values) // heads // 2, -1).swapaxes(1, 2).reshape(values.shape)


def plain(name, values):
    """A tensor as a file of BF16 has it, and its numbers. Vectors and routers are never rounded."""
    if values.ndim == 1 or "ffn_gate_inp" in name:
        return values, T.F32, values
    data = gguf.quants.quantize(values, T.BF16)
    back = gguf.quants.dequantize(data, T.BF16)
    assert (back == values).all()
    return data, T.BF16, back


def write_model(writer, config, family, tensors, file_type, encode):
    """Writes what `encode` makes of the tensors, and gives the file's numbers by their names in the checkpoint."""
    architecture, path, projections = family
    heads, key_value_heads = config["num_attention_heads"], config["num_key_value_heads"]
    head_size = config.get("head_dim") or config["hidden_size"] // heads
    experts = config.get("num_local_experts") or config["num_experts"]
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(key_value_heads)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_expert_count(experts)
    writer.add_expert_used_count(config["num_experts_per_tok"])
    if "moe_intermediate_size" in config:
        writer.add_expert_feed_forward_length(config["moe_intermediate_size"])
    if "shared_expert_intermediate_size" in config:
        writer.add_expert_shared_feed_forward_length(config["shared_expert_intermediate_size"])
    if config.get("head_dim"):
        writer.add_key_length(head_size)
        writer.add_value_length(head_size)
    if architecture == "llama":
        writer.add_rope_dimension_count(head_size)
        writer.add_vocab_size(config["vocab_size"])
    writer.add_file_type(file_type)
    writer.add_quantization_version(2)
    written = {}

    def add(name, checkpoint_names, heads=None):
        values = [tensors[name] for name in checkpoint_names]
        values = np.stack(values) if "_exps" in name else paired(values[0], heads) if heads else values[0].squeeze()
        data, kind, values = encode(name, values)
        writer.add_tensor(name, data, raw_dtype=kind)
        for own, part in zip(checkpoint_names, values if "_exps" in name else [values]):
            written[own] = part

    add("token_embd.weight", ["model.embed_tokens.weight"])
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}"
        pairs = {"attn_q": heads, "attn_k": key_value_heads} if architecture == "llama" else {}
        for name, own in LAYER.items():
            for kind in ["weight", "bias"]:
                if f"{prefix}.{name}.{kind}" in tensors:
                    add(f"blk.{layer}.{own}.{kind}", [f"{prefix}.{name}.{kind}"], pairs.get(own))
        add(f"blk.{layer}.ffn_gate_inp.weight", [f"{prefix}.{path}.gate.weight"])
        for own, name in projections.items():
            add(f"blk.{layer}.ffn_{own}_exps.weight",
                [f"{prefix}.{path}.experts.{expert}.{name}.weight" for expert in range(experts)])
    add("output_norm.weight", ["model.norm.weight"])
    if not config["tie_word_embeddings"]:
        add("output.weight", ["lm_head.weight"])
    return written


def write_tokenizer(writer, config, tokenizer, template, words="qwen2"):
    """As SentencePiece's where pieces may be bytes, else as a byte-level one with words of that name."""
    model = tokenizer["model"]
    by_id = {id: token for token, id in model["vocab"].items()}
    added = {token["id"]: token for token in tokenizer["added_tokens"]}
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    tokens, kinds = [], []
    for id in range(config["vocab_size"]):
        token = added[id]["content"] if id in added else by_id.get(id, f"[PAD{id}]")
        tokens.append(token)
        kinds.append(
            TokenType.UNKNOWN if token == model.get("unk_token")
            else (TokenType.CONTROL if added[id]["special"] else TokenType.USER_DEFINED) if id in added
            else TokenType.UNUSED if id not in by_id
            else TokenType.BYTE if model["byte_fallback"] and token.startswith("<0x") else TokenType.NORMAL)
    writer.add_tokenizer_model("llama" if model["byte_fallback"] else "gpt2")
    if not model["byte_fallback"]:
        writer.add_tokenizer_pre(words)
        writer.add_token_merges(merges)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    if model["byte_fallback"]:
        # Pieces score by when they were merged; letters come after all of them.
        ranks = {}
        for rank, merge in enumerate(merges):
            ranks.setdefault(merge.replace(" ", ""), rank)
        writer.add_token_scores([-float(ranks.get(token, len(merges) + id)) for id, token in enumerate(tokens)])
        writer.add_unk_token_id(model["vocab"][model["unk_token"]])
    if config["bos_token_id"] is not None:
        writer.add_bos_token_id(config["bos_token_id"])
    writer.add_eos_token_id(config["eos_token_id"])
    writer.add_add_bos_token("SpecialToken" in json.dumps(tokenizer["post_processor"]))
    writer.add_chat_template(template)


def read(source, name):
    return json.load(open(f"{source}/{name}"))


def main(source, out):
    config = read(source, "config.json")
    family = FAMILIES[config["architectures"][0]]
    os.makedirs(out, exist_ok=True)
    writer = gguf.GGUFWriter(f"{out}/model-BF16.gguf", family[0])
    write_model(
        writer, config, family, load(f"{source}/model.safetensors"), gguf.LlamaFileType.MOSTLY_BF16, plain)
    write_tokenizer(
        writer, config, read(source, "tokenizer.json"), read(source, "tokenizer_config.json")["chat_template"])
    finish(writer, source, out, config)


def write_file(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def finish(writer, source, out, config):
    """Writes the file, and beside it what the tests compare."""
    write_file(writer)
    golden = load_file(f"{source}/golden.safetensors")
    save_file({name: golden[name] for name in GOLDEN}, f"{out}/golden.safetensors")
    for name in ["tokenizer_cases.json", "tokenizer_config.json"]:
        shutil.copyfile(f"{source}/{name}", f"{out}/{name}")
    # A GGUF file says of each tensor how it is stored, but of none how it was published.
    json.dump(config | {"dtype": None}, open(f"{out}/config.json", "w"), indent=2)


if __name__ == "__main__":
    main(*sys.argv[1:])
