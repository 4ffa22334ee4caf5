#include "lanes.h"
#include <math.h>

// Causal attention. A tile is up to four (token, head) pairs that read the same key-value head, so that keys and
// values come from memory once for all of them. A pair's result depends on its own keys only: a tile's common keys are
// taken together, what only some of its pairs see is taken pair by pair, in the same increasing order.

enum { BLOCK = 128, TILE = 4 };

typedef struct lockstep_attention attention;

/// One query's place: its output, and the keys [first, end) that it sees.
struct pair {
    float *y;
    size_t first, end;
    float maximum, sum;
};

/// What one block of keys gives one query: weights at the keys' places in the block, and sums.
struct partial {
    float weights[BLOCK] __attribute__((aligned(64)));
    float values[LOCKSTEP_LONGEST_HEAD] __attribute__((aligned(64)));
    float maximum, sum;
};

static void place(const attention *a, size_t token, size_t head, struct pair *pair)
{
    size_t position = a->first_position + token;
    pair->y = a->y + token * a->y_stride + head * a->head_size;
    pair->end = position + 1;
    pair->first = a->window && position + 1 > a->window ? position + 1 - a->window : 0;
    pair->maximum = -INFINITY;
    pair->sum = 0;
}

/// Merges a block into what earlier blocks gave.
INLINE void merge(struct pair *pair, const struct partial *block, size_t size)
{
    float maximum = block->maximum > pair->maximum ? block->maximum : pair->maximum;
    float old = exponential(pair->maximum - maximum), new = exponential(block->maximum - maximum);
    pair->sum = __builtin_fmaf(pair->sum, old, block->sum * new);
    for (size_t d = 0; d < size; d++)
        pair->y[d] = __builtin_fmaf(pair->y[d], old, block->values[d] * new);
    pair->maximum = maximum;
}

INLINE void start(struct pair *pair, const struct partial *block, size_t size)
{
    pair->maximum = block->maximum;
    pair->sum = block->sum;
    memcpy(pair->y, block->values, size * sizeof(float));
}

INLINE void divide(struct pair *pair, size_t size)
{
    float inverse = 1.0f / pair->sum;
    for (size_t d = 0; d < size; d++)
        pair->y[d] *= inverse;
}

/// Scores -> weights: exp(score - maximum), and their sum, lane = key % 16. Places without a key hold -infinity.
INLINE void soften(struct partial *block)
{
    float sums[16] = {0}, maximum = -INFINITY;
    for (size_t j = 0; j < BLOCK; j++)
        maximum = block->weights[j] > maximum ? block->weights[j] : maximum;
    for (size_t j = 0; j < BLOCK; j++)
        block->weights[j] = exponential(block->weights[j] - maximum);
    for (size_t j = 0; j < BLOCK; j += 16)
        for (size_t lane = 0; lane < 16; lane++)
            sums[lane] += block->weights[j + lane];
    block->maximum = maximum;
    block->sum = tree(sums);
}

static float score_portable(const float *query, const float *key, size_t size)
{
    float sums[16] = {0};
    for (size_t k = 0; k < size; k += 16)
        for (size_t lane = 0; lane < 16; lane++) {
            int inside = k + lane < size;
            float x = inside ? query[k + lane] : 0, y = inside ? key[k + lane] : 0;
            sums[lane] = __builtin_fmaf(x, y, sums[lane]);
        }
    return tree(sums);
}

static void pair_portable(const attention *a, const float *query, size_t key_value_head, struct pair *pair)
{
    const float *keys = a->keys + key_value_head * a->head_stride;
    const float *values = a->values + key_value_head * a->head_stride;
    struct partial block;
    for (size_t base = pair->first / BLOCK * BLOCK; base < pair->end; base += BLOCK) {
        size_t from = larger(base, pair->first), to = smaller(base + BLOCK, pair->end);
        for (size_t j = 0; j < BLOCK; j++)
            block.weights[j] = -INFINITY;
        for (size_t j = from; j < to; j++)
            block.weights[j - base] = score_portable(query, keys + j * a->row_stride, a->head_size) * a->scale;
        soften(&block);
        memset(block.values, 0, a->head_size * sizeof(float));
        for (size_t j = from; j < to; j++)
            for (size_t d = 0; d < a->head_size; d++)
                block.values[d] =
                    __builtin_fmaf(block.weights[j - base], values[j * a->row_stride + d], block.values[d]);
        if (base <= pair->first)
            start(pair, &block, a->head_size);
        else
            merge(pair, &block, a->head_size);
    }
    divide(pair, a->head_size);
}

