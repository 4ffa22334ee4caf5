#!/usr/bin/env python3
"""Writes plans.json: how published models are shared out, by a direct reading of the rules.

An independent computation: it tries splits and shares no code with the program. Run it in this folder.

The rules, as Fractions throughout:
- Units are dealt so that the largest units / share is least; of the equally fast the one where ranks with equal shares
  have equal counts, then the one nearest to proportional (least squares), then earlier ranks get more.
- Channels and rows are dealt in blocks of 32 where that makes the slowest rank less than 1 % slower and empties none;
  only the last range that is not empty may end beside a block.
- Query heads are dealt alone ("anywhere") and in whole groups ("whole"); what a rank reads for a token (its query rows,
  its output columns, its key and value rows and their cache at the context) over its share is its time; whole groups
  are taken unless anywhere is faster.
- With q4 in groups of 32 heads of 128 columns and channels lie on borders where they are whole heads and multiples of
  32.
"""
import functools
import itertools
import json
import os
from fractions import Fraction

CONFIGS = os.path.join("..", "..", "..", "BlueprintTests", "Resources", "published")
MODELS = ["Llama-3.1-8B", "Llama-3.1-70B", "Qwen2.5-7B", "Qwen2.5-72B", "Qwen3-8B", "Qwen3-32B", "Mistral-7B-v0.3"]
SHARES = [[1] * ranks for ranks in range(2, 9)] + [[3, 1], [128, 48], [5, 3, 2]]
CONTEXT = 8192


def slowest(counts, shares):
    return max(Fraction(count, share) for count, share in zip(counts, shares))


@functools.cache
def dealt(units, shares):
    """The best of all splits whose counts lie next to the proportional ones."""
    total = sum(shares)
    parts = [Fraction(units * share, total) for share in shares]
    # Equal ranks differ by one unit; few unlike ones may round further, to make room for each other.
    reach = 1 if len(set(shares)) == 1 else 4
    ranges = [range(max(0, int(part) - reach), int(part) + reach + 1) for part in parts]
    best = None
    for head in itertools.product(*ranges[:-1]):
        counts = list(head) + [units - sum(head)]
        if counts[-1] not in ranges[-1]:
            continue
        unequal = sum(
            len({count for count, share in zip(counts, shares) if share == value}) > 1 for value in set(shares))
        distance = sum((count - part) ** 2 for count, part in zip(counts, parts))
        if best is not None and slowest(counts, shares) > best[0][0]:
            continue
        key = (slowest(counts, shares), unequal, distance, [-count for count in counts])
        if best is None or key < best[0]:
            best = (key, counts)
    return best[1]


def deal(units, shares):
    return dealt(units, tuple(shares))


def deal_steps(units, step, shares):
    steps = -(-units // step)
    counts = [count * step for count in deal(steps, shares)]
    last = max(rank for rank, count in enumerate(counts) if count > 0)
    counts[last] -= steps * step - units
    return counts


def deal_blocks(units, shares, step=1):
    exact = deal_steps(units, step, shares)
    blocks = deal_steps(units, 32, shares)
    empties = any(one > 0 and other == 0 for one, other in zip(exact, blocks))
    return blocks if not empties and slowest(blocks, shares) * 100 < slowest(exact, shares) * 101 else exact


def cover(counts, group):
    covers, start = [], 0
    for count in counts:
        first, last = start // group, (start + count - 1) // group
        covers.append([first, last + 1] if count else [first, first])
        start += count
    return covers


def row_bytes(columns, encoding):
    """Bytes of a row: q4 in groups of 32 has half a byte for each column and two bytes for each group."""
    return {"bf16": 2 * columns, "f32": 4 * columns, "q4": columns // 2 + 2 * (-(-columns // 32))}[encoding]


def heads(config, shares, encoding):
    width, queries, keys = config["hidden_size"], config["num_attention_heads"], config["num_key_value_heads"]
    size = config.get("head_dim") or width // queries
    group = queries // keys
    # Biases of query, key and value are float32 in memory.
    bias = 4 * size if config["architectures"] == ["Qwen2ForCausalLM"] else 0
    per_query = size * row_bytes(width, encoding) + bias + width * row_bytes(queries * size, encoding) // queries
    cache = 2 * min(CONTEXT, config["max_position_embeddings"]) * size * 2
    per_key = 2 * (size * row_bytes(width, encoding) + bias) + cache

    def time(counts):
        return max(
            Fraction(count * per_query + (last - first) * per_key, share)
            for count, (first, last), share in zip(counts, cover(counts, group), shares))

    anywhere = deal(queries, shares)
    whole = [count * group for count in deal(keys, shares)]
    chosen = anywhere if time(anywhere) < time(whole) else whole
    return {"queryHeads": chosen, "keyValueHeads": cover(chosen, group), "wholeGroups": whole}


def main():
    plans = []
    for model in MODELS:
        with open(os.path.join(CONFIGS, model + ".json")) as file:
            config = json.load(file)
        for shares in SHARES:
            plan = {"model": model, "shares": shares}
            for encoding in ["bf16", "f32", "q4"]:
                plan[encoding] = heads(config, shares, encoding)
                plan[encoding]["mlpWidth"] = deal_blocks(
                    config["intermediate_size"], shares, 32 if encoding == "q4" else 1)
            plan["vocabulary"] = deal_blocks(config["vocab_size"], shares)
            plans.append(plan)
    with open("plans.json", "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(plan) for plan in plans) + "\n]\n")


main()
