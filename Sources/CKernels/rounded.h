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

/// One thread's part of the products.
void lockstep_multiply_integers(const multiply *m, const char *rounded, int thread, int threads);
void lockstep_multiply_bfloats(const multiply *m, const char *rounded, int thread, int threads);
