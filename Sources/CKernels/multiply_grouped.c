#include "products.h"
#include "grouped.h"
#if HAS_AVX
#include <immintrin.h>
#endif

// Products of panels of grouped integers with the activations of any number of tokens, in the canonical order: rows are
// the lanes of a vector, and each of a sum's sixteen lanes is a vector of its own.
//
enum {
    // Columns whose weights a portable product makes at a time, and tokens that share them.
    PORTABLE_COLUMNS = 256,
    PORTABLE_TOKENS = 32,
    // Tokens that share weights in registers.
    WIDEST_TILE = 6,
    // Blocks of a panel that stay in the first cache, with as many columns of six tokens' inputs.
    STRIP_BLOCKS = 32,
    // Inputs that stay in the second cache while panels pass, in bytes.
    NEAR_BYTES = 1 << 19,
    // Weights are fetched so many bytes ahead: next panels too, whose beginnings no hardware foresees.
    AHEAD = 1 << 16,
};

/// What the kernels need to know of the rows of one panel.
typedef struct {
    panel_layout l;
    const char *panel;
    int scale, has_offsets;
    float minus_zero;
    size_t row;         // the first row that is meant
    size_t bytes_ahead; // to fetch for each block, so that sections of scales are fetched as well
    size_t x_stride;
} grouped;

static void multiply_portable(const multiply *m, const product *p, const panel_layout *l, size_t row, size_t token)
{
    const char *panel = (const char *)p->w + row / LOCKSTEP_PANEL_ROWS * p->row_byte_stride;
    const size_t tokens = smaller(PORTABLE_TOKENS, m->tokens - token);
    float sums[PORTABLE_TOKENS][16] = {{0}}, weights[PORTABLE_COLUMNS];
    for (size_t first = 0; first < p->columns; first += PORTABLE_COLUMNS) {
        const size_t columns = smaller(PORTABLE_COLUMNS, p->columns - first);
        for (size_t k = 0; k < columns; k++)
            weights[k] = element_of(panel, l, &p->grouping, row % LOCKSTEP_PANEL_ROWS, l->missing + first + k);
        for (size_t t = 0; t < tokens; t++) {
            const float *x = m->x + (token + t) * m->x_stride + first;
            for (size_t k = 0; k < (columns + 15) / 16 * 16; k++)
                sums[t][k % 16] = __builtin_fmaf(k < columns ? x[k] : 0, k < columns ? weights[k] : 0, sums[t][k % 16]);
        }
    }
    for (size_t t = 0; t < tokens; t++) {
        float sum = tree(sums[t]);
        p->y[(token + t) * p->y_stride + row] = p->bias ? sum + p->bias[row] : sum;
    }
}

#if HAS_VECTOR_TARGETS

typedef int32_t half_lane_integers __attribute__((vector_size(32)));

INLINE void fill_half(half_lanes *to, float value)
{
    *to = (half_lanes){value, value, value, value, value, value, value, value};
}

#if HAS_AVX


/// The lowest four bits of each word, as floats: of sixteen rows from a table in a register.
AVX512 INLINE void numbers_of_nibbles_of_sixteen(lanes *to, const lane_bits *words)
{
    const lanes table = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    *to = (lanes)_mm512_permutexvar_ps((__m512i)*words, (__m512)table);
}

#define TARGET AVX512
#define HELD(words) __asm__("" : "+v"(words))
#define VECTOR lanes
#define VECTOR_BITS lane_bits
#define VECTOR_FLOATS unaligned_lanes
#define VECTOR_INTEGERS lane_integers
#define NAMED(name) name##_of_sixteen
#define scales_of_sixteen load_scales
#define fill_of_sixteen fill
#include "grouped_tile.h"

#define EIGHT AVX2
#define HELD(words) __asm__("" : "+v"(words))

#else

typedef float unaligned_quarter_lanes __attribute__((vector_size(16), aligned(4), may_alias));
typedef uint32_t quarter_lane_bits __attribute__((vector_size(16)));
typedef int32_t quarter_lane_integers __attribute__((vector_size(16)));
typedef uint16_t unaligned_quarter_words __attribute__((vector_size(8), aligned(2), may_alias));
typedef _Float16 unaligned_quarter_halves __attribute__((vector_size(8), aligned(2), may_alias));
typedef int8_t unaligned_quarter_bytes __attribute__((vector_size(4), aligned(1), may_alias));

