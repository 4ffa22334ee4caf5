#pragma once
#include "lanes.h"

// Where the parts of a panel of grouped integers lie (see struct lockstep_grouping), and the scales of its rows.
//
// Columns of a panel count from its first block's start: column `missing + k` is column k of the matrix.

enum { SPAN_SHIFT = 8 };
_Static_assert(LOCKSTEP_SPAN_COLUMNS == 1 << SPAN_SHIFT, "A span's columns are a power of two.");

/// What a grouping, the integers' bits and the number of columns come to.
typedef struct {
    int bits;
    size_t size;     // columns of a group
    int size_shift;  // its binary logarithm
    int span_shift;  // of the columns of a span
    size_t missing;  // columns of the first block that come before the matrix
    size_t end;      // one past the matrix's last column
    size_t origin;   // place of the first block in the first span
    size_t blocks;
    // Sections: bytes from a span's start; scales come first.
    size_t offsets, super_scales, super_offsets, values;
    size_t span_bytes; // of a whole span
    size_t skipped;    // bytes of the blocks that the first span lacks
    size_t byte_count;
} panel_layout;

INLINE int bits_of(int encoding)
{
    return encoding == LOCKSTEP_Q4 ? 4 : encoding == LOCKSTEP_Q5 ? 5 : encoding == LOCKSTEP_Q6 ? 6 : 8;
}

INLINE size_t bytes_per_scale(int scale)
{
    return scale == LOCKSTEP_SCALE_NESTED ? 1 : scale == LOCKSTEP_SCALE_F32 ? 4 : 2;
}

INLINE size_t bytes_per_block(int bits) { return (size_t)bits * 64; }

INLINE size_t period_of(const struct lockstep_grouping *g)
{
    return g->scale == LOCKSTEP_SCALE_NESTED ? LOCKSTEP_SPAN_COLUMNS : larger(g->size, LOCKSTEP_BLOCK_COLUMNS);
}

/// Bytes from the panel's start to that of a column's span.
INLINE size_t span_of(const panel_layout *l, size_t column)
{
    const size_t span = (l->origin + column) >> l->span_shift;
    return span ? span * l->span_bytes - l->skipped : 0;
}

/// A column's place in its span.
INLINE size_t place_of(const panel_layout *l, size_t column)
{
    return (l->origin + column) & (((size_t)1 << l->span_shift) - 1);
}

/// Bytes from the panel's start to a column's block.
INLINE size_t block_of(const panel_layout *l, size_t column)
{
    const size_t block = place_of(l, column) / LOCKSTEP_BLOCK_COLUMNS;
    return ((l->origin + column) >> l->span_shift) * l->span_bytes + l->values + block * bytes_per_block(l->bits)
           - l->skipped;
}

/// The place of a column's group in its span.
INLINE size_t group_of(const panel_layout *l, size_t column) { return place_of(l, column) >> l->size_shift; }

/// Lays spans of 2^span_shift columns out.
INLINE void lay_out_spans(
    panel_layout *l, size_t columns, int encoding, const struct lockstep_grouping *g, int span_shift)
{
    const size_t span_columns = (size_t)1 << span_shift;
    const size_t scales = span_columns / g->size * LOCKSTEP_PANEL_ROWS * bytes_per_scale(g->scale);
    const size_t super_scales = g->scale == LOCKSTEP_SCALE_NESTED ? LOCKSTEP_PANEL_ROWS * 2 : 0;
    const size_t parts = g->has_offsets ? 2 : 1;
    l->bits = bits_of(encoding);
    l->size = g->size;
    l->size_shift = __builtin_ctzll(g->size);
    l->span_shift = span_shift;
    l->missing = g->first % LOCKSTEP_BLOCK_COLUMNS;
    l->end = l->missing + columns;
    l->origin = g->first - l->missing;
    l->blocks = columns ? (l->end + LOCKSTEP_BLOCK_COLUMNS - 1) / LOCKSTEP_BLOCK_COLUMNS : 0;
    l->offsets = scales;
    l->super_scales = parts * scales;
    l->super_offsets = l->super_scales + super_scales;
    l->values = (parts * (scales + super_scales) + 63) / 64 * 64;
    l->span_bytes = l->values + span_columns / LOCKSTEP_BLOCK_COLUMNS * bytes_per_block(l->bits);
    l->skipped = l->origin / LOCKSTEP_BLOCK_COLUMNS * bytes_per_block(l->bits);
    l->byte_count = columns ? block_of(l, l->end - 1) + bytes_per_block(l->bits) : 0;
}

/// The layout of a matrix's panels.
INLINE void lay_out(panel_layout *l, size_t columns, int encoding, const struct lockstep_grouping *g)
{
    lay_out_spans(l, columns, encoding, g, SPAN_SHIFT);
}

