#pragma once
#include "cache.h"

// What the driver of an attention asks of an instruction set. A tile is some queries that read the same key-value head.
// In a block's arrays each query's weights are BLOCK apart, its values as far as a cache's are.

/// Keys of a block, and the most queries of a tile on any instruction set.
enum { BLOCK = LOCKSTEP_ATTENTION_BLOCK, TILE = 8 };

/// Keys [from, to) of a block.
struct span {
    size_t from, to;
};

/// Keys or values of a block, as a cache holds them: from its first group of positions on.
struct rows {
    const char *elements;
    const uint16_t *scales;
    size_t head_size;
    int encoding;
    /// While the byte at elements + i is read, about that at ahead + i is fetched. How: enum lockstep_fetching.
    const char *ahead;
    int fetching;
};

struct attention_kernels {
    /// The most queries of a tile.
    size_t tile;
    /// weights[q, j] = the score of query q and key j, for the groups of positions [from, to). Queries are
    /// [head size, count].
    void (*score)(const struct rows *keys, struct span groups, const float *queries, float *weights, int count);
    /// Scores -> weights exp(score - maximum) of the keys that each query sees, zero for the others of their groups;
    /// their maxima and sums.
    void (*soften)(float *weights, const struct span *seen, float *maxima, float *sums, int count);
    /// y[q, d] += weights[q, j] * value[j, d] over keys in increasing order.
    void (*weigh)(const struct rows *values, struct span keys, const float *weights, float *y, int count);
    /// y = y * old + values * new.
    void (*merge)(float *y, const float *values, float old, float new, size_t size);
};

/// x = limit * tanh(x / limit).
void cap_scores(int instruction_set, float *x, size_t count, float limit);

/// Those of an instruction set.
const struct attention_kernels *attention_kernels(int instruction_set);
