#include "grouped.h"
#include "products.h"

// Products of many tokens in the canonical order, for AVX2: rows are the lanes of a vector, and tiles of sixteen rows x
// six tokens fill the registers with sums. Each of the sixteen lanes of a sum takes its turn: its columns are every
// sixteenth. Weights are widened, and inputs laid out, such that a turn reads one stream of each factor; six tokens'
// inputs at their own places would compete for the same bank of the first cache. All products of one multiply have the
// same columns, those that are laid out. The scalar reference is multiply.c's `dot_reference`.

#if HAS_AVX

enum {
    TILE_TOKENS = 6,
    PANEL_ROWS = 16,
    // Sixteen rows of so many columns, widened, stay in the second cache while tiles of tokens pass.
    BLOCK_COLUMNS = 2048,
    TILES = LOCKSTEP_TILE_TOKENS / TILE_TOKENS,
};

/// The sums of a tile: [lanes of a sum, tokens, sixteen rows].
typedef half_lanes tile_sums[16 * TILE_TOKENS * 2];

/// What a thread needs: sixteen rows of a block of columns, widened, [lanes, groups of sixteen columns, rows], and the
/// sums of all tiles from block to block.
typedef struct {
    half_lanes panel[BLOCK_COLUMNS * PANEL_ROWS / 8];
    tile_sums sums[TILES];
} scratch;

_Static_assert(sizeof(scratch) <= LOCKSTEP_TILE_THREAD_BYTES, "The header says how much a thread needs.");

INLINE size_t tile_count(size_t tokens) { return (tokens + TILE_TOKENS - 1) / TILE_TOKENS; }

/// The first token of a tile: tiles are as equal as can be.
INLINE size_t first_token(size_t tokens, size_t tile) { return tokens * tile / tile_count(tokens); }

/// Groups of sixteen columns, of which the last may be filled up with zeros.
INLINE size_t groups_of(size_t columns) { return (columns + 15) / 16; }

/// Where a tile's input of a block of columns is, [lanes, groups, tokens of the tile]: block by block, tile by tile.
INLINE float *laid_input(const multiply *m, size_t column, size_t groups, size_t token)
{
    return m->laid + column * m->tokens + groups * 16 * token;
}

void lockstep_lay_part(const void *work, int thread, int threads)
{
    const multiply *m = work;
    const size_t columns = m->products[0].columns;
    size_t first, last;
    part_of(tile_count(m->tokens), 1, thread, threads, &first, &last);
    for (size_t tile = first; tile < last; tile++) {
        const size_t token = first_token(m->tokens, tile), end = first_token(m->tokens, tile + 1);
        for (size_t column = 0; column < columns; column += BLOCK_COLUMNS) {
            const size_t groups = groups_of(smaller(BLOCK_COLUMNS, columns - column));
            float *to = laid_input(m, column, groups, token);
            for (size_t k = column; k < column + 16; k++)
                for (size_t g = 0; g < groups; g++)
                    for (size_t t = token; t < end; t++)
                        *to++ = k + g * 16 < columns ? m->x[t * m->x_stride + k + g * 16] : 0;
        }
    }
}

/// Eight elements of any plain encoding, as f32.
AVX2 INLINE void load_half_widened(half_lanes *to, const char *from, const int encoding)
{
    if (encoding == LOCKSTEP_F32)
        *to = *(const unaligned_half_lanes *)from;
    else
        load_half_section(to, from, encoding == LOCKSTEP_BF16 ? LOCKSTEP_SCALE_BF16 : LOCKSTEP_SCALE_F16);
}

