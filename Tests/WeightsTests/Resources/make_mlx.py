#!/usr/bin/env python3
"""Makes checkpoints with mlx-lm 0.32.2 of models that it stores otherwise than others do, and their golden outputs by
transformers 5.23.0 on the numbers that mlx 0.32.4 reads from them.

    make_mlx.py SCRIPTS OUT

SCRIPTS is the folder with make_reference.py. mlx-lm's own logits are compared with the golden ones and printed.
"""
import json
import os
import shutil
import sys
import tempfile

import mlx.core as mx
import numpy as np
import torch
from mlx.utils import tree_map
from mlx_lm import convert
from mlx_lm.utils import load_model
from pathlib import Path
from safetensors.torch import load_file, save_file

sys.path.insert(0, sys.argv[1])
import make_reference

SHARED = {"vocab_size": 1009, "max_position_embeddings": 512}
HYBRID = SHARED | {
    "hidden_size": 128, "moe_intermediate_size": 64, "shared_expert_intermediate_size": 96, "num_hidden_layers": 3,
    "num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 32, "linear_num_key_heads": 2,
    "linear_num_value_heads": 6, "linear_key_head_dim": 16, "linear_value_head_dim": 16, "linear_conv_kernel_dim": 4,
    "num_experts": 6, "num_experts_per_tok": 2, "rms_norm_eps": 1e-6, "full_attention_interval": 3,
}
YARN = {"rope_type": "yarn", "rope_theta": 100.0, "factor": 8.0, "beta_fast": 8.0, "beta_slow": 1.0, "mscale": 0.7,
        "mscale_all_dim": 0.7, "original_max_position_embeddings": 256}
SINKS_YARN = {"rope_type": "yarn", "rope_theta": 300.0, "factor": 8.0, "beta_fast": 16.0, "beta_slow": 1.0,
              "truncate": False, "original_max_position_embeddings": 256}


# By the folder: the architecture, its class, the tokenizer, the config, what else make_reference.py asks for, and how
# mlx-lm quantises.
MODELS = {
    "mlx-llama-c-q3q6g64": ("llama", "Llama", "llama3", SHARED | {
        "hidden_size": 192, "intermediate_size": 320, "num_hidden_layers": 3, "num_attention_heads": 6,
        "num_key_value_heads": 3, "head_dim": 32, "rms_norm_eps": 1e-5,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e4},
    }, {"style": "hub"}, {"q_group_size": 64, "q_bits": 3, "quant_predicate": "mixed_3_6"}),
    "mlx-qwen3_moe-c-e6-q2q6g64": ("qwen3_moe", "Qwen3Moe", "qwen3", SHARED | {
        "hidden_size": 128, "intermediate_size": 192, "moe_intermediate_size": 64, "num_hidden_layers": 3,
        "num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 32, "num_experts": 6, "num_experts_per_tok": 2,
        "norm_topk_prob": True, "mlp_only_layers": [], "decoder_sparse_step": 1, "rms_norm_eps": 1e-6,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
    }, {"style": "hub"}, {"q_group_size": 64, "q_bits": 2, "quant_predicate": "mixed_2_6"}),
    "mlx-qwen3_next-c-e6-q4g32": ("qwen3_next", "Qwen3Next", "qwen3", HYBRID | {
        "intermediate_size": 160, "norm_topk_prob": True, "mlp_only_layers": [], "decoder_sparse_step": 1,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e7, "partial_rotary_factor": 0.25},
    }, {"style": "hub", "extra": "mtp"}, {"q_group_size": 32, "q_bits": 4}),
    "mlx-qwen3_5_moe-c-e6-q8g64": ("qwen3_5_moe", "Qwen3_5Moe", "qwen3", HYBRID | {
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e7, "partial_rotary_factor": 0.25,
                            "mrope_section": [2, 1, 1], "mrope_interleaved": True},
    }, {"style": "vl", "extra": "vl"}, {"q_group_size": 64, "q_bits": 8}),
    "mlx-nemotron_h-c-e6-q4g64": ("nemotron_h", "NemotronH", "nemotron", SHARED | {
        "hidden_size": 128, "intermediate_size": 192, "moe_intermediate_size": 64,
        "moe_shared_expert_intermediate_size": 128, "hybrid_override_pattern": "MEM*E", "num_attention_heads": 8,
        "num_key_value_heads": 2, "head_dim": 16, "mamba_num_heads": 8, "mamba_head_dim": 16, "n_groups": 2,
        "ssm_state_size": 16, "conv_kernel": 4, "use_conv_bias": True, "chunk_size": 64, "n_routed_experts": 6,
        "num_experts_per_tok": 2, "n_shared_experts": 1, "routed_scaling_factor": 2.5, "norm_topk_prob": True,
        "n_group": 1, "topk_group": 1, "layer_norm_epsilon": 1e-5,
    }, {"style": "hub"}, {"q_group_size": 64, "q_bits": 4}),
    "mlx-deepseek_v3-c-e8-q8g32": ("deepseek_v3", "DeepseekV3", "deepseek", SHARED | {
        "hidden_size": 96, "intermediate_size": 160, "num_hidden_layers": 3, "num_attention_heads": 4,
        "num_key_value_heads": 4, "kv_lora_rank": 64, "q_lora_rank": 32, "qk_rope_head_dim": 8,
        "qk_nope_head_dim": 32, "v_head_dim": 32, "moe_intermediate_size": 64, "first_k_dense_replace": 1,
        "n_routed_experts": 8, "n_group": 4, "topk_group": 2, "num_experts_per_tok": 3, "n_shared_experts": 1,
        "routed_scaling_factor": 2.5, "norm_topk_prob": True, "rms_norm_eps": 1e-5, "rope_parameters": YARN,
    }, {"style": "hub"}, {"q_group_size": 32, "q_bits": 8}),
    "mlx-gpt_oss-c-e6-mxfp4-q8g64": ("gpt_oss", "GptOss", "harmony", SHARED | {
        "hidden_size": 128, "intermediate_size": 96, "num_hidden_layers": 4, "num_attention_heads": 6,
        "num_key_value_heads": 2, "head_dim": 32, "num_local_experts": 6, "num_experts_per_tok": 2,
        "sliding_window": 37, "swiglu_limit": 7.0, "rms_norm_eps": 1e-5, "rope_parameters": SINKS_YARN,
    }, {"style": "hub", "mxfp4": True}, {"q_group_size": 64, "q_bits": 8}),
}
ONE_ADDED = ("input_layernorm.weight", "post_attention_layernorm.weight", "model.norm.weight",
             "language_model.norm.weight", "q_norm.weight", "k_norm.weight")


