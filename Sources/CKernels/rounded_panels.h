#pragma once
#include "rounded.h"

// What products of panels with rounded activations share, whatever their instructions.

#if HAS_VECTOR_TARGETS

typedef uint32_t lane_words __attribute__((vector_size(64), may_alias));

/// A panel, or consecutive blocks of its beginning.
typedef struct {
    const char *panel;
    const panel_layout *l;
    size_t blocks;
    int scale, has_offsets;
    // Whether what comes behind is fetched meanwhile, and how: enum lockstep_fetching.
    int fetches, fetching;
} panel_view;

/// Sixteen rows' scales or offsets of a span's group, from a section `inner` bytes from the span's start; what nested
/// ones are multiplied by is at `outer`.
INLINE void load_scales_of_rows(
    lanes *to, const panel_view *v, const char *span, size_t inner, size_t outer, size_t group)
{
    load_section(to, span + inner + group * LOCKSTEP_PANEL_ROWS * bytes_per_scale(v->scale), v->scale);
    if (v->scale == LOCKSTEP_SCALE_NESTED)
        *to *= __builtin_convertvector(*(const unaligned_halves *)(span + outer), lanes);
}

/// Columns 4 j to 4 j + 3 of a block, a byte each.
INLINE void unpack_line(lane_words *to, const char *block, const int j, const int bits)
{
    const lane_words *lines = (const lane_words *)block;
    if (bits == 8) {
        *to = lines[j];
        return;
    }
    lane_words low = (j % 2 ? lines[j / 2] >> 4 : lines[j / 2]) & 0x0f0f0f0f;
    if (bits == 5) {
        lane_words high = j < 4 ? lines[4] << (4 - j) : lines[4] >> (j - 4);
        low |= high & 0x10101010;
    }
    if (bits == 6) {
        lane_words high = j % 4 < 2 ? lines[4 + j / 4] << (4 - j % 4 * 2) : lines[4 + j / 4] >> (j % 4 * 2 - 4);
        low |= high & 0x30303030;
    }
    *to = low;
}

/// Writes the sums of sixteen rows, with the bias if there is one, to the product.
INLINE void write_rows(const product *p, size_t token, size_t row, const lanes *sums)
{
    float *y = p->y + token * p->y_stride + row;
    const float *bias = p->bias;
    if (p->rows - row >= 16) {
        lanes result = *sums;
        if (bias)
            result += *(const unaligned_lanes *)(bias + row);
        store(y, &result);
        return;
    }
    for (size_t r = 0; r < p->rows - row; r++)
        y[r] = bias ? (*sums)[r] + bias[row + r] : (*sums)[r];
}

/// Writes the sums of panels [first, last), [panels, tokens], for tokens from `token` on.
INLINE void write_panels(const product *p, const lanes *sums, size_t first, size_t last, size_t token, size_t tokens)
{
    for (size_t t = 0; t < tokens; t++)
        for (size_t i = first; i < last; i++)
            write_rows(p, token + t, i * LOCKSTEP_PANEL_ROWS, &sums[(i - first) * tokens + t]);
}

/// The tokens of the next tile: tiles are as equal as can be.
INLINE size_t next_tile(size_t left, size_t widest)
{
    size_t tiles = (left + widest - 1) / widest;
    return (left + tiles - 1) / tiles;
}

#endif
