#include "rounded.h"

#if HAS_AVX
#include <immintrin.h>
#elif HAS_NEON
#include "rounded_bfloats_neon.h"
#endif

// Products of bf16 weights with activations rounded to bf16. Of few tokens 32 columns at a time, a lane adds two of
// them; of more, sixteen tokens at a time, each a lane. The processor's own rounding: the bits are not those of another
// kind of machine.

int lockstep_multiplies_bfloats(int dot)
{
#if HAS_AVX
    return dot == LOCKSTEP_DOT_AVX512 && lockstep_supports(LOCKSTEP_AVX512) && __builtin_cpu_supports("avx512bf16");
#elif HAS_NEON
    return dot == LOCKSTEP_DOT_NEON && has_bfloat_dot_products();
#else
    (void)dot;
    return 0;
#endif
}

#if HAS_AVX

enum {
    TILE_ROWS = 4,
    TILE_TOKENS = 6,
    // A tile's input over so many bytes of its rows stays in the first cache while rows pass.
    TILE_BYTES = 4096,
    // So many rows over as many bytes stay in the second cache while tokens pass; whole rows do while laned ones pass,
    // of up to 2048 columns, or come from the third.
    BLOCK_ROWS = 96,
};

/// Rows and the columns of them that are multiplied at a time; both in bytes from the matrix's start.
typedef struct {
    size_t first_row, last_row;
    size_t first_byte, last_byte; // in a row
} bfloat_block;

#pragma clang attribute push(                                                                                          \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma,f16c"))), apply_to = function)

INLINE void load_pairs(__m512bh *to, const void *from) { *to = (__m512bh)_mm512_loadu_si512(from); }

/// Adds 32 columns of TILE_ROWS x tokens products; `inside` has a bit for each column that counts.
INLINE void add_pairs(
    __m512 *sums, const char *const *w, const char *x, size_t x_stride, size_t offset, __mmask32 inside,
    const int tokens)
{
    __m512bh weights[TILE_ROWS];
    UNROLL for (int r = 0; r < TILE_ROWS; r++)
    {
        load_pairs(&weights[r], w[r] + offset);
        if (inside != 0xffffffff)
            weights[r] = (__m512bh)_mm512_maskz_mov_epi16(inside, (__m512i)weights[r]);
    }
    UNROLL for (int t = 0; t < tokens; t++)
    {
        __m512bh input;
        load_pairs(&input, x + (size_t)t * x_stride + offset);
        UNROLL for (int r = 0; r < TILE_ROWS; r++)
            sums[t * TILE_ROWS + r] = _mm512_dpbf16_ps(sums[t * TILE_ROWS + r], weights[r], input);
    }
}

#include "rounded_bfloats_lanes.h"

/// The sums of four vectors of one token and of four of another one, in the order of `tree`, but for its last step:
/// part r has two terms of row r's sum for the first token, then two for the second.
INLINE void add_halves(__m512 *to, const __m512 *first, const __m512 *second)
{
    const __m512 *of[2] = {first, second};
    __m512 quarters[2];
    UNROLL for (int i = 0; i < 2; i++)
    {
        __m512 halves[2];
        UNROLL for (int j = 0; j < 2; j++)
        {
            const __m512 a = of[i][2 * j], b = of[i][2 * j + 1];
            halves[j] = _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
        }
        quarters[i] = _mm512_add_ps(
            _mm512_shuffle_f32x4(halves[0], halves[1], 0x88), _mm512_shuffle_f32x4(halves[0], halves[1], 0xdd));
    }
    *to = _mm512_add_ps(
        _mm512_shuffle_ps(quarters[0], quarters[1], 0x44), _mm512_shuffle_ps(quarters[0], quarters[1], 0xee));
}

