#include "products.h"

// Products of one token with plain rows, by AVX2 also on processors with AVX-512: memory sets the speed, not the length
// of vectors. Rows that lie far apart are summed at once.

#if HAS_AVX
#include <immintrin.h>

/// Sixteen columns of the input, as the weights of an encoding are taken apart.
AVX2 INLINE void load_input(half_lanes *to, const float *x, const int encoding)
{
    if (encoding != LOCKSTEP_BF16) {
        to[0] = _mm256_loadu_ps(x);
        to[1] = _mm256_loadu_ps(x + 8);
        return;
    }
    __m256 low = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(x)), _mm_loadu_ps(x + 8), 1);
    __m256 high = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(x + 4)), _mm_loadu_ps(x + 12), 1);
    to[0] = _mm256_shuffle_ps(low, high, 0x88);
    to[1] = _mm256_shuffle_ps(low, high, 0xdd);
}

/// Sixteen weights; of bf16 the even columns, then the odd ones, which are widened in place.
AVX2 INLINE void load_weights(half_lanes *to, const char *w, const int encoding)
{
    if (encoding == LOCKSTEP_BF16) {
        const __m256i pairs = _mm256_loadu_si256((const __m256i *)w);
        to[0] = _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16));
        to[1] = _mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32((int)0xffff0000)));
        return;
    }
    UNROLL for (int i = 0; i < 2; i++)
    {
        if (encoding == LOCKSTEP_F32)
            to[i] = _mm256_loadu_ps((const float *)w + 8 * i);
        else
            to[i] = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)w + i));
    }
}

/// Adds sixteen columns of some rows' products, `offset` bytes from the rows' starts.
AVX2 INLINE void add_sixteen(
    half_lanes (*sums)[2], const float *x, const char *const *w, size_t offset, const int rows, const int encoding)
{
    half_lanes input[2], weights[2];
    load_input(input, x, encoding);
    UNROLL for (int r = 0; r < rows; r++)
    {
        load_weights(weights, w[r] + offset, encoding);
        UNROLL for (int i = 0; i < 2; i++) sums[r][i] = __builtin_elementwise_fma(input[i], weights[i], sums[r][i]);
    }
}

/// The same for a row's last columns, fewer than sixteen.
AVX2 INLINE void add_rest(
    half_lanes (*sums)[2], const float *x, const char *const *w, size_t offset, size_t columns, const int rows,
    const int encoding)
{
    float input[16] = {0}, weights[STREAMS][16] = {{0}};
    const char *padded[STREAMS];
    memcpy(input, x, columns * sizeof(float));
    for (int r = 0; r < rows; r++) {
        memcpy(weights[r], w[r] + offset, columns * bytes_per_element(encoding));
        padded[r] = (const char *)weights[r];
    }
    add_sixteen(sums, input, padded, 0, rows, encoding);
}

/// The lanes of a row's sum in their order.
AVX2 INLINE void put_in_order(lanes *to, const half_lanes *sums, const int encoding)
{
    *to = encoding == LOCKSTEP_BF16
              ? __builtin_shufflevector(sums[0], sums[1], 0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15)
              : __builtin_shufflevector(sums[0], sums[1], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

/// Rows `row`, `row + distance` and so on.
AVX2 INLINE void multiply_rows(
    const multiply *m, const product *p, size_t row, size_t distance, const int rows, const int fetching,
    const int encoding)
{
    const size_t element = bytes_per_element(encoding);
    const char *w[STREAMS];
    half_lanes sums[STREAMS][2];
    UNROLL for (int r = 0; r < rows; r++)
    {
        w[r] = (const char *)p->w + (row + (size_t)r * distance) * p->row_byte_stride;
        sums[r][0] = sums[r][1] = (half_lanes){0};
    }
    const size_t line = 64 / element;
    size_t k = 0;
    for (; k + line <= p->columns; k += line) {
        UNROLL for (size_t i = 0; i < line; i += 16)
            add_sixteen(sums, m->x + k + i, w, (k + i) * element, rows, encoding);
        UNROLL for (int r = 0; r < rows; r++) fetch_row(w[r] + k * element, fetching);
    }
    for (; k + 16 <= p->columns; k += 16)
        add_sixteen(sums, m->x + k, w, k * element, rows, encoding);
    if (k < p->columns)
        add_rest(sums, m->x + k, w, k * element, p->columns - k, rows, encoding);
    lanes ordered[STREAMS];
    float results[STREAMS];
    UNROLL for (int r = 0; r < STREAMS; r++) put_in_order(&ordered[r], sums[r < rows ? r : 0], encoding);
    tree_of_four(results, &ordered[0], &ordered[1], &ordered[2], &ordered[3]);
    for (int r = 0; r < rows; r++) {
        const size_t place = row + (size_t)r * distance;
        p->y[place] = p->bias ? results[r] + p->bias[place] : results[r];
    }
}

/// Rows [first, last): runs of rows side by side are the streams.
AVX2 INLINE void multiply_runs(
    const multiply *m, const product *p, size_t first, size_t last, const int fetching, const int encoding)
{
    const size_t streams = row_streams(fetching);
    while (last - first >= streams) {
        const size_t distance = stream_distance(last - first, streams, p->row_byte_stride);
        for (size_t row = first; row < first + distance; row++)
            multiply_rows(m, p, row, distance, (int)streams, fetching, encoding);
        first += streams * distance;
    }
    for (; first < last; first++)
        multiply_rows(m, p, first, 0, 1, fetching, encoding);
}

/// Rows [first, last), fetched as the processor likes.
AVX2 INLINE void multiply_encoded(const multiply *m, const product *p, size_t first, size_t last, const int encoding)
{
    BY_FETCHING(m->fetching, multiply_runs(m, p, first, last, way, encoding));
}

AVX2 void multiply_streams(const multiply *m, const product *p, size_t first, size_t last)
{
    if (p->encoding == LOCKSTEP_F32)
        multiply_encoded(m, p, first, last, LOCKSTEP_F32);
    else if (p->encoding == LOCKSTEP_BF16)
        multiply_encoded(m, p, first, last, LOCKSTEP_BF16);
    else
        multiply_encoded(m, p, first, last, LOCKSTEP_F16);
}

#endif
