#pragma once
#include "lanes.h"

// Where the parts of a panel of grouped integers lie (see struct lockstep_grouping), and the scales of its sixteen rows.
//
// Columns of a panel count from its first block's start: column `missing + k` is column k of the matrix.

/// What a grouping, the integers' bits and the number of columns come to.
typedef struct {
    int bits;
    size_t size;     // columns of a group
    size_t missing;  // columns of the first block that come before the matrix
    size_t end;      // one past the matrix's last column
    size_t origin;   // place of the first block in its period
    size_t blocks;
    size_t groups, super_groups;
    // Sections: bytes from the panel's start.
    size_t scales, offsets, super_scales, super_offsets, byte_count;
} panel_layout;

INLINE int bits_of(int encoding)
{
    return encoding == LOCKSTEP_Q4 ? 4 : encoding == LOCKSTEP_Q5 ? 5 : encoding == LOCKSTEP_Q6 ? 6 : 8;
}

INLINE size_t bytes_per_scale(int scale)
{
    return scale == LOCKSTEP_SCALE_NESTED ? 1 : scale == LOCKSTEP_SCALE_F32 ? 4 : 2;
}

/// Bytes of a section of `groups` x 16 elements.
INLINE size_t section(size_t groups, size_t bytes) { return (groups * LOCKSTEP_PANEL_ROWS * bytes + 63) / 64 * 64; }

INLINE size_t bytes_per_block(int bits) { return (size_t)bits * 64; }

INLINE size_t period_of(const struct lockstep_grouping *g)
{
    return g->scale == LOCKSTEP_SCALE_NESTED ? LOCKSTEP_SUPER_COLUMNS : larger(g->size, LOCKSTEP_BLOCK_COLUMNS);
}

INLINE void lay_out(panel_layout *l, size_t columns, int encoding, const struct lockstep_grouping *g)
{
    int nested = g->scale == LOCKSTEP_SCALE_NESTED;
    l->bits = bits_of(encoding);
    l->size = g->size;
    l->missing = g->first % LOCKSTEP_BLOCK_COLUMNS;
    l->end = l->missing + columns;
    l->origin = g->first - l->missing;
    l->blocks = columns ? (l->end + LOCKSTEP_BLOCK_COLUMNS - 1) / LOCKSTEP_BLOCK_COLUMNS : 0;
    l->groups = columns ? (l->origin + l->end - 1) / g->size - l->origin / g->size + 1 : 0;
    l->super_groups = columns && nested ? (l->origin + l->end - 1) / LOCKSTEP_SUPER_COLUMNS + 1 : 0;
    size_t scales = section(l->groups, bytes_per_scale(g->scale)), super_scales = section(l->super_groups, 2);
    l->scales = l->blocks * bytes_per_block(l->bits);
    l->offsets = l->scales + scales;
    l->super_scales = l->offsets + (g->has_offsets ? scales : 0);
    l->super_offsets = l->super_scales + super_scales;
    l->byte_count = l->super_offsets + (g->has_offsets ? super_scales : 0);
}

/// The group of a column, and its group of 256 columns.
INLINE size_t group_of(const panel_layout *l, size_t column)
{
    return (l->origin + column) / l->size - l->origin / l->size;
}

INLINE size_t super_group_of(const panel_layout *l, size_t column)
{
    return (l->origin + column) / LOCKSTEP_SUPER_COLUMNS;
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

/// The scale or offset of one row's column. `outer` is where the section of what nested ones are multiplied by begins.
INLINE float scale_of(
    const char *panel, const panel_layout *l, size_t inner, size_t outer, size_t row, size_t column, int scale)
{
    float value = scale_at(panel + inner, group_of(l, column) * LOCKSTEP_PANEL_ROWS + row, scale);
    if (scale != LOCKSTEP_SCALE_NESTED)
        return value;
    size_t index = super_group_of(l, column) * LOCKSTEP_PANEL_ROWS + row;
    return value * scale_at(panel + outer, index, LOCKSTEP_SCALE_F16);
}

/// The integer of one row's column.
INLINE unsigned integer_of(const uint8_t *panel, int bits, size_t row, size_t column)
{
    const uint8_t *bytes = panel + column / 32 * bytes_per_block(bits) + row * 4 + column % 4;
    unsigned c = (unsigned)(column % 32);
    if (bits == 8)
        return bytes[c / 4 * 64];
    unsigned low = bytes[c / 8 * 64] >> (c / 4 % 2 * 4) & 15;
    if (bits == 4)
        return low;
    if (bits == 5)
        return low | (bytes[4 * 64] >> (c / 4) & 1u) << 4;
    return low | (bytes[(4 + c / 16) * 64] >> (c % 16 / 4 * 2) & 3u) << 4;
}

#if HAS_VECTOR_TARGETS

typedef int8_t unaligned_bytes __attribute__((vector_size(16), aligned(1), may_alias));

/// Element [group, 0..<16] of a section, without what nested ones are multiplied by.
INLINE void load_section(lanes *to, const char *section, size_t group, const int scale)
{
    const char *from = section + group * LOCKSTEP_PANEL_ROWS * bytes_per_scale(scale);
    if (scale == LOCKSTEP_SCALE_NESTED)
        *to = __builtin_convertvector(*(const unaligned_bytes *)from, lanes);
    else
        load_widened(
            to, from,
            scale == LOCKSTEP_SCALE_F32    ? LOCKSTEP_F32
            : scale == LOCKSTEP_SCALE_BF16 ? LOCKSTEP_BF16
                                           : LOCKSTEP_F16);
}

/// The scales or offsets of sixteen rows for a column's group; arguments as of `scale_of`.
INLINE void load_scales(
    lanes *to, const char *panel, const panel_layout *l, size_t inner, size_t outer, size_t column, const int scale)
{
    load_section(to, panel + inner, group_of(l, column), scale);
    if (scale == LOCKSTEP_SCALE_NESTED) {
        lanes factor;
        load_section(&factor, panel + outer, super_group_of(l, column), LOCKSTEP_SCALE_F16);
        *to *= factor;
    }
}

#endif