/// Up to four tokens' sums of TILE_ROWS vectors each: part t has those of token t, row by row.
INLINE void tree_of_tokens(__m512 *to, const __m512 *sums, const int tokens)
{
    __m512 pairs[2];
    UNROLL for (int i = 0; i < 2; i++)
    {
        const int last = tokens - 1, first = 2 * i < last ? 2 * i : last, second = 2 * i < last ? 2 * i + 1 : last;
        add_halves(&pairs[i], sums + first * TILE_ROWS, sums + second * TILE_ROWS);
    }
    const __m512 rows = _mm512_add_ps(
        _mm512_shuffle_ps(pairs[0], pairs[1], 0x88), _mm512_shuffle_ps(pairs[0], pairs[1], 0xdd));
    // Four parts of four turn around.
    const __m512i places = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    *to = _mm512_permutexvar_ps(places, rows);
}

/// Adds the sums of up to TILE_ROWS rows to y, or begins it with the bias.
INLINE void add_to_output(float *y, const product *p, const bfloat_block *b, size_t row, __m128 sums)
{
    const __mmask8 inside = (__mmask8)((1u << smaller(TILE_ROWS, b->last_row - row)) - 1);
    const float *before = b->first_byte ? y : p->bias ? p->bias + row : NULL;
    const __m128 begun = before ? _mm_maskz_loadu_ps(inside, before) : _mm_setzero_ps();
    _mm_mask_storeu_ps(y, inside, _mm_add_ps(begun, sums));
}

/// Adds TILE_ROWS x tokens products over a block's columns to y; the first columns begin with the bias. Rows past the
/// block's last are read as the last.
INLINE void bfloat_tile(
    const multiply *m, const product *p, const char *x, const bfloat_block *b, size_t row, size_t token,
    const int tokens)
{
    const char *w[TILE_ROWS], *input = x + token * m->rounded_stride;
    UNROLL for (int r = 0; r < TILE_ROWS; r++)
        w[r] = (const char *)p->w + smaller(row + (size_t)r, b->last_row - 1) * p->row_byte_stride;
    // The first tokens find the rows in memory: meanwhile the same columns of the next rows are fetched.
    const size_t ahead = token == 0 ? TILE_ROWS * p->row_byte_stride : 0;
    __m512 sums[TILE_ROWS * TILE_TOKENS];
    UNROLL for (int i = 0; i < TILE_ROWS * tokens; i++) sums[i] = _mm512_setzero_ps();
    size_t offset = b->first_byte;
    for (; offset + 64 <= b->last_byte; offset += 64) {
        if (ahead)
            UNROLL for (int r = 0; r < TILE_ROWS; r++) __builtin_prefetch(w[r] + offset + ahead);
        add_pairs(sums, w, input, m->rounded_stride, offset, 0xffffffff, tokens);
    }
    if (offset < b->last_byte)
        add_pairs(sums, w, input, m->rounded_stride, offset, (1u << (b->last_byte - offset) / 2) - 1, tokens);
    UNROLL for (int t = 0; t < tokens; t += 4)
    {
        const int count = tokens - t < 4 ? tokens - t : 4;
        __m128 results[4] __attribute__((aligned(64)));
        tree_of_tokens((__m512 *)results, sums + t * TILE_ROWS, count);
        UNROLL for (int i = 0; i < count; i++)
            add_to_output(p->y + (token + (size_t)(t + i)) * p->y_stride + row, p, b, row, results[i]);
    }
}

/// The lanes of some rows' sums over [first, last) bytes of them.
INLINE void bfloat_rows(
    lanes *to, const char *const *w, const char *x, size_t first, size_t last, const int rows, const int fetching)
{
    __m512 sums[STREAMS];
    UNROLL for (int r = 0; r < rows; r++) sums[r] = _mm512_setzero_ps();
    size_t offset = first;
    for (; offset + 64 <= last; offset += 64) {
        __m512bh weights, input;
        load_pairs(&input, x + offset);
        UNROLL for (int r = 0; r < rows; r++)
        {
            fetch_row(w[r] + offset, fetching);
            load_pairs(&weights, w[r] + offset);
            sums[r] = _mm512_dpbf16_ps(sums[r], weights, input);
        }
    }
    if (offset < last) {
        __m512bh input;
        load_pairs(&input, x + offset);
        UNROLL for (int r = 0; r < rows; r++)
        {
            __m512bh weights = (__m512bh)_mm512_maskz_loadu_epi16((1u << (last - offset) / 2) - 1, w[r] + offset);
            sums[r] = _mm512_dpbf16_ps(sums[r], weights, input);
        }
    }
    UNROLL for (int r = 0; r < rows; r++) to[r] = (lanes)sums[r];
}

