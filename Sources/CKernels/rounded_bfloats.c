#include "rounded.h"

#if HAS_AVX
#include <immintrin.h>
#elif HAS_NEON
#include "rounded_bfloats_neon.h"
#endif

// Products of bf16 weights with activations rounded to bf16: 32 columns at a time, a lane adds two of them. The
// processor's own rounding: the bits are not those of another kind of machine.

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
    // So many rows over as many bytes stay in the second cache while tokens pass.
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
    const size_t rows = smaller(TILE_ROWS, b->last_row - row);
    UNROLL for (int t = 0; t < tokens; t++)
    {
        const lanes *of_token = (const lanes *)&sums[t * TILE_ROWS];
        float results[TILE_ROWS], *y = p->y + (token + (size_t)t) * p->y_stride + row;
        tree_of_four(results, of_token, of_token + 1, of_token + 2, of_token + 3);
        const float *before = b->first_byte ? y : p->bias ? p->bias + row : NULL;
        if (rows == TILE_ROWS)
            UNROLL for (int r = 0; r < TILE_ROWS; r++) y[r] = results[r] + (before ? before[r] : 0);
        else
            for (size_t r = 0; r < rows; r++)
                y[r] = results[r] + (before ? before[r] : 0);
    }
}

/// The lanes of some rows' sums over [first, last) bytes of them.
INLINE void bfloat_rows(
    lanes *to, const char *const *w, const char *x, size_t first, size_t last, const int rows, const size_t ahead)
{
    __m512 sums[STREAMS];
    UNROLL for (int r = 0; r < rows; r++) sums[r] = _mm512_setzero_ps();
    size_t offset = first;
    for (; offset + 64 <= last; offset += 64) {
        __m512bh weights, input;
        load_pairs(&input, x + offset);
        UNROLL for (int r = 0; r < rows; r++)
        {
            __builtin_prefetch(w[r] + offset + ahead, 0, 0);
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
    const product *p, const char *x, size_t row, size_t distance, const int rows, const size_t ahead)
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
        bfloat_rows(sums, w, x, byte, smaller(byte + TILE_BYTES, byte_count), rows, ahead);
        UNROLL for (int r = 0; r < rows; r++) y[r] += tree_of_lanes(&sums[r]);
    }
    UNROLL for (int r = 0; r < rows; r++) p->y[row + (size_t)r * distance] = y[r];
}

/// One token, with the bits of a token among many: runs of rows side by side are the streams.
INLINE void multiply_one(
    const product *p, const char *x, size_t first, size_t last, const int streams, const size_t ahead)
{
    while (last - first >= (size_t)streams) {
        const size_t distance = stream_distance(last - first, (size_t)streams, p->row_byte_stride);
        for (size_t row = first; row < first + distance; row++)
            multiply_rows(p, x, row, distance, streams, ahead);
        first += (size_t)streams * distance;
    }
    for (; first < last; first++)
        multiply_rows(p, x, first, 0, 1, ahead);
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
        if (m->fetching == LOCKSTEP_FETCH_FAR)
            multiply_one(p, x, first, last, FAR_ROWS, FAR_ROWS_AHEAD);
        else
            multiply_one(p, x, first, last, STREAMS, NEAR_AHEAD);
        return;
    }
    const size_t byte_count = p->columns * 2;
    for (size_t row = first; row < last; row += BLOCK_ROWS) {
        bfloat_block b = {.first_row = row, .last_row = smaller(row + BLOCK_ROWS, last)};
        do {
            b.last_byte = smaller(b.first_byte + TILE_BYTES, byte_count);
            for (size_t t = 0; t < m->tokens;) {
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
    for (int i = 0; i < m->count; i++) {
        const product *p = &m->products[i];
        size_t first, last;
        part_of(p->rows, 8, thread, threads, &first, &last);
        if (first < last)
            multiply_bfloats(m, p, rounded, first, last);
    }
#else
    (void)m, (void)rounded, (void)thread, (void)threads;
#endif
}
