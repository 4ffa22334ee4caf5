#!/usr/bin/env python3
"""Makes checkpoints for make_gguf_later_mixtures.py with the reference's make_reference.py and transformers 5.23.0:
models of which a GGUF file can say all that counts.

    make_gguf_references.py SCRIPTS OUT

SCRIPTS is the folder with make_reference.py. The matrices of checkpoints in f32 have the numbers of Q8_0, so that the
golden outputs hold for a file of that type.
"""
import os
import sys

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as T

sys.path.insert(0, sys.argv[1])
import make_reference

# Twice the same factor, as every published model has it.
YARN = {"rope_type": "yarn", "rope_theta": 100.0, "factor": 8.0, "beta_fast": 8.0, "beta_slow": 1.0, "mscale": 0.7,
        "mscale_all_dim": 0.7, "original_max_position_embeddings": 256}
SINKS_YARN = {"rope_type": "yarn", "rope_theta": 300.0, "factor": 8.0, "beta_fast": 16.0, "beta_slow": 1.0,
              "truncate": False, "original_max_position_embeddings": 256}
SHARED = {"vocab_size": 1009, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3,
          "max_position_embeddings": 512}
MLA = SHARED | {
    "num_attention_heads": 4, "num_key_value_heads": 4, "kv_lora_rank": 64, "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 32, "v_head_dim": 16, "moe_intermediate_size": 32, "first_k_dense_replace": 1,
    "rms_norm_eps": 1e-5, "rope_parameters": YARN,
}
# By the folder: the architecture, its class, the tokenizer, the config, and what else make_reference.py asks for.
MODELS = {
    "gpt_oss-c-e6-mxfp4": ("gpt_oss", "GptOss", "harmony", SHARED | {
        "num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 16, "num_local_experts": 6,
        "num_experts_per_tok": 2, "sliding_window": 37, "swiglu_limit": 7.0, "rms_norm_eps": 1e-5,
        "rope_parameters": SINKS_YARN,
    }, {"dtype": "bf16", "mxfp4": True}),
    "glm4_moe-c-e6-q8_0": ("glm4_moe", "Glm4Moe", "glm4", SHARED | {
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "moe_intermediate_size": 32,
        "n_routed_experts": 6, "num_experts_per_tok": 3, "n_shared_experts": 2, "n_group": 1, "topk_group": 1,
        "routed_scaling_factor": 2.5, "norm_topk_prob": True, "first_k_dense_replace": 2, "use_qk_norm": True,
        "attention_bias": False, "rms_norm_eps": 1e-5, "tie_word_embeddings": True,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "partial_rotary_factor": 0.5},
    }, {"style": "hub", "extra": "mtp_layer"}),
    "deepseek_v3-c-e8-q8_0": ("deepseek_v3", "DeepseekV3", "deepseek", MLA | {
        "q_lora_rank": 32, "n_routed_experts": 8, "n_group": 4, "topk_group": 2, "num_experts_per_tok": 3,
        "n_shared_experts": 1, "routed_scaling_factor": 2.5, "norm_topk_prob": True,
    }, {}),
    "deepseek_v2-c-e5-q8_0": ("deepseek_v2", "DeepseekV2", "deepseek", MLA | {
        "q_lora_rank": None, "n_routed_experts": 5, "n_group": 1, "topk_group": 1, "topk_method": "greedy",
        "num_experts_per_tok": 2, "n_shared_experts": 2, "routed_scaling_factor": 1.5, "norm_topk_prob": False,
    }, {}),
    "deepseek_v2-d-e8-q8_0": ("deepseek_v2", "DeepseekV2", "deepseek", MLA | {
        "q_lora_rank": 32, "n_routed_experts": 8, "n_group": 4, "topk_group": 2, "topk_method": "group_limited_greedy",
        "num_experts_per_tok": 3, "n_shared_experts": 1, "routed_scaling_factor": 4.0, "norm_topk_prob": False,
    }, {}),
}


def rounded(values):
    return gguf.quants.dequantize(gguf.quants.quantize(np.ascontiguousarray(values), T.Q8_0), T.Q8_0)


def of_latents(values, config, splits):
    """What expands latents: newer files have it in two, the rows of the first as columns."""
    if not splits:
        return rounded(values)
    content = config.qk_nope_head_dim
    heads = values.reshape(config.num_attention_heads, -1, config.kv_lora_rank)
    keys = rounded(heads[:, :content].swapaxes(1, 2)).swapaxes(1, 2)
    return np.concatenate([keys, rounded(heads[:, content:])], 1).reshape(values.shape)


def rounding(initialize):
    """The same, of the numbers of Q8_0 where the checkpoint is in f32."""
    def with_rounding(model, spec, config):
        initialize(model, spec, config)
        if spec["dtype"] != "f32":
            return
        for name, values in model.named_parameters():
            if values.dim() < 2 or name.endswith("mlp.gate.weight"):
                continue
            numbers = values.detach().numpy()
            numbers = (of_latents(numbers, config, spec["arch"] == "deepseek_v3") if "kv_b_proj" in name
                       else rounded(numbers))
            values.data.copy_(torch.from_numpy(numbers))
    return with_rounding


def main(out):
    make_reference.init_weights = rounding(make_reference.init_weights)
    for name, (architecture, kind, tokenizer, config, options) in MODELS.items():
        spec = {
            "arch": architecture, "dims": "c", "cls": kind, "kw": config, "tok": tokenizer, "ntok": 1005,
            "set": "other", "dtype": "f32", "style": "v5", "shard": None, "legacy_merges": False, "tpl_in_config": True, "seed": 1,
            "extra": None,
        } | options
        make_reference.run_spec(spec, f"{out}/{name}")


if __name__ == "__main__":
    os.makedirs(sys.argv[2], exist_ok=True)
    main(sys.argv[2])
