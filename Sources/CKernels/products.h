#pragma once
#include "lanes.h"

typedef struct lockstep_product product;
typedef struct lockstep_multiply multiply;

/// Rows [first, last) of a product of grouped integers; `first` is a multiple of 16.
void multiply_grouped(const multiply *m, const product *p, size_t first, size_t last)
    __attribute__((visibility("hidden")));

#if HAS_AVX
/// Rows [first, last) of a product of one token with plain rows.
void multiply_streams(const multiply *m, const product *p, size_t first, size_t last)
    __attribute__((visibility("hidden")));
#endif
