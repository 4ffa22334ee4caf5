#include "neon.h"
#include "rounded.h"

// Products of bf16 weights with activations rounded to bf16, by Arm's instructions: eight columns at a time, a lane of
// a sum adds two at once. A sum does not depend on the rows and tokens that are computed beside it.

enum {
    TILE_ROWS = 4,
    TILE_TOKENS = 4,
    // A tile's input over so many columns stays in the first cache while rows pass.
    TILE_COLUMNS = 2048,
    // So many rows over as many columns stay in the second cache while tokens pass.
    BLOCK_ROWS = 64,
};

#pragma clang attribute push(__attribute__((target("bf16"))), apply_to = function)

/// Eight numbers, of which the first `inside` count.
INLINE void load_eight(bfloat16x8_t *to, const uint16_t *from, size_t inside)
{
    uint16_t words[8] = {0};
    memcpy(words, from, inside * sizeof *words);
    *to = vreinterpretq_bf16_u16(vld1q_u16(words));
}

/// Adds eight columns of TILE_ROWS x tokens products.
INLINE void add_eight(
    float32x4_t *sums, const uint16_t *const *w, const uint16_t *x, size_t x_stride, size_t column, size_t inside,
    const int tokens)
{
    bfloat16x8_t weights[TILE_ROWS], input;
    UNROLL for (int r = 0; r < TILE_ROWS; r++) load_eight(&weights[r], w[r] + column, inside);
    UNROLL for (int t = 0; t < tokens; t++)
    {
        load_eight(&input, x + (size_t)t * x_stride + column, inside);
        UNROLL for (int r = 0; r < TILE_ROWS; r++)
            sums[t * TILE_ROWS + r] = vbfdotq_f32(sums[t * TILE_ROWS + r], weights[r], input);
    }
}

/// Adds TILE_ROWS x tokens products over columns [first, last) to y; the first columns begin with the bias. Rows from
/// `end` on are read as the last.
INLINE void bfloat_tile(
    const multiply *m, const product *p, const char *rounded, size_t row, size_t end, size_t token, size_t first,
    size_t last, const int tokens)
{
    const uint16_t *w[TILE_ROWS], *x = (const uint16_t *)(rounded + token * m->rounded_stride);
    UNROLL for (int r = 0; r < TILE_ROWS; r++)
        w[r] = (const uint16_t *)((const char *)p->w + smaller(row + (size_t)r, end - 1) * p->row_byte_stride);
    // The first tokens find the rows in memory: meanwhile the same columns of the next rows are fetched.
    const size_t ahead = token == 0 ? TILE_ROWS * p->row_byte_stride / 2 : 0, x_stride = m->rounded_stride / 2;
    float32x4_t sums[TILE_ROWS * TILE_TOKENS];
    UNROLL for (int i = 0; i < TILE_ROWS * tokens; i++) sums[i] = vdupq_n_f32(0);
    size_t column = first;
    for (; column + 32 <= last; column += 32) {
        if (ahead)
            UNROLL for (int r = 0; r < TILE_ROWS; r++) __builtin_prefetch(w[r] + column + ahead);
        UNROLL for (size_t i = 0; i < 32; i += 8) add_eight(sums, w, x, x_stride, column + i, 8, tokens);
    }
    for (; column < last; column += 8)
        add_eight(sums, w, x, x_stride, column, smaller(8, last - column), tokens);
    UNROLL for (int t = 0; t < tokens; t++)
    {
        const float32x4_t *s = &sums[t * TILE_ROWS];
        const float32x4_t all = vpaddq_f32(vpaddq_f32(s[0], s[1]), vpaddq_f32(s[2], s[3]));
        float *y = p->y + (token + (size_t)t) * p->y_stride + row;
        const float *before = first ? y : p->bias ? p->bias + row : NULL;
        for (size_t r = 0; r < smaller(TILE_ROWS, end - row); r++)
            y[r] = all[r] + (before ? before[r] : 0);
    }
}

#define TILE_OF(tokens)                                                                                                \
    case tokens: bfloat_tile(m, p, x, row, end, token, column, last_column, tokens); break;

/// Rows [first, end) for up to TILE_TOKENS tokens.
INLINE void multiply_block(
    const multiply *m, const product *p, const char *x, size_t first, size_t end, size_t token, size_t tokens,
    size_t column, size_t last_column)
{
    for (size_t row = first; row < end; row += TILE_ROWS)
        switch (tokens) {
            TILE_OF(1)
            TILE_OF(2)
            TILE_OF(3)
            TILE_OF(4)
        }
}

#undef TILE_OF

static void multiply_bfloats(const multiply *m, const product *p, const char *x, size_t first, size_t last)
{
    for (size_t row = first; row < last; row += BLOCK_ROWS)
        for (size_t column = 0, last_column; column == 0 || column < p->columns; column = last_column) {
            last_column = larger(1, smaller(column + TILE_COLUMNS, p->columns));
            for (size_t t = 0; t < m->tokens; t += TILE_TOKENS)
                multiply_block(m, p, x, row, smaller(row + BLOCK_ROWS, last), t, smaller(TILE_TOKENS, m->tokens - t),
                    column, smaller(last_column, p->columns));
        }
}

#pragma clang attribute pop
