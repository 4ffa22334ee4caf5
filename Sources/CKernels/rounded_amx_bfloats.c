#include "rounded_amx.h"

#if HAS_AMX
#include <immintrin.h>

// Products of bf16 weights by AMX. Sixteen rows are a tile as they lie in memory; inputs are laid out for them, up to
// sixteen tokens to a tile: [tokens / 16, pairs of columns, tokens of the tile, 2]. Sums are [rows, tokens], and turned
// when they are written.

enum {
    TILES = 2, // of rows and of tokens that are multiplied at once
    // So many blocks of two tiles of rows stay in the second cache while tokens pass, and sums pass seldom.
    STRIP_BLOCKS = 32,
    // The sums of so many tokens and rows, and the tokens' inputs, stay in the second cache.
    MOST_TOKENS = 256,
    MOST_ROWS = 256,
    // So few tokens wait for memory, and so many rows are better read to their end: an Emerald Rapids gives them a
    // twentieth to a sixth more (bench --batch 8,16,32).
    FEW_TOKENS = 16 * TILES,
    FEW_ROWS = 16 * TILES,
};

/// Sums of two tiles of rows and two of tokens: [tiles of rows, tiles of tokens, rows, tokens].
typedef float tile_sums[TILES][TILES][16][16];

/// Two tiles of rows, or one, over a strip of blocks.
typedef struct {
    const char *w[TILES];
    size_t row_byte_stride, blocks;
    size_t rows[TILES];
    // The last columns where they are no whole block, with zeros behind them.
    char rest[TILES][TILE_BYTES];
    int has_rest, begins;
} row_tiles;

/// A tile of tokens' inputs over a strip: `tokens` pairs to a line.
typedef struct {
    const char *first_block;
    size_t tokens;
} token_tile;

#pragma clang attribute push(                                                                                          \
    __attribute__((target("amx-tile,amx-bf16,avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c"))),                     \
    apply_to = function)

/// 0 to 3 are sums, 4 and 5 rows, 6 and 7 inputs.
static void shape_tiles(const size_t *rows, const token_tile *inputs)
{
    tile_shapes shapes = {.palette = 1};
    for (int i = 0; i < TILES; i++) {
        for (int j = 0; j < TILES; j++) {
            shapes.rows[2 * i + j] = (uint8_t)(inputs[j].tokens ? rows[i] : 0);
            shapes.row_bytes[2 * i + j] = (uint16_t)(rows[i] ? inputs[j].tokens * 4 : 0);
        }
        shapes.rows[4 + i] = (uint8_t)rows[i];
        shapes.row_bytes[4 + i] = rows[i] ? 64 : 0;
        shapes.rows[6 + i] = inputs[i].tokens ? 16 : 0;
        shapes.row_bytes[6 + i] = (uint16_t)(inputs[i].tokens * 4);
    }
    _tile_loadconfig(&shapes);
}

/// Adds one block's products.
INLINE void add_block(
    const char *const *w, size_t row_byte_stride, const token_tile *inputs, size_t block, const int rows,
    const int tokens)
{
    _tile_loadd(4, w[0], row_byte_stride);
    _tile_loadd(6, inputs[0].first_block + block * inputs[0].tokens * 64, inputs[0].tokens * 4);
    _tile_dpbf16ps(0, 4, 6);
    if (tokens == 2) {
        _tile_loadd(7, inputs[1].first_block + block * inputs[1].tokens * 64, inputs[1].tokens * 4);
        _tile_dpbf16ps(1, 4, 7);
    }
    if (rows == 1)
        return;
    _tile_loadd(5, w[1], row_byte_stride);
    _tile_dpbf16ps(2, 5, 6);
    if (tokens == 2)
        _tile_dpbf16ps(3, 5, 7);
}