/// Widens sixteen rows of plain numbers over `groups` whole groups of columns. Rows past the last are read as the last.
AVX2 INLINE void widen_groups(
    half_lanes *panel, const product *p, size_t row, size_t column, size_t first, size_t last, size_t groups,
    const int encoding)
{
    const size_t element = bytes_per_element(encoding);
    for (size_t half = 0; half < 2; half++) {
        const char *rows[8];
        for (size_t r = 0; r < 8; r++)
            rows[r] = (const char *)p->w + smaller(row + half * 8 + r, p->rows - 1) * p->row_byte_stride
                      + column * element;
        for (size_t g = first; g < last; g++)
            UNROLL for (size_t c = 0; c < 16; c += 8)
            {
                half_lanes m[8];
                if (g * 16 * element % 64 == 0 && c == 0)
                    for (size_t r = 0; r < 8; r++)
                        __builtin_prefetch(rows[r] + g * 16 * element + PANEL_ROWS * p->row_byte_stride, 0, 2);
                UNROLL for (size_t r = 0; r < 8; r++)
                    load_half_widened(&m[r], rows[r] + (g * 16 + c) * element, encoding);
                transpose(m);
                UNROLL for (size_t i = 0; i < 8; i++) panel[((c + i) * groups + g) * 2 + half] = m[i];
            }
    }
}

/// The same for the last group of a row with less than sixteen columns.
static void widen_rest(half_lanes *panel, const product *p, size_t row, size_t column, size_t columns, size_t groups)
{
    for (size_t c = 0; c < 16; c++)
        for (size_t r = 0; r < PANEL_ROWS; r++) {
            const char *from = (const char *)p->w + smaller(row + r, p->rows - 1) * p->row_byte_stride;
            ((float *)&panel[(c * groups + groups - 1) * 2])[r]
                = c < columns ? widened(from, column + c, p->encoding) : 0;
        }
}

AVX2 static void widen_plain(half_lanes *panel, const product *p, size_t row, size_t column, size_t columns)
{
    const size_t groups = groups_of(columns), whole = columns / 16;
    if (p->encoding == LOCKSTEP_F32)
        widen_groups(panel, p, row, column, 0, whole, groups, LOCKSTEP_F32);
    else if (p->encoding == LOCKSTEP_BF16)
        widen_groups(panel, p, row, column, 0, whole, groups, LOCKSTEP_BF16);
    else
        widen_groups(panel, p, row, column, 0, whole, groups, LOCKSTEP_F16);
    if (whole < groups)
        widen_rest(panel, p, row, column + whole * 16, columns % 16, groups);
}

/// Widens sixteen rows of grouped integers.
AVX2 static void widen_integers(
    half_lanes *panel, const product *p, const panel_layout *l, size_t row, size_t column, size_t columns)
{
    // A panel of no columns has no bytes, wherever in a block they would begin.
    if (columns == 0)
        return;
    const char *from = (const char *)p->w + row / PANEL_ROWS * p->row_byte_stride;
    const size_t groups = groups_of(columns), first = l->missing + column, last = first + columns;
    for (size_t k = columns; k < groups * 16; k++)
        memset(&panel[(k % 16 * groups + k / 16) * 2], 0, 2 * sizeof *panel);
    for (size_t half = 0; half < 2; half++)
        for (size_t b = first / 32; b * 32 < last; b++) {
            half_lanes weights[32];
            weigh_eight_rows(p, l, from, half * 8, b, weights);
            const size_t end = smaller(last, b * 32 + 32);
            for (size_t c = larger(first, b * 32); c < end; c++) {
                const size_t k = c - first;
                panel[(k % 16 * groups + k / 16) * 2 + half] = weights[c - b * 32];
            }
        }
}

/// Adds the products of a block of columns with a tile's input.
AVX2 INLINE void add_block(
    half_lanes *kept, const half_lanes *panel, const float *x, size_t groups, int begins, const int tokens)
{
    for (int lane = 0; lane < 16; lane++, kept += 2 * tokens) {
        half_lanes sums[2 * TILE_TOKENS];
        UNROLL for (int i = 0; i < 2 * tokens; i++) sums[i] = begins ? (half_lanes){0} : kept[i];
        for (size_t g = 0; g < groups; g++, panel += 2, x += tokens) {
            const half_lanes first = panel[0], second = panel[1];
            UNROLL for (int t = 0; t < tokens; t++)
            {
                const half_lanes input = (half_lanes){x[t], x[t], x[t], x[t], x[t], x[t], x[t], x[t]};
                sums[2 * t] = __builtin_elementwise_fma(input, first, sums[2 * t]);
                sums[2 * t + 1] = __builtin_elementwise_fma(input, second, sums[2 * t + 1]);
            }
        }
        UNROLL for (int i = 0; i < 2 * tokens; i++) kept[i] = sums[i];
    }
}

