#include "rounded_amx.h"
#include "rounded_panels.h"

#if HAS_AMX
#include <immintrin.h>

// Products of many tokens with grouped weights by AMX: one instruction multiplies sixteen tokens with sixteen rows over
// 32 columns, both in bf16, and adds to sums in f32. Weights are widened to bf16 for all tokens that pass.
//
// Inputs are laid out in tiles of sixteen tokens, each block of 32 columns after the other: [tokens / 16, blocks,
// tokens of the tile, 32].

enum {
    // Two panels over so many blocks, as tiles, stay in the nearest caches, and sums pass seldom.
    STRIP_BLOCKS = 64,
    // The sums of so many tokens and panels, and the tokens' inputs, stay in the second cache.
    MOST_TOKENS = 256,
    MOST_PANELS = 16,
    PANELS = 2,
    TILES = 2,
};

/// Sums of two panels and two tiles of tokens: [tiles, panels, tokens, rows].
typedef float tile_sums[TILES][PANELS][16][16];

/// What a thread multiplies at a time.
typedef struct {
    char weights[PANELS][STRIP_BLOCKS][TILE_BYTES];
    tile_sums sums[MOST_PANELS / PANELS][MOST_TOKENS / (16 * TILES)];
} amx_scratch __attribute__((aligned(64)));

/// A tile of tokens' inputs over a strip of blocks, which are `step` bytes apart.
typedef struct {
    const char *first_block;
    size_t step;
} tile_inputs;

#pragma clang attribute push(                                                                                          \
    __attribute__((target("amx-tile,amx-bf16,avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c"))),                     \
    apply_to = function)

#include "rounded_amx_weights.h"

/// Rounds a row to bf16, into its places in its tile of `tile_tokens`; zeros fill the first and last block.
static void lay_row(char *to, size_t tile_tokens, const float *x, size_t columns, size_t missing)
{
    const size_t end = missing + columns;
    for (size_t column = 0; column < end; column += 32, to += tile_tokens * 64) {
        const size_t first = larger(column, missing), last = smaller(column + 32, end);
        float padded[32] = {0};
        const float *from = x + column - missing;
        if (last - first < 32) {
            memcpy(padded + (first - column), x + first - missing, (last - first) * sizeof(float));
            from = padded;
        }
        for (size_t k = 0; k < 32; k++)
            ((uint16_t *)to)[k] = bfloat_of_float(from[k]);
    }
}

void lockstep_lay_amx_grouped(const multiply *m, char *rounded, size_t first, size_t last)
{
    const product *p = &m->products[0];
    const size_t missing = p->grouping.first % LOCKSTEP_BLOCK_COLUMNS;
    for (size_t t = first; t < last; t++) {
        char *tile = rounded + t / 16 * 16 * m->rounded_stride;
        lay_row(tile + t % 16 * 64, smaller(16, m->tokens - t / 16 * 16), m->x + t * m->x_stride, p->columns, missing);
    }
}

/// What widening two panels will read.
static upcoming upcoming_strip(const amx_source *s, size_t panel, size_t first, size_t count)
{
    const product *p = s->p;
    const size_t column = first * LOCKSTEP_BLOCK_COLUMNS, last = column + (count - 1) * LOCKSTEP_BLOCK_COLUMNS;
    // With the scales of the spans that begin here.
    const size_t begin = place_of(&s->l, column) ? block_of(&s->l, column) : span_of(&s->l, column);
    const size_t panels = (p->rows + LOCKSTEP_PANEL_ROWS - 1) / LOCKSTEP_PANEL_ROWS;
    return (upcoming){
        .row = (const char *)p->w + panel * p->row_byte_stride + begin, .row_byte_stride = p->row_byte_stride,
        .rows = smaller(PANELS, panels - panel),
        .lines = (block_of(&s->l, last) + bytes_per_block(s->l.bits) - begin + 63) / 64};
}

static void shape_tiles(size_t first_tokens, size_t second_tokens)
{
    tile_shapes shapes = {.palette = 1};
    // 0 to 3 are sums, 4 and 5 inputs of each tile of tokens, 6 and 7 weights of each panel.
    for (int i = 0; i < 8; i++) {
        const size_t rows = i >= 6 ? 16 : i == 0 || i == 1 || i == 4 ? first_tokens : second_tokens;
        shapes.rows[i] = (uint8_t)rows;
        shapes.row_bytes[i] = rows ? 64 : 0;
    }
    _tile_loadconfig(&shapes);
}

