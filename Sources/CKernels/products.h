#pragma once
#include "grouped.h"

typedef struct lockstep_product product;
typedef struct lockstep_multiply multiply;

/// Rows [first, last) of a product of grouped integers; `first` is a multiple of 16.
void multiply_grouped(const multiply *m, const product *p, size_t first, size_t last)
    __attribute__((visibility("hidden")));

#if HAS_AVX
/// The weights of eight rows of a panel, from `row` on, in one block: a vector for each column.
void weigh_eight_rows(
    const product *p, const panel_layout *l, const char *panel, size_t row, size_t block, half_lanes *weights)
    __attribute__((visibility("hidden")));

/// Rows [first, last) of a product of one token with plain rows.
void multiply_streams(const multiply *m, const product *p, size_t first, size_t last)
    __attribute__((visibility("hidden")));
#endif