LOAD_SCALES(
    load_quarter, quarter_lanes, quarter_lane_bits, unaligned_quarter_lanes, unaligned_quarter_words,
    unaligned_quarter_halves, unaligned_quarter_bytes)

INLINE void fill_quarter(quarter_lanes *to, float value) { *to = (quarter_lanes){value, value, value, value}; }

NEON INLINE void numbers_of_nibbles_of_four(quarter_lanes *to, const quarter_lane_bits *words)
{
    *to = __builtin_convertvector((quarter_lane_integers)(*words & 15), quarter_lanes);
}

#define TARGET NEON
#define HELD(words) __asm__("" : "+w"(words))
#define VECTOR quarter_lanes
#define VECTOR_BITS quarter_lane_bits
#define VECTOR_FLOATS unaligned_quarter_lanes
#define VECTOR_INTEGERS quarter_lane_integers
#define NAMED(name) name##_of_four
#define scales_of_four load_quarter_scales
#define fill_of_four fill_quarter
#include "grouped_tile.h"

#define EIGHT NEON
// Two registers.
#define HELD(words) (void)0

#endif

EIGHT INLINE void numbers_of_nibbles_of_eight(half_lanes *to, const half_lane_bits *words)
{
    *to = __builtin_convertvector((half_lane_integers)(*words & 15), half_lanes);
}

#define TARGET EIGHT
#define VECTOR half_lanes
#define VECTOR_BITS half_lane_bits
#define VECTOR_FLOATS unaligned_half_lanes
#define VECTOR_INTEGERS half_lane_integers
#define NAMED(name) name##_of_eight
#define scales_of_eight load_half_scales
#define fill_of_eight fill_half
#include "grouped_tile.h"

#if HAS_AVX

/// With 32 registers: as many of the sixteen lanes as leave some for the weights.
AVX512 INLINE void add_blocks_avx512(
    const grouped *w, const lanes *scales, const lanes *offsets, lanes *kept, const float *x, size_t first,
    size_t last, size_t tokens, const int bits)
{
    switch (tokens) {
    case 1: add_all_lanes_of_sixteen(w, scales, offsets, kept, x, first, last, 1, 16, bits); break;
    case 2: add_all_lanes_of_sixteen(w, scales, offsets, kept, x, first, last, 2, 4, bits); break;
    case 3: add_all_lanes_of_sixteen(w, scales, offsets, kept, x, first, last, 3, 4, bits); break;
    case 4: add_all_lanes_of_sixteen(w, scales, offsets, kept, x, first, last, 4, 4, bits); break;
    case 5: add_all_lanes_of_sixteen(w, scales, offsets, kept, x, first, last, 5, 4, bits); break;
    default: add_all_lanes_of_sixteen(w, scales, offsets, kept, x, first, last, 6, 4, bits);
    }
}

/// With 16 registers.
AVX2 INLINE void add_blocks_avx2(
    const grouped *w, const half_lanes *scales, const half_lanes *offsets, half_lanes *kept, const float *x,
    size_t first, size_t last, size_t tokens, const int bits)
{
    switch (tokens) {
    case 1: add_all_lanes_of_eight(w, scales, offsets, kept, x, first, last, 1, 8, bits); break;
    default: add_all_lanes_of_eight(w, scales, offsets, kept, x, first, last, 2, 4, bits);
    }
}

#else

/// With 32 registers, of which weights and inputs, which are no operands in memory, take more.
NEON INLINE void add_blocks_neon(
    const grouped *w, const quarter_lanes *scales, const quarter_lanes *offsets, quarter_lanes *kept, const float *x,
    size_t first, size_t last, size_t tokens, const int bits)
{
    switch (tokens) {
    case 1: add_all_lanes_of_four(w, scales, offsets, kept, x, first, last, 1, 16, bits); break;
    case 2: add_all_lanes_of_four(w, scales, offsets, kept, x, first, last, 2, 4, bits); break;
    case 3: add_all_lanes_of_four(w, scales, offsets, kept, x, first, last, 3, 4, bits); break;
    case 4: add_all_lanes_of_four(w, scales, offsets, kept, x, first, last, 4, 4, bits); break;
    default: add_all_lanes_of_four(w, scales, offsets, kept, x, first, last, 5, 4, bits);
    }
}