/// Adds the products of one tile or two of tokens with two panels over a strip of blocks.
INLINE void add_strip(
    tile_sums *sums, const tile_inputs *inputs, char (*weights)[STRIP_BLOCKS][TILE_BYTES], size_t blocks, int begins,
    upcoming *next, const int tiles)
{
    if (begins) {
        _tile_zero(0);
        _tile_zero(1);
        if (tiles == 2) {
            _tile_zero(2);
            _tile_zero(3);
        }
    } else {
        _tile_loadd(0, (*sums)[0][0], 64);
        _tile_loadd(1, (*sums)[0][1], 64);
        if (tiles == 2) {
            _tile_loadd(2, (*sums)[1][0], 64);
            _tile_loadd(3, (*sums)[1][1], 64);
        }
    }
    for (size_t b = 0; b < blocks; b++) {
        _tile_loadd(6, weights[0][b], 64);
        _tile_loadd(4, inputs[0].first_block + b * inputs[0].step, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(7, weights[1][b], 64);
        _tile_dpbf16ps(1, 4, 7);
        if (tiles == 2) {
            _tile_loadd(5, inputs[1].first_block + b * inputs[1].step, 64);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
        }
        fetch_upcoming(next);
    }
    _tile_stored(0, (*sums)[0][0], 64);
    _tile_stored(1, (*sums)[0][1], 64);
    if (tiles == 2) {
        _tile_stored(2, (*sums)[1][0], 64);
        _tile_stored(3, (*sums)[1][1], 64);
    }
}

/// Adds the products of all of some tokens with two panels, which are widened, over blocks [first, first + count).
/// `x` is where the tokens' tiles begin.
static void add_pair(
    tile_sums *sums, const multiply *m, const char *x, size_t tokens, amx_scratch *scratch, size_t first, size_t count,
    upcoming *next)
{
    const size_t pairs = (tokens + 31) / 32;
    size_t shaped[2] = {0, 0};
    for (size_t pair = 0; pair < pairs; pair++) {
        const size_t left = tokens - pair * 32, here[2] = {smaller(16, left), left > 16 ? smaller(16, left - 16) : 0};
        if (here[0] != shaped[0] || here[1] != shaped[1]) {
            shape_tiles(here[0], here[1]);
            memcpy(shaped, here, sizeof shaped);
        }
        const char *begin = x + pair * 32 * m->rounded_stride;
        tile_inputs inputs[TILES] = {{0}};
        for (size_t i = 0; i < TILES && here[i]; i++) {
            const size_t step = here[i] * 64;
            inputs[i] = (tile_inputs){begin + i * 16 * m->rounded_stride + first * step, step};
        }
        if (here[1])
            add_strip(&sums[pair], inputs, scratch->weights, count, first == 0, next, 2);
        else
            add_strip(&sums[pair], inputs, scratch->weights, count, first == 0, next, 1);
    }
}

/// Writes the sums of tokens [token, token + tokens) and panels [first, last), with the bias if there is one.
static void write_sums(
    const product *p, const amx_scratch *scratch, size_t token, size_t tokens, size_t first, size_t last)
{
    for (size_t t = 0; t < tokens; t++)
        for (size_t panel = first; panel < last; panel++) {
            const size_t i = panel - first, row = panel * LOCKSTEP_PANEL_ROWS;
            const lanes *sums = (const lanes *)scratch->sums[i / PANELS][t / 32][t % 32 / 16][i % PANELS][t % 16];
            write_rows(p, token + t, row, sums);
        }
}

/// What is read behind two panels of [first, end) from `pair` on, over `count` blocks from `block` on: the next two, or
/// the first two's next blocks, or the first of the panels up to `last` that follow.
static upcoming next_strip(
    const amx_source *s, size_t first, size_t pair, size_t end, size_t last, size_t block, size_t count)
{
    if (pair + PANELS < end)
        return upcoming_strip(s, pair + PANELS, block, count);
    if (block + count < s->l.blocks)
        return upcoming_strip(s, first, block + count, smaller(STRIP_BLOCKS, s->l.blocks - block - count));
    if (end < last)
        return upcoming_strip(s, end, 0, smaller(STRIP_BLOCKS, s->l.blocks));
    return (upcoming){0};
}

/// Panels [first, last) of one product.
static void multiply_amx(const multiply *m, const amx_source *s, const char *x, size_t first, size_t last)
{
    amx_scratch scratch;
    if (s->l.blocks == 0)
        memset(scratch.sums, 0, sizeof scratch.sums);
    for (size_t token = 0; token < m->tokens; token += MOST_TOKENS) {
        const size_t tokens = smaller(MOST_TOKENS, m->tokens - token);
        for (size_t panel = first; panel < last; panel += MOST_PANELS) {
            const size_t end = smaller(panel + MOST_PANELS, last);
            for (size_t block = 0; block < s->l.blocks; block += STRIP_BLOCKS) {
                const size_t count = smaller(STRIP_BLOCKS, s->l.blocks - block);
                for (size_t pair = panel; pair < end; pair += PANELS) {
                    // Widening takes as long as multiplying where tokens are few: memory is asked for during both.
                    upcoming next = next_strip(s, panel, pair, end, last, block, count);
                    next.at_once = lines_at_once(&next, count * (PANELS + (tokens + 31) / 32));
                    for (size_t i = 0; i < PANELS; i++)
                        widen_strip(scratch.weights[i], s, smaller(pair + i, end - 1), block, count, &next);
                    add_pair(
                        scratch.sums[(pair - panel) / PANELS], m, x + token * m->rounded_stride, tokens, &scratch,
                        block, count, &next);
                }
            }
            write_sums(s->p, &scratch, token, tokens, panel, end);
        }
    }
    _tile_release();
}

#pragma clang attribute pop

void lockstep_multiply_amx_grouped(const multiply *m, const char *rounded, int thread, int threads)
{
    for (int i = 0; i < m->count; i++) {
        const product *p = &m->products[i];
        amx_source s = {.p = p};
        lay_out(&s.l, p->columns, p->encoding, &p->grouping);
        s.view = (panel_view){.l = &s.l, .scale = p->grouping.scale, .has_offsets = p->grouping.has_offsets};
        size_t first, last;
        part_of((p->rows + LOCKSTEP_PANEL_ROWS - 1) / LOCKSTEP_PANEL_ROWS, 1, thread, threads, &first, &last);
        multiply_amx(m, &s, rounded, first, last);
    }
}

#endif