/// Does something to each tile of sums that there is.
#define EACH_SUM(do_it)                                                                                                \
    do_it(0, (*sums)[0][0]);                                                                                           \
    if (tokens == 2)                                                                                                   \
        do_it(1, (*sums)[0][1]);                                                                                       \
    if (rows == 2)                                                                                                     \
        do_it(2, (*sums)[1][0]);                                                                                       \
    if (rows == 2 && tokens == 2)                                                                                      \
        do_it(3, (*sums)[1][1])
#define CLEAR(tile, kept) _tile_zero(tile)
#define LOAD(tile, kept) _tile_loadd(tile, kept, 64)
#define STORE(tile, kept) _tile_stored(tile, kept, 64)

/// Adds the products of one tile or two of rows with as many of tokens over a strip.
INLINE void add_strip(
    tile_sums *sums, const row_tiles *r, const token_tile *inputs, upcoming *next, const int rows, const int tokens)
{
    if (r->begins) {
        EACH_SUM(CLEAR);
    } else {
        EACH_SUM(LOAD);
    }
    const char *w[TILES] = {r->w[0], r->w[1]};
    for (size_t b = 0; b < r->blocks; b++) {
        add_block(w, r->row_byte_stride, inputs, b, rows, tokens);
        w[0] += 64;
        w[1] += 64;
        fetch_upcoming(next);
    }
    if (r->has_rest) {
        const char *rest[TILES] = {r->rest[0], r->rest[1]};
        add_block(rest, 64, inputs, r->blocks, rows, tokens);
        fetch_upcoming(next);
    }
    EACH_SUM(STORE);
}

#undef EACH_SUM
#undef CLEAR
#undef LOAD
#undef STORE

/// Adds the products of all of some tokens, whose inputs begin at `x`, over a strip that begins at `block`.
static void add_tokens(
    tile_sums *sums, const multiply *m, const char *x, size_t tokens, const row_tiles *r, size_t block, upcoming *next)
{
    size_t shaped[TILES] = {0, 0};
    for (size_t token = 0; token < tokens; token += 16 * TILES, sums++) {
        token_tile inputs[TILES] = {{0}};
        for (size_t j = 0; j < TILES && token + 16 * j < tokens; j++) {
            inputs[j].tokens = smaller(16, tokens - token - 16 * j);
            inputs[j].first_block = x + (token + 16 * j) * m->rounded_stride + block * inputs[j].tokens * 64;
        }
        if (inputs[0].tokens != shaped[0] || inputs[1].tokens != shaped[1])
            shape_tiles(r->rows, inputs);
        for (int j = 0; j < TILES; j++)
            shaped[j] = inputs[j].tokens;
        if (r->rows[1] && shaped[1])
            add_strip(sums, r, inputs, next, 2, 2);
        else if (r->rows[1])
            add_strip(sums, r, inputs, next, 2, 1);
        else if (shaped[1])
            add_strip(sums, r, inputs, next, 1, 2);
        else
            add_strip(sums, r, inputs, next, 1, 1);
    }
}

/// Blocks [block, block + count) of two tiles of rows from `row` on, of which those below `last` count.
static void take_rows(row_tiles *r, const product *p, size_t row, size_t last, size_t block, size_t count)
{
    const size_t columns = smaller(count * 32, p->columns - block * 32), rest = columns % 32;
    r->row_byte_stride = p->row_byte_stride;
    r->blocks = columns / 32;
    r->has_rest = rest > 0;
    r->begins = block == 0;
    for (size_t i = 0; i < TILES; i++) {
        const size_t here = row + 16 * i;
        r->rows[i] = here < last ? smaller(16, last - here) : 0;
        r->w[i] = (const char *)p->w + smaller(here, last - 1) * p->row_byte_stride + block * 64;
        for (size_t k = 0; rest && k < r->rows[i]; k++) {
            // What is stored behind the last column may be no number.
            memset(r->rest[i] + k * 64, 0, 64);
            memcpy(r->rest[i] + k * 64, r->w[i] + k * p->row_byte_stride + r->blocks * 64, rest * 2);
        }
    }
}