#if HAS_VECTOR_TARGETS

/// The scores of `count` queries (padded to sixteen, LOCKSTEP_LONGEST_HEAD apart) with the keys [from, to).
INLINE void score_tile(
    const attention *a, const float *queries, const float *keys, size_t base, size_t from, size_t to,
    struct partial *blocks, const int count)
{
    size_t size = a->head_size;
    for (size_t j = from; j < to; j += 4) {
        lanes sums[4 * TILE];
        const float *key[4];
        UNROLL for (size_t i = 0; i < 4; i++) key[i] = keys + smaller(j + i, to - 1) * a->row_stride;
        UNROLL for (int i = 0; i < 4 * count; i++) fill(&sums[i], 0);
        for (size_t k = 0; k < size; k += 16) {
            lanes query[TILE], row;
            lane_bits mask;
            mask_first(&mask, size - k);
            UNROLL for (int q = 0; q < count; q++) load(&query[q], queries + q * LOCKSTEP_LONGEST_HEAD + k);
            UNROLL for (int i = 0; i < 4; i++)
            {
                load(&row, key[i] + k);
                keep(&row, &mask);
                UNROLL for (int q = 0; q < count; q++) accumulate(&sums[q * 4 + i], &query[q], &row);
            }
        }
        UNROLL for (int q = 0; q < count; q++)
        {
            float scores[4];
            tree_of_four(scores, &sums[q * 4], &sums[q * 4 + 1], &sums[q * 4 + 2], &sums[q * 4 + 3]);
            for (size_t i = 0; i < smaller(4, to - j); i++)
                blocks[q].weights[j + i - base] = scores[i] * a->scale;
        }
    }
}

/// values += weight * value over the keys [from, to), in increasing order, `width` x 16 elements at a time.
INLINE void weigh_tile(
    const attention *a, const float *values, size_t base, size_t from, size_t to, struct partial *blocks,
    const int count, const int width)
{
    for (size_t d = 0; d < a->head_size; d += 16 * (size_t)width) {
        lanes sums[16];
        UNROLL for (int q = 0; q < count; q++)
            UNROLL for (int i = 0; i < width; i++) load(&sums[q * width + i], blocks[q].values + d + 16 * i);
        for (size_t j = from; j < to; j++) {
            lanes row[4], weight;
            UNROLL for (int i = 0; i < width; i++) load(&row[i], values + j * a->row_stride + d + 16 * i);
            UNROLL for (int q = 0; q < count; q++)
            {
                fill(&weight, blocks[q].weights[j - base]);
                UNROLL for (int i = 0; i < width; i++) accumulate(&sums[q * width + i], &weight, &row[i]);
            }
        }
        UNROLL for (int q = 0; q < count; q++)
            UNROLL for (int i = 0; i < width; i++) store(blocks[q].values + d + 16 * i, &sums[q * width + i]);
    }
}

INLINE void weigh(
    const attention *a, const float *values, size_t base, size_t from, size_t to, struct partial *blocks,
    const int count, const int width)
{
    if (a->head_size % (16 * (size_t)width) == 0)
        weigh_tile(a, values, base, from, to, blocks, count, width);
    else
        weigh_tile(a, values, base, from, to, blocks, count, 1);
}

