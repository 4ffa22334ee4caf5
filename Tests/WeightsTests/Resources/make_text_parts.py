#!/usr/bin/env python3
"""Makes checkpoints of models that see pictures, too, as they are published, and their golden outputs by transformers
5.23.0.

    make_text_parts.py SCRIPTS OUT

SCRIPTS is the folder with make_reference.py. The golden outputs are those of the text model alone; that of the whole
model for a prompt without pictures is compared with them.
"""
import json
import os
import shutil
import sys

import torch
import transformers
from safetensors.torch import load_file, save_file

sys.path.insert(0, sys.argv[1])
import make_reference

VISION = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}
SHARED = {"vocab_size": 1009, "hidden_size": 72, "intermediate_size": 82, "max_position_embeddings": 512}
# By the folder: the architecture, the class of its text model and of the whole, the tokenizer, the text's config, keys
# that stand for defaults and are left out, keys beside the text's, those of the vision tower, and the beginnings of
# names.
MODELS = {
    # As Google's: what the text's class has by default is not said.
    "gemma3-c-h72-i82-q8kv4-bf16": (
        "gemma3", "Gemma3", "Gemma3ForConditionalGeneration", "gemma", SHARED | {
            "num_hidden_layers": 7, "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 16,
            "query_pre_attn_scalar": 13, "sliding_window": 41, "sliding_window_pattern": 6,
            "max_position_embeddings": 131072, "rope_parameters": {
                "full_attention": {"rope_type": "linear", "rope_theta": 1e6, "factor": 8.0},
                "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
            },
        },
        {"num_attention_heads", "num_key_value_heads", "max_position_embeddings", "rope_theta", "rope_local_base_freq",
         "sliding_window_pattern", "rms_norm_eps", "hidden_activation", "tie_word_embeddings", "attention_bias"},
        {"boi_token_index": 1001, "eoi_token_index": 1002, "image_token_index": 1003, "mm_tokens_per_image": 4},
        VISION | {"model_type": "siglip_vision_model", "image_size": 16, "patch_size": 4,
                  "vision_use_head": False},
        {"model.language_model.": "language_model.model.", "model.vision_tower.": "vision_tower.vision_model.",
         "model.multi_modal_projector.": "multi_modal_projector."}),
    # As Mistral's, and as transformers writes one.
    "mistral3-c-h72-i82-q6kv3-bf16": (
        "mistral", "Mistral", "Mistral3ForConditionalGeneration", "llama2", SHARED | {
            "num_hidden_layers": 3, "num_attention_heads": 6, "num_key_value_heads": 3, "head_dim": 16,
            "sliding_window": None, "rms_norm_eps": 1e-5, "tie_word_embeddings": False,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e9},
        }, set(),
        {"image_token_index": 1003, "multimodal_projector_bias": False, "projector_hidden_act": "gelu",
         "spatial_merge_size": 2, "vision_feature_layer": -1},
        VISION | {"model_type": "pixtral", "image_size": 16, "patch_size": 4, "head_dim": 8},
        {"model.language_model.": "language_model.model.", "lm_head.": "language_model.lm_head.",
         "model.vision_tower.": "vision_tower.", "model.multi_modal_projector.": "multi_modal_projector."}),
}


def main(out):
    for name, (architecture, kind, whole, tokenizer, config, unsaid, beside, vision, prefixes) in MODELS.items():
        folder = f"{out}/{name}"
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        spec = {
            "arch": architecture, "dims": "c", "cls": kind, "kw": config, "tok": tokenizer, "ntok": 1001,
            "set": "other", "dtype": "bf16", "style": "hub", "shard": None, "legacy_merges": False,
            "tpl_in_config": True, "seed": 1, "extra": None,
        }
        tokens = make_reference.TK.build(tokenizer, 1001, folder)
        made = make_reference.make_config(spec, tokens)
        model = getattr(transformers, f"{kind}ForCausalLM")(made).float().eval()
        make_reference.init_weights(model, spec, made)
        make_reference.save_checkpoint(model, spec, made, folder)
        text = make_reference.load_ref(folder)
        make_reference.make_goldens(spec, folder, loader=lambda _: text)

        flat = json.load(open(f"{folder}/config.json"))
        ends = flat.pop("eos_token_id")
        inside = {key: value for key, value in flat.items()
                  if key not in unsaid | {"architectures", "transformers_version", "bos_token_id", "pad_token_id"}}
        wrapped = beside | {
            "architectures": [whole], "model_type": architecture.replace("mistral", "mistral3"), "text_config": inside,
            "vision_config": vision, "eos_token_id": ends, "torch_dtype": "bfloat16",
            "transformers_version": transformers.__version__,
        }
        json.dump(wrapped, open(f"{folder}/config.json", "w"), indent=2)

        tensors = {name.replace("model.", "model.language_model.", 1): tensor
                   for name, tensor in load_file(f"{folder}/model.safetensors").items()}
        torch.manual_seed(1)
        seeing = transformers.AutoConfig.from_pretrained(folder)
        for name, tensor in getattr(transformers, whole)(seeing).state_dict().items():
            if "vision_tower" in name or "multi_modal_projector" in name:
                tensors[name] = tensor.to(torch.bfloat16)
        for current, older in prefixes.items():
            tensors = {name.replace(current, older, 1) if name.startswith(current) else name: tensor
                       for name, tensor in tensors.items()}
        save_file(dict(sorted(tensors.items())), f"{folder}/model.safetensors", metadata={"format": "pt"})

        golden = load_file(f"{folder}/golden.safetensors")
        model = getattr(transformers, whole).from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager").eval()
        with torch.no_grad():
            logits = model(golden["prompt.input_ids"][None].long()).logits[0]
        difference = (logits - golden["prompt.logits"]).abs().max()
        print(folder, f"the whole model's logits differ by at most {difference:.1e}", flush=True)
        assert difference < 1e-4
        for file in ("golden.json", "tokenizer_cases.json", "chat_template.jinja", "special_tokens_map.json"):
            if os.path.exists(f"{folder}/{file}"):
                os.remove(f"{folder}/{file}")


if __name__ == "__main__":
    main(sys.argv[2])