#define TILE_OF(tokens)                                                                                                \
    case tokens: add_block(kept, panel, x, groups, begins, tokens); return;

AVX2 static void add_some(
    half_lanes *kept, const half_lanes *panel, const float *x, size_t groups, int begins, size_t tokens)
{
    switch (tokens) {
        TILE_OF(1)
        TILE_OF(2)
        TILE_OF(3)
        TILE_OF(4)
        TILE_OF(5)
    default: add_block(kept, panel, x, groups, begins, TILE_TOKENS);
    }
}

#undef TILE_OF

/// Adds the lanes of a tile's sums and writes the results of its rows.
AVX2 static void finish_tile(const product *p, const half_lanes *kept, size_t row, size_t token, size_t tokens)
{
    const size_t rows = smaller(PANEL_ROWS, p->rows - row);
    for (size_t t = 0; t < tokens; t++) {
        half_lanes results[2];
        for (size_t half = 0; half < 2; half++) {
            half_lanes sums[16];
            UNROLL for (size_t i = 0; i < 16; i++) sums[i] = kept[(i * tokens + t) * 2 + half];
            UNROLL for (size_t distance = 8; distance > 0; distance /= 2)
                UNROLL for (size_t i = 0; i < distance; i++) sums[i] += sums[i + distance];
            results[half] = sums[0];
        }
        float *y = p->y + (token + t) * p->y_stride + row;
        memcpy(y, results, rows * sizeof(float));
        for (size_t r = 0; p->bias && r < rows; r++)
            y[r] += p->bias[row + r];
    }
}

/// Sixteen rows with all tokens.
static void multiply_rows(const multiply *m, const product *p, const panel_layout *l, size_t row, scratch *s)
{
    const size_t tiles = tile_count(m->tokens);
    for (size_t column = 0; column == 0 || column < p->columns; column += BLOCK_COLUMNS) {
        const size_t columns = smaller(BLOCK_COLUMNS, p->columns - column), groups = groups_of(columns);
        if (l)
            widen_integers(s->panel, p, l, row, column, columns);
        else
            widen_plain(s->panel, p, row, column, columns);
        for (size_t tile = 0; tile < tiles; tile++) {
            const size_t token = first_token(m->tokens, tile), end = first_token(m->tokens, tile + 1);
            // Sums that are complete after one block stay in the first cache.
            half_lanes *sums = s->sums[p->columns > BLOCK_COLUMNS ? tile : 0];
            add_some(sums, s->panel, laid_input(m, column, groups, token), groups, column == 0, end - token);
            if (column + columns >= p->columns)
                finish_tile(p, sums, row, token, end - token);
        }
    }
}

void lockstep_multiply_tiles_part(const void *work, int thread, int threads)
{
    const multiply *m = work;
    scratch *s = (scratch *)((char *)m->tile_scratch + (size_t)thread * LOCKSTEP_TILE_THREAD_BYTES);
    for (int i = 0; i < m->count; i++) {
        const product *p = &m->products[i];
        const int is_grouped = p->encoding >= LOCKSTEP_Q4;
        panel_layout l;
        size_t first, last;
        if (is_grouped)
            lay_out(&l, p->columns, p->encoding, &p->grouping);
        part_of(p->rows, PANEL_ROWS, thread, threads, &first, &last);
        for (size_t row = first; row < last; row += PANEL_ROWS)
            multiply_rows(m, p, is_grouped ? &l : NULL, row, s);
    }
}

int lockstep_multiplies_tiles(int instruction_set) { return instruction_set == LOCKSTEP_AVX2; }

#else

int lockstep_multiplies_tiles(int instruction_set)
{
    (void)instruction_set;
    return 0;
}

void lockstep_lay_part(const void *work, int thread, int threads) { (void)work, (void)thread, (void)threads; }
void lockstep_multiply_tiles_part(const void *work, int thread, int threads)
{
    (void)work, (void)thread, (void)threads;
}

#endif
