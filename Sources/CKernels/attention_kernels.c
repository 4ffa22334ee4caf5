#include "attention.h"
#include <math.h>

// The loops of attention over one block of keys: the reference, and the fast form for each instruction set. A lane is a
// position in scores and weights, and an element of the head in values.

/// Weights below exp(FAINTEST) are zero: others need one power of two only.
#define FAINTEST -86.0f

static void score_portable(
    const struct rows *keys, struct span groups, const float *queries, float *weights, int count)
{
    const size_t size = keys->head_size, chain = keys->encoding == LOCKSTEP_Q8 ? SCALED : size;
    for (size_t j = groups.from * POSITIONS; j < groups.to * POSITIONS; j++)
        for (size_t q = 0; q < (size_t)count; q++) {
            size_t group = j / POSITIONS, place = j % POSITIONS;
            const char *key = keys->elements + group * POSITIONS * size * cached_bytes(keys->encoding);
            float score = 0;
            for (size_t start = 0; start < size; start += chain) {
                float sum = 0;
                for (size_t k = start; k < smaller(start + chain, size); k++)
                    sum = __builtin_fmaf(
                        queries[k * (size_t)count + q], cached(key, k * POSITIONS + place, keys->encoding), sum);
                score = keys->encoding == LOCKSTEP_Q8
                            ? __builtin_fmaf(sum,
                                  float_of_half(keys->scales[(group * scales_of(size) + start / SCALED) * POSITIONS
                                                             + place]),
                                  score)
                            : sum;
            }
            weights[q * BLOCK + j] = score;
        }
}

static void soften_portable(float *weights, const struct span *seen, float *maxima, float *sums, int count)
{
    for (int q = 0; q < count; q++) {
        float *row = weights + q * BLOCK, lanes_of_sum[16] = {0};
        maxima[q] = -INFINITY;
        for (size_t j = seen[q].from; j < seen[q].to; j++)
            maxima[q] = row[j] > maxima[q] ? row[j] : maxima[q];
        for (size_t j = seen[q].from; j < seen[q].to; j++) {
            float below = row[j] - maxima[q];
            row[j] = below < FAINTEST ? 0 : exponential(below);
            lanes_of_sum[j % 16] += row[j];
        }
        sums[q] = tree(lanes_of_sum);
    }
}

static void weigh_portable(
    const struct rows *values, struct span keys, const float *weights, float *y, int count)
{
    const size_t size = values->head_size, stride = padded(size);
    for (size_t q = 0; q < (size_t)count; q++)
        for (size_t j = keys.from; j < keys.to; j++)
            for (size_t d = 0; d < size; d++) {
                float weight = weights[q * BLOCK + j], *sum = &y[q * stride + d];
                if (values->encoding == LOCKSTEP_Q8)
                    weight *= float_of_half(
                        values->scales[(j / POSITIONS * scales_of(size) + d / SCALED) * POSITIONS + j % POSITIONS]);
                *sum = __builtin_fmaf(weight, cached(values->elements, j * stride + d, values->encoding), *sum);
            }
}

INLINE void merge_body(float *y, const float *values, float old, float new, size_t size)
{
    for (size_t d = 0; d < size; d++)
        y[d] = __builtin_fmaf(y[d], old, values[d] * new);
}

static void merge_portable(float *y, const float *values, float old, float new, size_t size)
{
    merge_body(y, values, old, new, size);
}

static const struct attention_kernels kernels_portable = {
    TILE, score_portable, soften_portable, weigh_portable, merge_portable};

#if HAS_VECTOR_TARGETS

enum {
    MOST_SUMS = 24,
    // Groups of positions whose scores are computed at once: more would be read in as many places.
    MOST_GROUPS = 2
};

/// The chains of `at_once` groups of positions, over elements [start, end). While these lie in as many places, what is
/// fetched is so line by line.
INLINE void score_chains(
    lanes *sums, const struct rows *keys, size_t group, size_t start, size_t end, const float *queries,
    const int count, const int at_once, const int encoding)
{
    const size_t bytes = POSITIONS * cached_bytes(encoding), stride = keys->head_size * bytes;
    const size_t step = bytes * (size_t)at_once;
    const char *from = keys->elements + group * stride, *ahead = keys->ahead + group * stride;
    const int fetching = keys->fetching;
    UNROLL for (int i = 0; i < count * at_once; i++) fill(&sums[i], 0);
    for (size_t k = start; k < end; k++) {
        lanes key[MOST_GROUPS], query;
        UNROLL for (int g = 0; g < at_once; g++) load_cached(&key[g], from + (size_t)g * stride + k * bytes, encoding);
        if (k * step % 64 == 0)
            UNROLL for (size_t line = 0; line < step; line += 64) fetch_line(ahead + k * step + line, fetching);
        UNROLL for (int q = 0; q < count; q++)
        {
            fill(&query, queries[k * (size_t)count + (size_t)q]);
            UNROLL for (int g = 0; g < at_once; g++) accumulate(&sums[q * at_once + g], &query, &key[g]);
        }
    }
}

