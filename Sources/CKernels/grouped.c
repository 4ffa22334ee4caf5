#include "grouped.h"

// Panels of grouped integers: made of a weights file's rows, and read back.

typedef struct lockstep_grouped_rows grouped_rows;
typedef struct lockstep_grouping grouping;

/// Places of columns in a file's rows: element 0 of a part with n columns to an element holds place `start` / n * n.
typedef struct {
    size_t start; // place of the first column that is given
    size_t first; // place of the matrix's first column
    size_t last;  // of its last one
} places;

INLINE void find_places(places *p, const grouped_rows *from, size_t columns, const grouping *g)
{
    size_t period = period_of(g);
    p->start = (g->first + (from->skipped + period - 1) / period * period - from->skipped) % period;
    p->first = p->start + from->skipped;
    p->last = p->first + columns - 1;
}

/// The integer at a place of a file's row.
INLINE unsigned stored_integer(const uint8_t *values, const uint8_t *high_bits, int bits, size_t start, size_t place)
{
    if (bits == 8)
        return values[place - start];
    unsigned low = values[place / 2 - start / 2] >> (place % 2 * 4) & 15;
    if (bits == 4)
        return low;
    if (bits == 5)
        return low | (high_bits[place / 8 - start / 8] >> place % 8 & 1u) << 4;
    return low | (high_bits[place / 4 - start / 4] >> place % 4 * 2 & 3u) << 4;
}

/// Puts an integer into a panel of zeros.
INLINE void put_integer(uint8_t *panel, int bits, size_t row, size_t column, unsigned integer)
{
    uint8_t *bytes = panel + column / 32 * bytes_per_block(bits) + row * 4 + column % 4;
    unsigned c = (unsigned)(column % 32);
    if (bits == 8) {
        bytes[c / 4 * 64] = (uint8_t)integer;
        return;
    }
    bytes[c / 8 * 64] |= (uint8_t)((integer & 15) << (c / 4 % 2 * 4));
    if (bits == 5)
        bytes[4 * 64] |= (uint8_t)(integer >> 4 << c / 4);
    if (bits == 6)
        bytes[(4 + c / 16) * 64] |= (uint8_t)(integer >> 4 << (c % 16 / 4 * 2));
}

/// Copies the elements of one part that the matrix's columns touch, from rows to [groups, 16].
static void pack_section(
    char *to, const void *from, size_t stride, size_t rows, const places *p, size_t origin, size_t size, size_t bytes)
{
    size_t first = p->first / size, last = p->last / size, group = origin / size;
    for (size_t row = 0; row < rows; row++) {
        const char *elements = (const char *)from + row * stride;
        for (size_t element = first; element <= last; element++)
            memcpy(
                to + ((element - group) * LOCKSTEP_PANEL_ROWS + row) * bytes,
                elements + (element - p->start / size) * bytes, bytes);
    }
}

void lockstep_pack(
    const struct lockstep_grouped_rows *from, size_t rows, size_t columns, int encoding,
    const struct lockstep_grouping *g, void *panel)
{
    panel_layout l;
    places p;
    lay_out(&l, columns, encoding, g);
    const size_t given = columns - from->absent;
    find_places(&p, from, given, g);
    memset(panel, 0, l.byte_count);
    if (given == 0)
        return;
    for (size_t row = 0; row < rows; row++) {
        const uint8_t *values = from->values + row * from->values_stride;
        const uint8_t *high_bits = l.bits == 5 || l.bits == 6 ? from->high_bits + row * from->high_bits_stride : NULL;
        for (size_t k = 0; k < given; k++)
            put_integer(
                panel, l.bits, row, l.missing + k, stored_integer(values, high_bits, l.bits, p.start, p.first + k));
    }
    char *to = panel;
    size_t origin = p.first - l.missing, bytes = bytes_per_scale(g->scale);
    pack_section(to + l.scales, from->scales, from->scales_stride, rows, &p, origin, g->size, bytes);
    if (g->has_offsets)
        pack_section(to + l.offsets, from->offsets, from->offsets_stride, rows, &p, origin, g->size, bytes);
    if (g->scale != LOCKSTEP_SCALE_NESTED)
        return;
    // A panel's groups of 256 columns begin with its period.
    origin = p.first - g->first;
    pack_section(
        to + l.super_scales, from->super_scales, from->super_scales_stride, rows, &p, origin, LOCKSTEP_SUPER_COLUMNS, 2);
    if (g->has_offsets)
        pack_section(
            to + l.super_offsets, from->super_offsets, from->super_offsets_stride, rows, &p, origin,
            LOCKSTEP_SUPER_COLUMNS, 2);
}

void lockstep_unpack(
    int instruction_set, const void *panel, size_t row, size_t columns, int encoding,
    const struct lockstep_grouping *g, float *to)
{
    const struct lockstep_product rows = {
        .w = panel, .rows = LOCKSTEP_PANEL_ROWS, .columns = columns, .encoding = encoding, .grouping = *g};
    lockstep_unpack_rows(instruction_set, &rows, row, 1, 0, columns, to, columns);
}
