#include "grouped.h"

// Panels of grouped integers: made of a weights file's rows, and read back.

typedef struct lockstep_grouped_rows grouped_rows;
typedef struct lockstep_grouping grouping;

size_t lockstep_panel_bytes(size_t columns, int encoding, const grouping *g)
{
    panel_layout l;
    lay_out(&l, columns, encoding, g);
    return l.byte_count;
}

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
INLINE void put_integer(uint8_t *panel, const panel_layout *l, size_t row, size_t column, unsigned integer)
{
    const int bits = l->bits;
    uint8_t *bytes = panel + block_of(l, column) + row * 4 + column % 4;
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

typedef uint32_t half_words __attribute__((vector_size(32), may_alias));
typedef uint8_t half_bytes __attribute__((vector_size(32)));
typedef uint32_t stored_half_words __attribute__((vector_size(32), aligned(16), may_alias));
typedef uint32_t unaligned_quarter_words __attribute__((vector_size(16), aligned(1), may_alias));

/// The half bytes 0 to 7 of each word become 0 4 1 5 2 6 3 7.
INLINE void deal_nibbles(half_words *words)
{
    // The two bytes in the middle of each word change places: one instruction where bytes can be shuffled.
    half_bytes bytes = (half_bytes)*words;
    *words = (half_words)__builtin_shufflevector(
        bytes, bytes, 0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15, 16, 18, 17, 19, 20, 22, 21, 23, 24, 26, 25,
        27, 28, 30, 29, 31);
    half_words t = (*words ^ *words >> 4) & 0x00f000f0;
    *words ^= t ^ t << 4;
}

/// Sixteen bytes of a row, and of the row four below.
INLINE void load_rows(half_words *to, const uint8_t *from, size_t stride)
{
    unaligned_quarter_words first = *(const unaligned_quarter_words *)from;
    unaligned_quarter_words second = *(const unaligned_quarter_words *)(from + 4 * stride);
    *to = __builtin_shufflevector(first, second, 0, 1, 2, 3, 4, 5, 6, 7);
}

/// `units` times sixteen bytes of each of sixteen rows become four lines, `unit_stride` bytes from one unit's to the
/// next one's.
INLINE void pack_units(
    char *to, size_t unit_stride, const uint8_t *from, size_t stride, size_t units, const int has_nibbles)
{
    for (size_t row = 0; row < LOCKSTEP_PANEL_ROWS; row += 8)
        for (size_t u = 0; u < units; u++) {
            const uint8_t *bytes = from + row * stride + u * 16;
            half_words w[4], pairs[4], columns[4];
            UNROLL for (size_t r = 0; r < 4; r++) load_rows(&w[r], bytes + r * stride, stride);
            pairs[0] = __builtin_shufflevector(w[0], w[1], 0, 8, 1, 9, 4, 12, 5, 13);
            pairs[1] = __builtin_shufflevector(w[2], w[3], 0, 8, 1, 9, 4, 12, 5, 13);
            pairs[2] = __builtin_shufflevector(w[0], w[1], 2, 10, 3, 11, 6, 14, 7, 15);
            pairs[3] = __builtin_shufflevector(w[2], w[3], 2, 10, 3, 11, 6, 14, 7, 15);
            UNROLL for (size_t i = 0; i < 4; i += 2)
            {
                columns[i] = __builtin_shufflevector(pairs[i], pairs[i + 1], 0, 1, 8, 9, 4, 5, 12, 13);
                columns[i + 1] = __builtin_shufflevector(pairs[i], pairs[i + 1], 2, 3, 10, 11, 6, 7, 14, 15);
            }
            UNROLL for (size_t i = 0; i < 4; i++)
            {
                if (has_nibbles)
                    deal_nibbles(&columns[i]);
                *(stored_half_words *)(to + u * unit_stride + i * 64 + row * 4) = columns[i];
            }
        }
}

/// Where bit `mask` is set, exchanges it with the bit `distance` above.
INLINE uint32_t exchange(uint32_t word, uint32_t mask, int distance)
{
    uint32_t t = (word ^ word >> distance) & mask;
    return word ^ t ^ t << distance;
}

/// One line of high bits: the words of sixteen rows, each with its bits in the panel's order.
INLINE void pack_high_bits(char *to, const uint8_t *from, size_t stride, const int bits)
{
    uint32_t words[LOCKSTEP_PANEL_ROWS];
    for (size_t row = 0; row < LOCKSTEP_PANEL_ROWS; row++)
        memcpy(&words[row], from + row * stride, sizeof words[row]);
    for (size_t row = 0; row < LOCKSTEP_PANEL_ROWS; row++) {
        uint32_t word = words[row];
        if (bits == 6) {
            // Fields of two bits: columns 4 j + b to 4 b + j.
            word = exchange(word, 0x00cc00cc, 6);
            word = exchange(word, 0x0000f0f0, 12);
        } else {
            // Columns 4 j + b to 8 b + j: twice, even ones before odd ones.
            UNROLL for (int i = 0; i < 2; i++)
            {
                word = exchange(word, 0x22222222, 1);
                word = exchange(word, 0x0c0c0c0c, 2);
                word = exchange(word, 0x00f000f0, 4);
                word = exchange(word, 0x0000ff00, 8);
            }
        }
        words[row] = word;
    }
    memcpy(to, words, sizeof words);
}

/// Sixteen rows of `blocks` whole blocks, the first of which begins at `place`.
INLINE void pack_blocks(
    char *to, const grouped_rows *from, const places *p, size_t place, size_t blocks, const int bits)
{
    const size_t stride = bytes_per_block(bits);
    if (bits == 8) {
        // Whole cache lines of each row: sixteen rows at once may not fit a set of the first cache.
        const uint8_t *values = from->values + place - p->start;
        for (size_t u = 0; u < blocks * 2; u += 4)
            pack_units(to + u * 256, 256, values + u * 16, from->values_stride, smaller(4, blocks * 2 - u), 0);
        return;
    }
    const uint8_t *values = from->values + (place / 2 - p->start / 2);
    for (size_t b = 0; b < blocks; b += 4)
        pack_units(to + b * stride, stride, values + b * 16, from->values_stride, smaller(4, blocks - b), 1);
    for (size_t b = 0; bits > 4 && b < blocks; b++) {
        const size_t columns = bits == 5 ? 8 : 4;
        const uint8_t *high = from->high_bits + (place / columns - p->start / columns) + b * 32 / columns;
        for (int line = 0; line < bits - 4; line++)
            pack_high_bits(to + b * stride + 256 + line * 64, high + line * 4, from->high_bits_stride, bits);
    }
}

/// One block, one integer at a time; columns count from the panel's first.
static void pack_edge(
    uint8_t *panel, const grouped_rows *from, size_t rows, const places *p, const panel_layout *l, size_t block)
{
    const size_t end = smaller(block * 32 + 32, l->missing + (p->last - p->first) + 1);
    memset(panel + block_of(l, block * 32), 0, bytes_per_block(l->bits));
    for (size_t row = 0; row < rows; row++) {
        const uint8_t *values = from->values + row * from->values_stride;
        const uint8_t *high_bits = l->bits == 5 || l->bits == 6 ? from->high_bits + row * from->high_bits_stride : NULL;
        for (size_t c = larger(block * 32, l->missing); c < end; c++)
            put_integer(
                panel, l, row, c,
                stored_integer(values, high_bits, l->bits, p->start, p->first + c - l->missing));
    }
}

INLINE void pack_integers_body(
    char *panel, const grouped_rows *from, size_t rows, const places *p, const panel_layout *l)
{
    const size_t end = l->missing + (p->last - p->first) + 1;
    size_t first = l->missing > 0, last = larger(first, end / 32);
    if (rows < LOCKSTEP_PANEL_ROWS)
        last = first;
    for (size_t b = first, blocks; b < last; b += blocks) {
        const size_t place = p->first - l->missing + b * 32;
        char *to = panel + block_of(l, b * 32);
        blocks = smaller(last - b, (LOCKSTEP_SPAN_COLUMNS - (l->origin + b * 32) % LOCKSTEP_SPAN_COLUMNS) / 32);
        switch (l->bits) {
        case 4: pack_blocks(to, from, p, place, blocks, 4); break;
        case 5: pack_blocks(to, from, p, place, blocks, 5); break;
        case 6: pack_blocks(to, from, p, place, blocks, 6); break;
        default: pack_blocks(to, from, p, place, blocks, 8);
        }
    }
    for (size_t b = 0; b < first; b++)
        pack_edge((uint8_t *)panel, from, rows, p, l, b);
    for (size_t b = last; b < l->blocks; b++)
        pack_edge((uint8_t *)panel, from, rows, p, l, b);
}

FOR_EVERY_TARGET(
    void, pack_integers, (char *panel, const grouped_rows *from, size_t rows, const places *p, const panel_layout *l),
    (panel, from, rows, p, l))

/// Copies the elements of one part that the matrix's columns touch, from rows to [groups, 16].
INLINE void copy_section(
    char *to, const char *from, size_t stride, size_t rows, size_t elements, const size_t bytes)
{
    size_t first = 0;
    if (bytes == 2 && rows == LOCKSTEP_PANEL_ROWS)
        for (; first + 8 <= elements; first += 8)
            for (size_t row = 0; row < LOCKSTEP_PANEL_ROWS; row += 8)
                turn_pairs(
                    from + row * stride + first * 2, stride, to + (first * LOCKSTEP_PANEL_ROWS + row) * 2,
                    LOCKSTEP_PANEL_ROWS * 2);
    for (size_t row = 0; row < rows; row++)
        for (size_t element = first; element < elements; element++)
            memcpy(
                to + (element * LOCKSTEP_PANEL_ROWS + row) * bytes, from + row * stride + element * bytes, bytes);
}

/// Puts the elements of one part, each of `size` columns, into the panel's spans, `section` bytes from their starts.
/// `first` is the place of the matrix's first column in the first span.
static void pack_section(
    char *panel, const panel_layout *l, size_t section, const void *from, size_t stride, size_t rows, const places *p,
    size_t first, size_t size, size_t bytes)
{
    const size_t in_span = LOCKSTEP_SPAN_COLUMNS / size, last = (first + p->last - p->first) / size;
    const char *start = (const char *)from + (p->first / size - p->start / size) * bytes;
    for (size_t e = first / size, elements; e <= last; e += elements, start += elements * bytes) {
        elements = smaller(last + 1 - e, in_span - e % in_span);
        const size_t span = e / in_span ? e / in_span * l->span_bytes - l->skipped : 0;
        char *to = panel + span + section + e % in_span * LOCKSTEP_PANEL_ROWS * bytes;
        switch (bytes) {
        case 1: copy_section(to, start, stride, rows, elements, 1); break;
        case 2: copy_section(to, start, stride, rows, elements, 2); break;
        default: copy_section(to, start, stride, rows, elements, 4);
        }
    }
}

void lockstep_pack(
    int instruction_set, const struct lockstep_grouped_rows *from, size_t rows, size_t columns, int encoding,
    const struct lockstep_grouping *g, void *panel)
{
    panel_layout l;
    places p;
    const size_t given = columns - from->absent;
    lay_out(&l, columns, encoding, g);
    find_places(&p, from, given, g);
    if (given == 0) {
        memset(panel, 0, l.byte_count);
        return;
    }
    pack_integers(instruction_set)(panel, from, rows, &p, &l);
    for (size_t b = 0; b < l.blocks; b++)
        if (b == 0 || (l.origin + b * 32) % LOCKSTEP_SPAN_COLUMNS == 0)
            memset((char *)panel + span_of(&l, b * 32), 0, l.values);
    const size_t first = g->first, bytes = bytes_per_scale(g->scale), super_size = LOCKSTEP_SPAN_COLUMNS;
    pack_section(panel, &l, 0, from->scales, from->scales_stride, rows, &p, first, g->size, bytes);
    if (g->has_offsets)
        pack_section(panel, &l, l.offsets, from->offsets, from->offsets_stride, rows, &p, first, g->size, bytes);
    if (g->scale != LOCKSTEP_SCALE_NESTED)
        return;
    pack_section(
        panel, &l, l.super_scales, from->super_scales, from->super_scales_stride, rows, &p, first, super_size, 2);
    if (g->has_offsets)
        pack_section(
            panel, &l, l.super_offsets, from->super_offsets, from->super_offsets_stride, rows, &p, first, super_size,
            2);
}

void lockstep_unpack(
    int instruction_set, const void *panel, size_t row, size_t columns, int encoding,
    const struct lockstep_grouping *g, float *to)
{
    const struct lockstep_product rows = {
        .w = panel, .rows = LOCKSTEP_PANEL_ROWS, .columns = columns, .encoding = encoding, .grouping = *g};
    lockstep_unpack_rows(instruction_set, &rows, row, 1, 0, columns, to, columns);
}