/// Rows `row`, `row + distance` and so on for one token.
INLINE void multiply_rows(
    const product *p, const char *x, size_t row, size_t distance, const int rows, const int fetching)
{
    const size_t byte_count = p->columns * 2;
    const char *w[STREAMS];
    float y[STREAMS];
    UNROLL for (int r = 0; r < rows; r++)
    {
        w[r] = (const char *)p->w + (row + (size_t)r * distance) * p->row_byte_stride;
        y[r] = p->bias ? p->bias[row + (size_t)r * distance] : 0;
    }
    for (size_t byte = 0; byte < byte_count; byte += TILE_BYTES) {
        lanes sums[STREAMS];
        bfloat_rows(sums, w, x, byte, smaller(byte + TILE_BYTES, byte_count), rows, fetching);
        UNROLL for (int r = 0; r < rows; r++) y[r] += tree_of_lanes(&sums[r]);
    }
    UNROLL for (int r = 0; r < rows; r++) p->y[row + (size_t)r * distance] = y[r];
}

/// One token, with the bits of a token among few: runs of rows side by side are the streams.
INLINE void multiply_one(const product *p, const char *x, size_t first, size_t last, const int fetching)
{
    const size_t streams = row_streams(fetching);
    while (last - first >= streams) {
        const size_t distance = stream_distance(last - first, streams, p->row_byte_stride);
        for (size_t row = first; row < first + distance; row++)
            multiply_rows(p, x, row, distance, (int)streams, fetching);
        first += streams * distance;
    }
    for (; first < last; first++)
        multiply_rows(p, x, first, 0, 1, fetching);
}

#define TILE_OF(tokens)                                                                                                \
    case tokens: bfloat_tile(m, p, x, b, row, token, tokens); break;

/// A block's products with up to TILE_TOKENS tokens.
INLINE void multiply_block(
    const multiply *m, const product *p, const char *x, const bfloat_block *b, size_t token, size_t tokens)
{
    for (size_t row = b->first_row; row < b->last_row; row += TILE_ROWS)
        switch (tokens) {
            TILE_OF(1)
            TILE_OF(2)
            TILE_OF(3)
            TILE_OF(4)
            TILE_OF(5)
            TILE_OF(6)
        }
}

static void multiply_bfloats(const multiply *m, const product *p, const char *x, size_t first, size_t last)
{
    if (m->tokens == 1) {
        BY_FETCHING(m->fetching, multiply_one(p, x, first, last, way));
        return;
    }
    const size_t byte_count = p->columns * 2, laned = lockstep_laned_tokens(m);
    for (size_t row = first; row < last; row += BLOCK_ROWS) {
        bfloat_block b = {.first_row = row, .last_row = smaller(row + BLOCK_ROWS, last)};
        multiply_laned_block(m, p, x, laned, b.first_row, b.last_row);
        if (laned == m->tokens)
            continue;
        do {
            b.last_byte = smaller(b.first_byte + TILE_BYTES, byte_count);
            for (size_t t = laned; t < m->tokens;) {
                const size_t left = m->tokens - t, tiles = (left + TILE_TOKENS - 1) / TILE_TOKENS;
                const size_t tokens = (left + tiles - 1) / tiles;
                multiply_block(m, p, x, &b, t, tokens);
                t += tokens;
            }
            b.first_byte = b.last_byte;
        } while (b.last_byte < byte_count);
    }
}

#pragma clang attribute pop

#endif

void lockstep_multiply_bfloats(const multiply *m, const char *rounded, int thread, int threads)
{
#if HAS_VECTOR_TARGETS
    for (struct runs r = {.m = m, .rows = 1, .block = 8, .thread = thread, .threads = threads}; next_run(&r);)
        multiply_bfloats(m, &m->products[r.product], rounded, r.first, r.last);
#else
    (void)m, (void)rounded, (void)thread, (void)threads;
#endif
}
