#pragma once
#include "grouped.h"

// What products with rounded activations share.

typedef struct lockstep_product product;
typedef struct lockstep_multiply multiply;

/// 32 columns of one token's input, rounded to scale * value, with what a panel's block needs besides: one cache line.
/// Arrays of three hold something of the first 16 columns, of the last 16, and of all.
typedef struct {
    int8_t values[32];
    float scale;
    int32_t zeros[3];    // -128 * the sum of the values
    float scaled_sums[3]; // scale * the sum of the values
    float padding;
} rounded_block;

_Static_assert(sizeof(rounded_block) == 64, "A rounded block is a line of memory.");

/// Where a thread finds the rounded input.
INLINE char *rounded_for(const multiply *m, int thread)
{
    return (char *)m->rounded + (size_t)thread * m->rounded_thread_stride;
}

/// What a thread computes of one token's products, or of many, run by run.
struct runs {
    const multiply *m;
    size_t rows, block; // rows of a unit, rows or panels, and units that parts of a product are cut at
    int thread, threads;
    int product;
    size_t first, last; // units of the product
    // Whose rows are taken, counted from the thread itself, and what of them where nobody else takes any.
    int turn;
    uint32_t own[3];
};

/// Goes on to the next run of a thread; 0 behind the last.
int next_run(struct runs *runs) __attribute__((visibility("hidden")));

/// One thread's part of the products.
void lockstep_multiply_integers(const multiply *m, const char *rounded, int thread, int threads);
void lockstep_multiply_bfloats(const multiply *m, const char *rounded, int thread, int threads);

enum {
    // Tokens of bf16 products whose lanes are their own come in tiles of so many: two tiles at least, but by AMX.
    LANED_TILE = 16,
    FEWEST_LANED = 2 * LANED_TILE,
};

/// How many of the first tokens of products with bf16 weights have lanes of their own: a multiple of FEWEST_LANED, or
/// by AMX all, the last of them in a tile of fewer.
size_t lockstep_laned_tokens(const multiply *m);

/// Rounds a tile of up to LANED_TILE tokens, as the processor rounds to bf16, and lays it out: [pairs of columns,
/// tokens]. Numbers below 2^-126 become zero: the products would take them for it.
void lockstep_lay_tile(char *to, const float *x, size_t x_stride, size_t columns, size_t tokens);