INLINE void score_groups(
    const struct rows *keys, size_t group, const float *queries, float *weights, const int count, const int at_once,
    const int encoding)
{
    const size_t size = keys->head_size, chain = encoding == LOCKSTEP_Q8 ? SCALED : size;
    for (size_t start = 0; start < size; start += chain) {
        lanes sums[MOST_SUMS], scale, score;
        score_chains(
            sums, keys, group, start, smaller(start + chain, size), queries, count, at_once, encoding);
        UNROLL for (int g = 0; g < at_once; g++)
            UNROLL for (int q = 0; q < count; q++)
            {
                float *place = weights + (size_t)q * BLOCK + (group + (size_t)g) * POSITIONS;
                if (encoding == LOCKSTEP_Q8) {
                    load_widened(&scale,
                        keys->scales + ((group + (size_t)g) * scales_of(size) + start / SCALED) * POSITIONS,
                        LOCKSTEP_F16);
                    fill(&score, 0);
                    if (start)
                        load(&score, place);
                    accumulate(&score, &sums[q * at_once + g], &scale);
                    store(place, &score);
                } else {
                    store(place, &sums[q * at_once + g]);
                }
            }
    }
}

INLINE void score_body(
    const struct rows *keys, struct span groups, const float *queries, float *weights, const int count,
    const int registers, const int encoding)
{
    const int at_once = registers / count < MOST_GROUPS ? 1 : MOST_GROUPS;
    size_t g = groups.from;
    for (; g + (size_t)at_once <= groups.to; g += (size_t)at_once)
        score_groups(keys, g, queries, weights, count, at_once, encoding);
    for (; g < groups.to; g++)
        score_groups(keys, g, queries, weights, count, 1, encoding);
}

INLINE void take_greater(lanes *best, const lanes *x)
{
    lane_bits more = (lane_bits)(*x > *best);
    choose(best, &more, x, best);
}