#endif

#define ADD_BLOCKS(name, target, vector, body, bits)                                                                   \
    target static void name##_##bits(                                                                                  \
        const grouped *w, const vector *scales, const vector *offsets, vector *kept, const float *x, size_t first,     \
        size_t last, size_t tokens)                                                                                    \
    {                                                                                                                  \
        body(w, scales, offsets, kept, x, first, last, tokens, bits);                                                  \
    }

/// One function for each number of bits, and `name`, which chooses.
#define ADD_ALL_BLOCKS(name, target, vector, part, body)                                                               \
    ADD_BLOCKS(name, target, vector, body, 4)                                                                          \
    ADD_BLOCKS(name, target, vector, body, 5)                                                                          \
    ADD_BLOCKS(name, target, vector, body, 6)                                                                          \
    ADD_BLOCKS(name, target, vector, body, 8)                                                                          \
    static part name(int bits) { return bits == 4 ? name##_4 : bits == 5 ? name##_5 : bits == 6 ? name##_6 : name##_8; }

#if HAS_AVX

ADD_ALL_BLOCKS(blocks_avx2, AVX2, half_lanes, part_of_eight, add_blocks_avx2)
ADD_ALL_BLOCKS(blocks_avx512, AVX512, lanes, part_of_sixteen, add_blocks_avx512)

/// One panel, of which row 0 is the matrix's row `row`, for tokens [token, last).
AVX512 static void multiply_panel_avx512(
    const multiply *m, const product *p, grouped *w, size_t row, size_t token, size_t last)
{
    // How many tokens to take where so many are left; from eleven on, six.
    static const uint8_t next[] = {0, 1, 2, 3, 4, 5, 6, 4, 4, 5, 5};
    const part_of_sixteen part = blocks_avx512(w->l.bits);
    while (token < last) {
        const size_t tokens = last - token < sizeof next ? next[last - token] : WIDEST_TILE;
        multiply_tile_of_sixteen(m, p, w, part, row, token, tokens);
        token += tokens;
    }
}

AVX2 static void multiply_panel_avx2(
    const multiply *m, const product *p, grouped *w, size_t row, size_t token, size_t last)
{
    const part_of_eight part = blocks_avx2(w->l.bits);
    for (w->row = 0; w->row < smaller(LOCKSTEP_PANEL_ROWS, p->rows - row); w->row += 8)
        for (size_t t = token; t < last;) {
            const size_t tokens = smaller(2, last - t);
            multiply_tile_of_eight(m, p, w, part, row + w->row, t, tokens);
            t += tokens;
        }
}

#else

ADD_ALL_BLOCKS(blocks_neon, NEON, quarter_lanes, part_of_four, add_blocks_neon)

NEON static void multiply_panel_neon(
    const multiply *m, const product *p, grouped *w, size_t row, size_t token, size_t last)
{
    // How many tokens to take where so many are left; from nine on, five.
    static const uint8_t next[] = {0, 1, 2, 3, 4, 5, 3, 4, 4};
    const part_of_four part = blocks_neon(w->l.bits);
    for (w->row = 0; w->row < smaller(LOCKSTEP_PANEL_ROWS, p->rows - row); w->row += 4)
        for (size_t t = token; t < last;) {
            const size_t tokens = last - t < sizeof next ? next[last - t] : 5;
            multiply_tile_of_four(m, p, w, part, row + w->row, t, tokens);
            t += tokens;
        }
}

#endif

static void describe(grouped *w, const product *p, const panel_layout *l)
{
    w->l = *l;
    w->scale = p->grouping.scale;
    w->has_offsets = p->grouping.has_offsets;
    w->minus_zero = -(float)(1 << (l->bits - 1));
    w->row = 0;
    w->bytes_ahead = p->row_byte_stride / larger(1, l->blocks);
}

static void multiply_vectors(const multiply *m, const product *p, const panel_layout *l, size_t first, size_t last)
{
    grouped w;
    describe(&w, p, l);
    w.x_stride = m->x_stride;
    const size_t near = larger(WIDEST_TILE, NEAR_BYTES / (p->columns * sizeof(float) + 1) / WIDEST_TILE * WIDEST_TILE);
    for (size_t token = 0; token < m->tokens; token += near)
        for (size_t row = first; row < last; row += LOCKSTEP_PANEL_ROWS) {
            const size_t end = smaller(token + near, m->tokens);
            w.panel = (const char *)p->w + row / LOCKSTEP_PANEL_ROWS * p->row_byte_stride;
#if HAS_AVX
            if (m->instruction_set == LOCKSTEP_AVX512)
                multiply_panel_avx512(m, p, &w, row, token, end);
            else
                multiply_panel_avx2(m, p, &w, row, token, end);
#else
            multiply_panel_neon(m, p, &w, row, token, end);
#endif
        }
}

#if HAS_AVX
AVX2 void weigh_eight_rows(
    const product *p, const panel_layout *l, const char *panel, size_t row, size_t block, half_lanes *weights)
{
    grouped w;
    describe(&w, p, l);
    w.panel = panel;
    w.row = row;
    weigh_any_block_of_eight(&w, weights, block);
}
#endif

/// Some columns of `rows` rows of a panel from `row` on, of the same eight.
EIGHT static void unpack_eight(
    const product *p, const panel_layout *l, const char *panel, size_t row, size_t rows, size_t column,
    size_t columns, float *to, size_t to_stride)
{
    grouped w;
    describe(&w, p, l);
    w.panel = panel;
    w.row = row / 8 * 8;
    const size_t first = l->missing + column, last = first + columns;
    for (size_t b = first / 32; b * 32 < last; b++) {
        half_lanes weights[32];
        weigh_any_block_of_eight(&w, weights, b);
        for (size_t c = 0; c < 32; c += 8)
            transpose(weights + c);
        const size_t from = larger(first, b * 32), end = smaller(last, b * 32 + 32);
        for (size_t r = 0; r < rows; r++)
            for (size_t c = from; c < end;) {
                const size_t place = c - b * 32, count = smaller(8 - place % 8, end - c);
                const float *values = (const float *)&weights[place / 8 * 8 + row % 8 + r] + place % 8;
                memcpy(to + r * to_stride + c - first, values, count * sizeof(float));
                c += count;
            }
    }
}

#endif

void lockstep_unpack_rows(
    int instruction_set, const struct lockstep_product *p, size_t row, size_t rows, size_t column, size_t columns,
    float *to, size_t to_stride)
{
    // A panel of no columns has no bytes, wherever in a block they would begin.
    if (columns == 0)
        return;
    panel_layout l;
    lay_out(&l, p->columns, p->encoding, &p->grouping);
    for (size_t r = row; r < row + rows;) {
        const char *panel = (const char *)p->w + r / LOCKSTEP_PANEL_ROWS * p->row_byte_stride;
        const size_t first = r % LOCKSTEP_PANEL_ROWS;
#if HAS_VECTOR_TARGETS
        if (instruction_set != LOCKSTEP_PORTABLE) {
            const size_t count = smaller(8 - first % 8, row + rows - r);
            unpack_eight(p, &l, panel, first, count, column, columns, to + (r - row) * to_stride, to_stride);
            r += count;
            continue;
        }
#endif
        for (size_t k = column; k < column + columns; k++)
            to[(r - row) * to_stride + k - column] = element_of(panel, &l, &p->grouping, first, l.missing + k);
        r++;
    }
    (void)instruction_set;
}

void multiply_grouped(const multiply *m, const product *p, size_t first, size_t last)
{
    panel_layout l;
    lay_out(&l, p->columns, p->encoding, &p->grouping);
#if HAS_VECTOR_TARGETS
    if (m->instruction_set != LOCKSTEP_PORTABLE) {
        multiply_vectors(m, p, &l, first, last);
        return;
    }
#endif
    for (size_t row = first; row < last; row++)
        for (size_t token = 0; token < m->tokens; token += PORTABLE_TOKENS)
            multiply_portable(m, p, &l, row, token);
}