def numbers(folder):
    """Every tensor of a checkpoint by mlx-lm in float32, under its name there."""
    quantization = json.load(open(f"{folder}/config.json"))["quantization"]
    stored = {name: mx.array(tensor.view(torch.int32).numpy().view(np.uint32)) if tensor.dtype == torch.uint32
              else mx.array(tensor.numpy()) if tensor.dtype == torch.uint8 else mx.array(tensor.float().numpy())
              for name, tensor in load_file(f"{folder}/model.safetensors").items()}
    plain = {}
    for name, tensor in stored.items():
        if name.endswith((".scales", ".biases")):
            continue
        path = name.removesuffix(".weight")
        if f"{path}.scales" in stored:
            form = quantization.get(path)
            form = form if isinstance(form, dict) else quantization
            tensor = mx.dequantize(
                tensor, stored[f"{path}.scales"], stored.get(f"{path}.biases"), group_size=form["group_size"],
                bits=form["bits"], mode=form.get("mode", "affine"), dtype=mx.float32)
        plain[name] = torch.from_numpy(np.array(tensor))
    return plain


def reference_tensor(name, shape, known, architecture):
    """What the reference's checkpoint has under a name, from what mlx-lm's has."""
    if architecture == "qwen3_5_moe":
        name = name.replace("model.language_model", "language_model.model").replace("lm_head", "language_model.lm_head")
    path, _, part = name.partition(".experts.")
    if architecture == "gpt_oss" and part.startswith("gate_up_proj"):
        bias = part.endswith("bias")
        gate, up = (known[f"{path}.experts.{role}_proj.{'bias' if bias else 'weight'}"] for role in ("gate", "up"))
        rows = torch.stack([gate, up], 2).reshape(gate.shape[0], -1, *gate.shape[2:])
        return rows if bias else rows.swapaxes(1, 2)
    if architecture == "gpt_oss" and part:
        bias = part.endswith("bias")
        down = known[f"{path}.experts.down_proj.{'bias' if bias else 'weight'}"]
        return down if bias else down.swapaxes(1, 2)
    if part == "gate_up_proj":
        return torch.cat([known[f"{path}.switch_mlp.{role}_proj.weight"] for role in ("gate", "up")], 1)
    if part == "down_proj":
        return known[f"{path}.switch_mlp.down_proj.weight"]
    if part:
        expert, role, _ = part.split(".")
        role = {"up_proj": "fc1", "down_proj": "fc2"}[role] if architecture == "nemotron_h" else role
        return known[f"{path}.switch_mlp.{role}.weight"][int(expert)]
    if name.endswith("kv_b_proj.weight"):
        path = name.removesuffix(".kv_b_proj.weight")
        keys = known[f"{path}.embed_q.weight"].swapaxes(1, 2)
        return torch.cat([keys, known[f"{path}.unembed_out.weight"]], 1).reshape(shape)
    tensor = known[name].reshape(shape)
    adds = architecture in ("qwen3_next", "qwen3_5_moe")
    return tensor - 1 if adds and name.endswith(ONE_ADDED) else tensor