INLINE float maximum_of_lanes(const lanes *x)
{
    lanes best = *x, other = __builtin_shufflevector(best, best, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
    take_greater(&best, &other);
    other = __builtin_shufflevector(best, best, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11);
    take_greater(&best, &other);
    other = __builtin_shufflevector(best, best, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
    take_greater(&best, &other);
    return best[1] > best[0] ? best[1] : best[0];
}

/// The greatest score of the keys seen; the other scores of their groups become -infinity.
INLINE float greatest_score(float *scores, struct span seen)
{
    const lane_bits index = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    size_t first = seen.from / POSITIONS * POSITIONS, last = (seen.to - 1) / POSITIONS * POSITIONS;
    lanes best, nothing, score;
    fill(&best, -INFINITY);
    fill(&nothing, -INFINITY);
    for (size_t j = first;; j = last) {
        lane_bits place = index + (uint32_t)j;
        lane_bits inside = (lane_bits)((place >= (uint32_t)seen.from) & (place < (uint32_t)seen.to));
        load(&score, scores + j);
        choose(&score, &inside, &score, &nothing);
        store(scores + j, &score);
        take_greater(&best, &score);
        if (j == last)
            break;
    }
    for (size_t j = first + POSITIONS; j < last; j += POSITIONS) {
        load(&score, scores + j);
        take_greater(&best, &score);
    }
    return maximum_of_lanes(&best);
}

/// Each lane as `exponential(x - greatest)`, or zero where that is fainter than the faintest.
INLINE void weights_of_scores(lanes *x, const lanes *greatest)
{
    const float coefficients[] = {8.37312452e-3f, 4.16695364e-2f, 1.66664720e-1f, 4.99999851e-1f, 1.0f, 1.0f};
    lanes faintest, scale, shift, part, p;
    fill(&faintest, FAINTEST);
    fill(&scale, 0x1.715476p+0f);
    fill(&shift, 0x1.8p23f);
    lanes below = *x - *greatest;
    lane_bits gone = (lane_bits)(below < faintest);
    lanes shifted = __builtin_elementwise_fma(below, scale, shift), n = shifted - shift;
    fill(&part, -0x1.62e4p-1f);
    lanes r = __builtin_elementwise_fma(n, part, below);
    fill(&part, -0x1.7f7d1cp-20f);
    r = __builtin_elementwise_fma(n, part, r);
    fill(&p, 1.37805939e-3f);
    UNROLL for (int i = 0; i < 6; i++)
    {
        fill(&part, coefficients[i]);
        p = __builtin_elementwise_fma(p, r, part);
    }
    *x = (lanes)(((lane_bits)p + ((lane_bits)shifted << 23)) & ~gone);
}

INLINE void soften_body(float *weights, const struct span *seen, float *maxima, float *sums, int count)
{
    for (int q = 0; q < count; q++)
        maxima[q] = seen[q].from < seen[q].to ? greatest_score(weights + q * BLOCK, seen[q]) : -INFINITY;
    for (int q = 0; q < count; q++) {
        float *row = weights + q * BLOCK;
        lanes greatest, sum, score;
        fill(&greatest, maxima[q]);
        fill(&sum, 0);
        for (size_t j = seen[q].from / POSITIONS * POSITIONS; j < seen[q].to; j += POSITIONS) {
            load(&score, row + j);
            weights_of_scores(&score, &greatest);
            sum += score;
            store(row + j, &score);
        }
        sums[q] = tree_of_lanes(&sum);
    }
}

/// `width` x 16 elements from the byte `offset` of each value on.
INLINE void weigh_columns(
    const struct rows *values, size_t offset, struct span keys, const float *weights, float *y, const int count,
    const int width, const int encoding)
{
    const size_t bytes = 16 * cached_bytes(encoding), elements = padded(values->head_size);
    const size_t stride = elements * cached_bytes(encoding);
    const char *from = values->elements + offset, *ahead = values->ahead + offset;
    const int fetching = values->fetching;
    lanes sums[MOST_SUMS];
    UNROLL for (int q = 0; q < count; q++)
        UNROLL for (int i = 0; i < width; i++) load(&sums[q * width + i], y + (size_t)q * elements + 16 * i);
    for (size_t j = keys.from; j < keys.to; j++) {
        lanes row[4], weight;
        UNROLL for (int i = 0; i < width; i++)
        {
            load_cached(&row[i], from + j * stride + (size_t)i * bytes, encoding);
            if ((size_t)i * bytes % 64 == 0)
                fetch_line(ahead + j * stride + (size_t)i * bytes, fetching);
        }
        UNROLL for (int q = 0; q < count; q++)
        {
            fill(&weight, weights[(size_t)q * BLOCK + j]);
            UNROLL for (int i = 0; i < width; i++) accumulate(&sums[q * width + i], &weight, &row[i]);
        }
    }
    UNROLL for (int q = 0; q < count; q++)
        UNROLL for (int i = 0; i < width; i++) store(y + (size_t)q * elements + 16 * i, &sums[q * width + i]);
}

/// Weights times the scales of the values' elements from d on.
INLINE void scale_weights(
    const struct rows *values, size_t d, struct span keys, const float *weights, float *scaled, const int count)
{
    for (size_t j = keys.from / POSITIONS * POSITIONS; j < keys.to; j += POSITIONS) {
        lanes scale, weight;
        load_widened(&scale,
            values->scales + (j / POSITIONS * scales_of(values->head_size) + d / SCALED) * POSITIONS, LOCKSTEP_F16);
        UNROLL for (int q = 0; q < count; q++)
        {
            load(&weight, weights + q * BLOCK + j);
            weight *= scale;
            store(scaled + q * BLOCK + j, &weight);
        }
    }
}

INLINE void weigh_body(
    const struct rows *values, struct span keys, const float *weights, float *y, const int count, const int registers,
    const int encoding)
{
    // A column of q8 values has one scale for each key.
    const size_t widest = encoding == LOCKSTEP_Q8 ? 2 : 4;
    const size_t fitting = smaller((size_t)(registers / count > 1 ? registers / count : 1), widest);
    float scaled[TILE * BLOCK] __attribute__((aligned(64)));
    for (size_t d = 0; d < values->head_size;) {
        size_t offset = d * cached_bytes(encoding), width = smaller(fitting, (values->head_size - d + 15) / 16);
        const float *used = encoding == LOCKSTEP_Q8 ? scaled : weights;
        if (encoding == LOCKSTEP_Q8 && d % SCALED == 0)
            scale_weights(values, d, keys, weights, scaled, count);
        if (width >= 4)
            weigh_columns(values, offset, keys, used, y + d, count, 4, encoding);
        else if (width >= 2)
            weigh_columns(values, offset, keys, used, y + d, count, 2, encoding);
        else
            weigh_columns(values, offset, keys, used, y + d, count, 1, encoding);
        d += 16 * (width >= 4 ? 4 : width >= 2 ? 2 : 1);
    }
}

// One loop for each number of queries and each encoding.
#define FOR_COUNT(n, encoding, statement)                                                                              \
    case n: {                                                                                                          \
        enum { number = n, stored = encoding };                                                                        \
        statement;                                                                                                     \
        break;                                                                                                         \
    }
#define FOR_COUNTS(count, encoding, statement)                                                                         \
    switch (count) {                                                                                                   \
        FOR_COUNT(1, encoding, statement)                                                                              \
        FOR_COUNT(2, encoding, statement)                                                                              \
        FOR_COUNT(3, encoding, statement)                                                                              \
        FOR_COUNT(4, encoding, statement)                                                                              \
        FOR_COUNT(5, encoding, statement)                                                                              \
        FOR_COUNT(6, encoding, statement)                                                                              \
        FOR_COUNT(7, encoding, statement)                                                                              \
        FOR_COUNT(8, encoding, statement)                                                                              \
    }
#define FOR_EVERY_FORM(count, encoding, statement)                                                                     \
    do {                                                                                                               \
        if (encoding == LOCKSTEP_F32)                                                                                  \
            FOR_COUNTS(count, LOCKSTEP_F32, statement)                                                                 \
        else if (encoding == LOCKSTEP_BF16)                                                                            \
            FOR_COUNTS(count, LOCKSTEP_BF16, statement)                                                                \
        else if (encoding == LOCKSTEP_F16)                                                                             \
            FOR_COUNTS(count, LOCKSTEP_F16, statement)                                                                 \
        else                                                                                                           \
            FOR_COUNTS(count, LOCKSTEP_Q8, statement)                                                                  \
    } while (0)

#define KERNELS(set, target, most, registers)                                                                          \
    target static void score_##set(                                                                                    \
        const struct rows *keys, struct span groups, const float *queries, float *weights, int count)                  \
    {                                                                                                                  \
        FOR_EVERY_FORM(                                                                                                \
            count, keys->encoding, score_body(keys, groups, queries, weights, number, registers, stored));             \
    }                                                                                                                  \
    target static void soften_##set(                                                                                   \
        float *weights, const struct span *seen, float *maxima, float *sums, int count)                                \
    {                                                                                                                  \
        soften_body(weights, seen, maxima, sums, count);                                                               \
    }                                                                                                                  \
    target static void weigh_##set(                                                                                    \
        const struct rows *values, struct span keys, const float *weights, float *y, int count)                        \
    {                                                                                                                  \
        FOR_EVERY_FORM(                                                                                                \
            count, values->encoding, weigh_body(values, keys, weights, y, number, registers, stored));                 \
    }                                                                                                                  \
    target static void merge_##set(float *y, const float *values, float old, float new, size_t size)                   \
    {                                                                                                                  \
        merge_body(y, values, old, new, size);                                                                         \
    }                                                                                                                  \
    static const struct attention_kernels kernels_##set = {                                                            \
        most, score_##set, soften_##set, weigh_##set, merge_##set};

// So many queries are taken at once, and so many sums stay in registers.
#if HAS_AVX
KERNELS(avx2, AVX2, 6, 6)
KERNELS(avx512, AVX512, TILE, MOST_SUMS)
#else
KERNELS(neon, NEON, 6, 4)
#endif

#endif

const struct attention_kernels *attention_kernels(int instruction_set)
{
#if HAS_AVX
    if (instruction_set == LOCKSTEP_AVX512)
        return &kernels_avx512;
    if (instruction_set == LOCKSTEP_AVX2)
        return &kernels_avx2;
#elif HAS_NEON
    if (instruction_set == LOCKSTEP_NEON)
        return &kernels_neon;
#endif
    (void)instruction_set;
    return &kernels_portable;
}