INLINE void tile_body(
    const attention *a, const float *queries, size_t key_value_head, struct pair *pairs, const int count,
    const int width)
{
    const float *keys = a->keys + key_value_head * a->head_stride;
    const float *values = a->values + key_value_head * a->head_stride;
    struct partial blocks[TILE];
    size_t first = pairs[0].first, end = pairs[0].end, common_first = first, common_end = end;
    for (int q = 1; q < count; q++) {
        first = smaller(first, pairs[q].first), common_first = larger(common_first, pairs[q].first);
        end = larger(end, pairs[q].end), common_end = smaller(common_end, pairs[q].end);
    }
    for (size_t base = first / BLOCK * BLOCK; base < end; base += BLOCK) {
        size_t top = base + BLOCK;
        score_tile(a, queries, keys, base, larger(base, first), smaller(top, end), blocks, count);
        size_t from = larger(base, common_first), to = smaller(top, common_end);
        int shared = from < to;
        for (int q = 0; q < count; q++) {
            size_t own_from = larger(base, pairs[q].first), own_to = smaller(top, pairs[q].end);
            for (size_t j = base; j < top; j++)
                if (j < own_from || j >= own_to)
                    blocks[q].weights[j - base] = -INFINITY;
            soften(&blocks[q]);
            memset(blocks[q].values, 0, (a->head_size + 15) / 16 * 16 * sizeof(float));
            if (own_from < own_to)
                weigh(a, values, base, own_from, shared ? from : own_to, &blocks[q], 1, width);
        }
        if (shared)
            weigh(a, values, base, from, to, blocks, count, width);
        for (int q = 0; q < count; q++) {
            size_t own_to = smaller(top, pairs[q].end);
            if (shared)
                weigh(a, values, base, to, own_to, &blocks[q], 1, width);
            if (larger(base, pairs[q].first) >= own_to)
                continue;
            if (base <= pairs[q].first)
                start(&pairs[q], &blocks[q], a->head_size);
            else
                merge(&pairs[q], &blocks[q], a->head_size);
        }
    }
    for (int q = 0; q < count; q++)
        divide(&pairs[q], a->head_size);
}

INLINE void tile_of_any(
    const attention *a, const float *queries, size_t key_value_head, struct pair *pairs, int count, const int width)
{
    if (count == 4)
        tile_body(a, queries, key_value_head, pairs, 4, width);
    else if (count == 3)
        tile_body(a, queries, key_value_head, pairs, 3, width);
    else if (count == 2)
        tile_body(a, queries, key_value_head, pairs, 2, width);
    else
        tile_body(a, queries, key_value_head, pairs, 1, width);
}

AVX2 static void tile_avx2(
    const attention *a, const float *queries, size_t key_value_head, struct pair *pairs, int count)
{
    tile_of_any(a, queries, key_value_head, pairs, count, 1);
}

AVX512 static void tile_avx512(
    const attention *a, const float *queries, size_t key_value_head, struct pair *pairs, int count)
{
    tile_of_any(a, queries, key_value_head, pairs, count, 4);
}

#endif

static void tile(const attention *a, const float *queries, size_t key_value_head, struct pair *pairs, int count)
{
#if HAS_VECTOR_TARGETS
    if (a->instruction_set == LOCKSTEP_AVX512) {
        tile_avx512(a, queries, key_value_head, pairs, count);
        return;
    }
    if (a->instruction_set == LOCKSTEP_AVX2) {
        tile_avx2(a, queries, key_value_head, pairs, count);
        return;
    }
#endif
    for (int q = 0; q < count; q++)
        pair_portable(a, queries + q * LOCKSTEP_LONGEST_HEAD, key_value_head, &pairs[q]);
}

/// Heads [head, head + heads) of tokens [token, token + tokens), at most TILE pairs, all of one key-value head.
static void tile_of_heads(const attention *a, size_t token, size_t tokens, size_t head, size_t heads)
{
    float queries[TILE * LOCKSTEP_LONGEST_HEAD] __attribute__((aligned(64)));
    struct pair pairs[TILE];
    int count = 0;
    for (size_t t = token; t < token + tokens; t++)
        for (size_t h = head; h < head + heads; h++) {
            float *query = queries + count * LOCKSTEP_LONGEST_HEAD;
            memcpy(query, a->queries + t * a->query_stride + h * a->head_size, a->head_size * sizeof(float));
            memset(query + a->head_size, 0, (-a->head_size % 16) * sizeof(float));
            place(a, t, h, &pairs[count++]);
        }
    tile(a, queries, (size_t)a->key_value_heads[head], pairs, count);
}

/// Tiles are dealt in turn: those of late tokens have more keys.
void lockstep_attention_part(const void *work, int thread, int threads)
{
    const attention *a = work;
    size_t turn = 0;
    for (size_t head = 0; head < a->heads;) {
        size_t heads = 1;
        while (heads < TILE && head + heads < a->heads && a->key_value_heads[head + heads] == a->key_value_heads[head])
            heads++;
        size_t tokens = TILE / heads;
        for (size_t token = 0; token < a->tokens; token += tokens)
            if (turn++ % (size_t)threads == (size_t)thread)
                tile_of_heads(a, token, smaller(tokens, a->tokens - token), head, heads);
        head += heads;
    }
}