/// What is read behind two tiles of rows of [first, end) from `row` on, over a strip from `block` on: the next two, or
/// the first two's next blocks, or the first of the rows up to `last` that follow.
static upcoming next_rows(const product *p, size_t first, size_t row, size_t end, size_t last, size_t block)
{
    const size_t blocks = (p->columns + 31) / 32;
    row += 16 * TILES;
    if (row >= end) {
        block += STRIP_BLOCKS;
        row = first;
    }
    if (block >= blocks) {
        block = 0;
        row = end;
    }
    return (upcoming){
        .row = (const char *)p->w + row * p->row_byte_stride + block * 64, .row_byte_stride = p->row_byte_stride,
        .rows = row < last ? smaller(16 * TILES, last - row) : 0, .lines = smaller(STRIP_BLOCKS, blocks - block)};
}

/// Writes the sums of rows [first, last) with tokens [token, token + tokens), with the bias if there is one.
static void write_sums(
    const product *p, tile_sums (*sums)[MOST_TOKENS / (16 * TILES)], size_t token, size_t tokens, size_t first,
    size_t last)
{
    for (size_t t = 0; t < tokens; t += 16)
        for (size_t row = first; row < last; row += 16) {
            const __mmask16 inside = (__mmask16)((1u << smaller(16, last - row)) - 1);
            const __m512 bias = p->bias ? _mm512_maskz_loadu_ps(inside, p->bias + row) : _mm512_setzero_ps();
            const size_t i = (row - first) / 16;
            lanes turned[16];
            memcpy(turned, sums[i / TILES][t / 32][i % TILES][t % 32 / 16], sizeof turned);
            turn_lanes(turned);
            float *y = p->y + (token + t) * p->y_stride + row;
            for (size_t k = 0; k < smaller(16, tokens - t); k++)
                _mm512_mask_storeu_ps(y + k * p->y_stride, inside, _mm512_add_ps((__m512)turned[k], bias));
        }
}

/// Rows [first, last) of one product.
static void multiply_rows(const multiply *m, const product *p, const char *x, size_t first, size_t last)
{
    tile_sums sums[MOST_ROWS / (16 * TILES)][MOST_TOKENS / (16 * TILES)] __attribute__((aligned(64)));
    row_tiles r;
    const size_t blocks = (p->columns + 31) / 32;
    if (blocks == 0)
        memset(sums, 0, sizeof sums);
    for (size_t token = 0; token < m->tokens; token += MOST_TOKENS) {
        const size_t tokens = smaller(MOST_TOKENS, m->tokens - token);
        const size_t rows = tokens > FEW_TOKENS ? MOST_ROWS : FEW_ROWS;
        for (size_t chunk = first; chunk < last; chunk += rows) {
            const size_t end = smaller(chunk + rows, last);
            for (size_t block = 0; block < blocks; block += STRIP_BLOCKS)
                for (size_t row = chunk; row < end; row += 16 * TILES) {
                    const size_t count = smaller(STRIP_BLOCKS, blocks - block);
                    take_rows(&r, p, row, end, block, count);
                    upcoming next = next_rows(p, chunk, row, end, last, block);
                    next.at_once = lines_at_once(&next, count * ((tokens + 31) / 32));
                    add_tokens(
                        sums[(row - chunk) / (16 * TILES)], m, x + token * m->rounded_stride, tokens, &r, block, &next);
                }
            write_sums(p, sums, token, tokens, chunk, end);
        }
    }
    _tile_release();
}

#pragma clang attribute pop

void lockstep_multiply_amx_bfloats(const multiply *m, const char *rounded, int thread, int threads)
{
    for (int i = 0; i < m->count; i++) {
        const product *p = &m->products[i];
        size_t first, last;
        part_of(p->rows, 16, thread, threads, &first, &last);
        multiply_rows(m, p, rounded, first, last);
    }
}

#endif