def reference_model(source, folder, architecture):
    """The reference's model with the numbers of mlx-lm's checkpoint."""
    known = numbers(folder)
    tensors = {}
    for name, tensor in load_file(f"{source}/model.safetensors").items():
        if name.startswith(("mtp.", "model.visual")) or name.endswith("_scales"):
            continue
        name = name.removesuffix("_blocks")
        tensors[name] = reference_tensor(name, tensor.shape, known, architecture).float().contiguous().clone()
    config = json.load(open(f"{source}/config.json"))
    config.pop("quantization_config", None)
    with tempfile.TemporaryDirectory() as place:
        json.dump(config, open(f"{place}/config.json", "w"))
        save_file(tensors, f"{place}/model.safetensors", metadata={"format": "pt"})
        return make_reference.load_ref(place)


def mlx_logits(folder, tokens):
    """mlx-lm's, computed in float32."""
    model, _ = load_model(Path(folder))
    model.update(tree_map(
        lambda values: values.astype(mx.float32) if mx.issubdtype(values.dtype, mx.floating) else values,
        model.parameters()))
    return torch.from_numpy(np.array(model(mx.array([tokens]))[0].astype(mx.float32)))


def main(out):
    mx.set_default_device(mx.cpu)
    for name, (architecture, kind, tokenizer, config, options, quantization) in MODELS.items():
        source, folder = f"{out}/source-{name}", f"{out}/{name}"
        shutil.rmtree(source, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
        spec = {
            "arch": architecture, "dims": "mlx-c", "cls": kind, "kw": config, "tok": tokenizer, "ntok": 1005,
            "set": "other", "dtype": "bf16", "style": "v5", "shard": None, "legacy_merges": False,
            "tpl_in_config": True, "seed": 1, "extra": None,
        } | options
        os.makedirs(source)
        tokens = make_reference.TK.build(tokenizer, 1005, source)
        made = make_reference.make_config(spec, tokens)
        model = getattr(make_reference.transformers, f"{kind}ForCausalLM")(made).float().eval()
        make_reference.init_weights(model, spec, made)
        make_reference.save_checkpoint(model, spec, made, source)
        convert(source, mlx_path=folder, quantize=True, dtype="bfloat16", **quantization)
        for text in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(f"{source}/{text}", folder)
        for file in ("README.md", "chat_template.jinja"):
            if os.path.exists(f"{folder}/{file}"):
                os.remove(f"{folder}/{file}")
        model = reference_model(source, folder, architecture)
        make_reference.make_goldens(spec, folder, loader=lambda _: model)
        golden = load_file(f"{folder}/golden.safetensors")
        difference = mlx_logits(folder, golden["prompt.input_ids"].tolist()) - golden["prompt.logits"]
        print(name, f"mlx-lm's logits differ by at most {difference.abs().max():.1e}", flush=True)
        for file in ("golden.json", "tokenizer_cases.json"):
            if os.path.exists(f"{folder}/{file}"):
                os.remove(f"{folder}/{file}")
        shutil.rmtree(source)


if __name__ == "__main__":
    os.makedirs(sys.argv[2], exist_ok=True)
    main(sys.argv[2])
