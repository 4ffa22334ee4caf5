#include "rounded.h"

#if HAS_VECTOR_TARGETS
#include <immintrin.h>
#endif

// Products of bf16 weights with activations rounded to bf16: 32 columns at a time, a lane adds two of them. The
// processor's own rounding: the bits are not those of another kind of machine.

int lockstep_multiplies_bfloats(int dot)
{
#if HAS_VECTOR_TARGETS
    return dot == LOCKSTEP_DOT_AVX512 && lockstep_supports(LOCKSTEP_AVX512) && __builtin_cpu_supports("avx512bf16");
#else
    (void)dot;
    return 0;
#endif
}

#if HAS_VECTOR_TARGETS

enum {
    TILE_ROWS = 4,
    TILE_TOKENS = 6,
    // The input of the tokens that are taken at a time stays in the second cache.
    INPUT_BYTES = 512 << 10,
};

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

/// TILE_ROWS rows for up to TILE_TOKENS tokens; rows past the last are read as the last.
INLINE void bfloat_tile(
    const multiply *m, const product *p, const char *x, size_t row, size_t last, size_t token, const int tokens)
{
    const size_t ahead = TILE_ROWS * p->row_byte_stride, byte_count = p->columns * 2;
    const char *w[TILE_ROWS], *input = x + token * m->rounded_stride;
    UNROLL for (int r = 0; r < TILE_ROWS; r++)
        w[r] = (const char *)p->w + smaller(row + (size_t)r, last - 1) * p->row_byte_stride;
    __m512 sums[TILE_ROWS * TILE_TOKENS];
    UNROLL for (int i = 0; i < TILE_ROWS * tokens; i++) sums[i] = _mm512_setzero_ps();
    size_t offset = 0;
    for (; offset + 64 <= byte_count; offset += 64) {
        if (token == 0)
            UNROLL for (int r = 0; r < TILE_ROWS; r++) __builtin_prefetch(w[r] + offset + ahead);
        add_pairs(sums, w, input, m->rounded_stride, offset, 0xffffffff, tokens);
    }
    if (offset < byte_count)
        add_pairs(sums, w, input, m->rounded_stride, offset, (1u << (byte_count - offset) / 2) - 1, tokens);
    UNROLL for (int t = 0; t < tokens; t++)
    {
        float results[TILE_ROWS];
        const lanes *of_token = (const lanes *)&sums[t * TILE_ROWS];
        tree_of_four(results, of_token, of_token + 1, of_token + 2, of_token + 3);
        float *y = p->y + (token + (size_t)t) * p->y_stride + row;
        for (size_t r = 0; r < smaller(TILE_ROWS, last - row); r++)
            y[r] = p->bias ? results[r] + p->bias[row + r] : results[r];
    }
}

static void multiply_bfloats(const multiply *m, const product *p, const char *x, size_t first, size_t last)
{
    const size_t most = larger(TILE_TOKENS, INPUT_BYTES / m->rounded_stride);
    const size_t blocks = (m->tokens + most - 1) / most, step = (m->tokens + blocks - 1) / larger(blocks, 1);
    for (size_t start = 0; start < m->tokens; start += step)
        for (size_t row = first; row < last; row += TILE_ROWS)
            for (size_t t = start, end = smaller(start + step, m->tokens); t < end;) {
                const size_t tiles = (end - t + TILE_TOKENS - 1) / TILE_TOKENS, tokens = (end - t + tiles - 1) / tiles;
                switch (tokens) {
                case 1: bfloat_tile(m, p, x, row, last, t, 1); break;
                case 2: bfloat_tile(m, p, x, row, last, t, 2); break;
                case 3: bfloat_tile(m, p, x, row, last, t, 3); break;
                case 4: bfloat_tile(m, p, x, row, last, t, 4); break;
                case 5: bfloat_tile(m, p, x, row, last, t, 5); break;
                default: bfloat_tile(m, p, x, row, last, t, 6); break;
                }
                t += tokens;
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
        part_of(p->rows, 16, thread, threads, &first, &last);
        if (first < last)
            multiply_bfloats(m, p, rounded, first, last);
    }
#else
    (void)m, (void)rounded, (void)thread, (void)threads;
#endif
}
