#!/usr/bin/env python3
"""Writes mixture_plans.json: how published mixtures of experts and hybrids are shared out, by a reading of the rules.

An independent computation: it tries splits and shares no code with the program. Run it in this folder; another folder
of configs may be given.

The rules, as Fractions throughout; those of make_plans.py, and for what dense models have not:
- Units are dealt so that the largest units / share is least; of the equally fast the one where ranks with equal shares
  have equal counts, then the one nearest to proportional (least squares), then earlier ranks get more.
- Rows, and channels of plain encodings, are dealt in blocks of 32 where that makes the slowest rank less than 1 %
  slower and empties none; only the last range that is not empty may end beside a block.
- Channels that are columns of groups are dealt in whole groups where every rank gets its share within 5 %; else on
  borders of 32 columns, of 8, or of one, the first with which none has over 5 % more than its share; else the first of
  all with which the slowest rank is less than 5 % slower than with single columns. Heads likewise: as many heads as
  begin and end on such borders are a unit.
- Heads are dealt alone ("anywhere") and in whole groups of those that read one covered head ("whole"); what a rank
  reads and writes for a token over its share is its time; whole groups are taken unless anywhere is faster.
- Bytes of a query head: its rows of query and gate, its columns of the output, and with latents its two expansions; of
  a key-value head: its rows of key and value and their cache at the context, or at the window if that is shorter. A
  latent is read twice, once as key and once as value, whole.
- Bytes of a head with a state: its rows of value, gate, step and decay (Mamba: input, gate and step), its columns of
  the output, and its state in float32, read and written; of a covered head: its rows of query and key (Mamba: B and C).
- Whole experts are dealt as units are.
"""
import functools
import itertools
import json
import math
import os
import sys
from fractions import Fraction

FOLDER = os.path.dirname(os.path.abspath(__file__))
CONFIGS = os.path.join(FOLDER, "..", "..", "..", "BlueprintTests", "Resources", "published")
MODELS = [
    "Mixtral-8x7B", "Qwen3-30B-A3B", "Qwen3-235B-A22B", "GLM-4.5-Air", "gpt-oss-20b", "gpt-oss-120b", "DeepSeek-V3",
    "Qwen3-Next-80B-A3B", "Qwen3.5-122B-A10B", "Nemotron-H-8B"]
SHARES = [[1] * ranks for ranks in range(2, 7)] + [[3, 1], [5, 3, 2], [128, 48]]
FURTHER_SHARES = {"Qwen3.5-122B-A10B": [[75, 25]]}
# Columns of a group; none where each element stands by itself.
ENCODINGS = {"bf16": None, "q4g32": 32, "q4g64": 64, "q4g128": 128}
CONTEXT = 8192


def slowest(counts, shares):
    return max(Fraction(count) / share for count, share in zip(counts, shares))


@functools.cache
def dealt(units, shares):
    """The best of all splits whose counts lie next to the proportional ones."""
    parts = [Fraction(units * share, sum(shares)) for share in shares]
    # Equal ranks differ by one unit; few unlike ones may round further, to make room for each other.
    reach = 1 if len(set(shares)) == 1 else 4
    ranges = [range(max(0, int(part) - reach), int(part) + reach + 1) for part in parts]
    best = None
    for head in itertools.product(*ranges[:-1]):
        counts = [*head, units - sum(head)]
        if counts[-1] not in ranges[-1]:
            continue
        counts_of_share = {share: {c for c, other in zip(counts, shares) if other == share} for share in shares}
        key = (
            slowest(counts, shares), sum(len(counts) > 1 for counts in counts_of_share.values()),
            sum((count - part) ** 2 for count, part in zip(counts, parts)), [-count for count in counts])
        if best is None or key < best[0]:
            best = (key, counts)
    return best[1]