/// Element `index` of scales or offsets, without what nested ones are multiplied by.
INLINE float scale_at(const void *section, size_t index, int scale)
{
    switch (scale) {
    case LOCKSTEP_SCALE_F32: return ((const float *)section)[index];
    case LOCKSTEP_SCALE_BF16: return float_of_bits((uint32_t)((const uint16_t *)section)[index] << 16);
    case LOCKSTEP_SCALE_F16: return float_of_half(((const uint16_t *)section)[index]);
    default: return (float)((const int8_t *)section)[index];
    }
}

/// The scale or offset of one row's column, whose section begins `inner` bytes from a span's start; that of what nested
/// ones are multiplied by begins `outer` bytes from there.
INLINE float scale_of(
    const char *panel, const panel_layout *l, size_t inner, size_t outer, size_t row, size_t column, int scale)
{
    const char *span = panel + span_of(l, column);
    float value = scale_at(span + inner, group_of(l, column) * LOCKSTEP_PANEL_ROWS + row, scale);
    return scale == LOCKSTEP_SCALE_NESTED ? value * scale_at(span + outer, row, LOCKSTEP_SCALE_F16) : value;
}

/// The integer of one row's column.
INLINE unsigned integer_of(const char *panel, const panel_layout *l, size_t row, size_t column)
{
    const uint8_t *bytes = (const uint8_t *)panel + block_of(l, column) + row * 4 + column % 4;
    unsigned c = (unsigned)(column % 32);
    if (l->bits == 8)
        return bytes[c / 4 * 64];
    unsigned low = bytes[c / 8 * 64] >> (c / 4 % 2 * 4) & 15;
    if (l->bits == 4)
        return low;
    if (l->bits == 5)
        return low | (bytes[4 * 64] >> (c / 4) & 1u) << 4;
    return low | (bytes[(4 + c / 16) * 64] >> (c % 16 / 4 * 2) & 3u) << 4;
}

/// The element of one row's column: scale * (integer - zero) + offset, rounded once.
INLINE float element_of(
    const char *panel, const panel_layout *l, const struct lockstep_grouping *g, size_t row, size_t column)
{
    int zero = g->has_offsets ? 0 : 1 << (l->bits - 1);
    float integer = (float)((int)integer_of(panel, l, row, column) - zero);
    float scale = scale_of(panel, l, 0, l->super_scales, row, column, g->scale), offset = 0;
    if (g->has_offsets)
        offset = scale_of(panel, l, l->offsets, l->super_offsets, row, column, g->scale);
    return __builtin_fmaf(scale, integer, offset);
}

#if HAS_VECTOR_TARGETS

typedef uint16_t unaligned_half_words __attribute__((vector_size(16), aligned(2), may_alias));
typedef _Float16 unaligned_half_halves __attribute__((vector_size(16), aligned(2), may_alias));
typedef float unaligned_half_lanes __attribute__((vector_size(32), aligned(4), may_alias));
typedef uint32_t half_lane_bits __attribute__((vector_size(32)));
typedef int8_t unaligned_half_bytes __attribute__((vector_size(8), aligned(1), may_alias));

/// Defines `name##_section`, which loads the numbers of consecutive rows, without what nested ones are multiplied by,
/// and `name##_scales`, which loads the scales or offsets of a column's group, arguments as of `scale_of`.
#define LOAD_SCALES(name, vector, vector_bits, floats, words, halves, bytes)                                           \
    INLINE void name##_section(vector *to, const char *from, int scale)                                                \
    {                                                                                                                  \
        switch (scale) {                                                                                               \
        case LOCKSTEP_SCALE_F32: *to = *(const floats *)from; break;                                                   \
        case LOCKSTEP_SCALE_BF16:                                                                                      \
            *to = (vector)(__builtin_convertvector(*(const words *)from, vector_bits) << 16);                          \
            break;                                                                                                     \
        case LOCKSTEP_SCALE_F16: *to = __builtin_convertvector(*(const halves *)from, vector); break;                  \
        default: *to = __builtin_convertvector(*(const bytes *)from, vector);                                          \
        }                                                                                                              \
    }                                                                                                                  \
    INLINE void name##_scales(                                                                                         \
        vector *to, const char *panel, const panel_layout *l, size_t inner, size_t outer, size_t row, size_t column,   \
        int scale)                                                                                                     \
    {                                                                                                                  \
        const char *span = panel + span_of(l, column);                                                                 \
        size_t index = group_of(l, column) * LOCKSTEP_PANEL_ROWS + row;                                                \
        name##_section(to, span + inner + index * bytes_per_scale(scale), scale);                                      \
        if (scale == LOCKSTEP_SCALE_NESTED) {                                                                          \
            vector factor;                                                                                             \
            name##_section(&factor, span + outer + row * 2, LOCKSTEP_SCALE_F16);                                       \
            *to *= factor;                                                                                             \
        }                                                                                                              \
    }

/// Of sixteen rows, and of eight from `row` on.
LOAD_SCALES(load, lanes, lane_bits, unaligned_lanes, unaligned_words, unaligned_halves, unaligned_bytes)
LOAD_SCALES(
    load_half, half_lanes, half_lane_bits, unaligned_half_lanes, unaligned_half_words, unaligned_half_halves,
    unaligned_half_bytes)

#endif