def deal(units, shares, step=1):
    """Runs of so many units; the last range that is not empty ends where the units do."""
    steps = -(-units // step)
    counts = [count * step for count in dealt(steps, tuple(shares))]
    last = max(rank for rank, count in enumerate(counts) if count > 0)
    counts[last] -= steps * step - units
    return counts


def deal_blocks(units, shares):
    exact, blocks = deal(units, shares), deal(units, shares, 32)
    empties = any(one > 0 and other == 0 for one, other in zip(exact, blocks))
    return blocks if not empties and slowest(blocks, shares) * 100 < slowest(exact, shares) * 101 else exact


def column_borders(group):
    """Columns between the borders on which groups are cut, whole groups first."""
    return sorted({columns for columns in (group, 32, 8, 1) if columns <= group}, reverse=True)


def deal_on_borders(units, shares, steps):
    parts = [Fraction(units * share, sum(shares)) for share in shares]
    splits = [deal(units, shares, step) for step in steps]
    if all(abs(count - part) * 20 <= part for count, part in zip(splits[0], parts)):
        return splits[0]
    for counts in splits[1:]:
        if all(count * 20 <= part * 21 for count, part in zip(counts, parts)):
            return counts
    finest = splits[-1]
    for counts in splits:
        if counts == finest or slowest(counts, shares) * 100 < slowest(finest, shares) * 105:
            return counts


def deal_channels(units, shares, group):
    return deal_on_borders(units, shares, column_borders(group)) if group else deal_blocks(units, shares)


def row_bytes(columns, group):
    """Bytes of a row: half a byte for each column and two bytes for each group, or two bytes for each column."""
    return columns // 2 + 2 * -(-columns // group) if group else 2 * columns


def cover(counts, group):
    covers, start = [], 0
    for count in counts:
        first = start // group
        covers.append([first, (start + count - 1) // group + 1] if count else [first, first])
        start += count
    return covers


def deal_heads(heads, covered, size, bytes_of_head, bytes_of_covered, shares, group):
    """The heads of each rank and the covered heads that they read; `size` columns of a matrix belong to a head."""
    steps = sorted({c // math.gcd(c, size) for c in column_borders(group)}, reverse=True) if group else [1]
    readers = heads // covered

    def time(counts):
        return slowest(
            [c * bytes_of_head + (last - first) * bytes_of_covered
             for c, (first, last) in zip(counts, cover(counts, readers))], shares)

    anywhere = deal_on_borders(heads, shares, steps)
    whole = deal_on_borders(heads, shares, sorted({math.lcm(step, readers) for step in steps}, reverse=True))
    chosen = anywhere if time(anywhere) < time(whole) else whole
    return chosen, cover(chosen, readers)


def columns_of_head(width, heads, size, group):
    """Bytes of the columns of one head in a matrix of `width` rows."""
    return Fraction(width * row_bytes(heads * size, group), heads)


def attention(config, window, shares, group):
    width, heads = config["hidden_size"], config["num_attention_heads"]
    positions = min(CONTEXT, window or CONTEXT)
    if "kv_lora_rank" in config:
        latent, turning = config["kv_lora_rank"], config["qk_rope_head_dim"]
        content, size = config["qk_nope_head_dim"], config["v_head_dim"]
        of_query = (content + turning) * row_bytes(config["q_lora_rank"], group)
        of_query += latent * row_bytes(content, group) + size * row_bytes(latent, group)
        of_key = (latent + turning) * row_bytes(width, group) + 2 * positions * (latent + turning) * 2
        keys = 1
    else:
        keys, size = config["num_key_value_heads"], config.get("head_dim") or width // heads
        # Biases of query, key and value are float32 in memory.
        row = row_bytes(width, group) + (4 if config.get("attention_bias") else 0)
        gated = "linear_num_value_heads" in config
        of_query = size * row * (2 if gated else 1)
        of_key = 2 * size * row + 2 * positions * size * 2
    of_query += columns_of_head(width, heads, size, group)
    return deal_heads(heads, keys, size, of_query, of_key, shares, group)


def states(config, shares, group):
    row = row_bytes(config["hidden_size"], group)
    if "mamba_num_heads" in config:
        heads, size = config["mamba_num_heads"], config["mamba_head_dim"]
        covered, state, single = config["n_groups"], config["ssm_state_size"], 1
    else:
        heads, size = config["linear_num_value_heads"], config["linear_value_head_dim"]
        covered, state, single = config["linear_num_key_heads"], config["linear_key_head_dim"], 2
    of_head = (2 * size + single) * row + columns_of_head(config["hidden_size"], heads, size, group)
    return deal_heads(heads, covered, size, of_head + 2 * 4 * state * size, 2 * state * row, shares, group)


def experts(config):
    """Experts, their channels and those of the shared one; none where there are none."""
    count = config.get("num_experts") or config.get("num_local_experts") or config.get("n_routed_experts")
    if not count:
        return None
    width = config.get("moe_intermediate_size") or config["intermediate_size"]
    shared = config.get("shared_expert_intermediate_size") or config.get("n_shared_experts", 0) * width
    return count, width, shared


def mlp(config):
    """The channels of the MLP of the first layer that has a plain one; none where none has."""
    has_mlp = config.get("first_k_dense_replace", 0) > 0 or "-" in config.get("hybrid_override_pattern", "")
    return config["intermediate_size"] if has_mlp else None


def windows(config):
    """The windows of attentions, each once, in order of the layers."""
    if "layer_types" not in config or not config.get("sliding_window"):
        return [config.get("sliding_window")]
    found = [config["sliding_window"] if kind == "sliding_attention" else None for kind in config["layer_types"]]
    return list(dict.fromkeys(found))


def part(config, shares, group):
    attentions = [attention(config, window, shares, group) for window in windows(config)]
    result = {"queries": [heads for heads, _ in attentions], "keyValues": [covers for _, covers in attentions]}
    if "linear_num_value_heads" in config or "mamba_num_heads" in config:
        result["states"], result["covered"] = states(config, shares, group)
    mixture = experts(config)
    if mixture:
        result["channels"] = deal_channels(mixture[1], shares, group)
        if mixture[2]:
            result["shared"] = deal_channels(mixture[2], shares, group)
    if mlp(config):
        result["mlp"] = deal_channels(mlp(config), shares, group)
    return result


def load(folder, model):
    with open(os.path.join(folder, model + ".json")) as file:
        config = json.load(file)
    return config.get("text_config", config)


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else CONFIGS
    plans = []
    for model in MODELS:
        config = load(folder, model)
        for shares in SHARES + FURTHER_SHARES.get(model, []):
            plan = {"model": model, "shares": shares, "vocabulary": deal_blocks(config["vocab_size"], shares)}
            mixture = experts(config)
            if mixture:
                plan["experts"] = deal(mixture[0], shares)
            for encoding, group in ENCODINGS.items():
                plan[encoding] = part(config, shares, group)
            plans.append(plan)
    with open(os.path.join(FOLDER, "mixture_plans.json"), "w") as file:
        rows = [json.dumps(plan, separators=(",", ":")) for plan in plans]
        file.write("[\n" + ",\n".join(rows) + "\n]\n")


if __name__ == "__main__":
    main()
