#include "rounded_amx.h"
#include "rounded_panels.h"

#if HAS_AMX
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

// Products of many tokens by AMX: one instruction multiplies sixteen tokens with sixteen rows over 32 columns, both in
// bf16, and adds to sums in f32. Weights of any encoding are widened to bf16, or turned, for all tokens that pass.
//
// Inputs are laid out in tiles of sixteen tokens, each block of 32 columns after the other: [tokens / 16, blocks,
// tokens of the tile, 32]. A tile of weights has a row for each two columns: [16, rows, 2].

enum {
    TILE_BYTES = 1024,
    // Two panels over so many blocks, as tiles, stay in the nearest caches, and sums pass seldom.
    STRIP_BLOCKS = 64,
    // The sums of so many tokens and panels, and the tokens' inputs, stay in the second cache.
    MOST_TOKENS = 256,
    MOST_PANELS = 16,
    PANELS = 2,
    TILES = 2,
    // What asks Linux for the registers: they are large, and a process must want them.
    REQUEST_PERMISSION = 0x1023,
    TILE_DATA = 18,
};

/// Sums of two panels and two tiles of tokens: [tiles, panels, tokens, rows].
typedef float tile_sums[TILES][PANELS][16][16];

/// What a thread multiplies at a time.
typedef struct {
    char weights[PANELS][STRIP_BLOCKS][TILE_BYTES];
    tile_sums sums[MOST_PANELS / PANELS][MOST_TOKENS / (16 * TILES)];
} amx_scratch __attribute__((aligned(64)));

/// Lines of memory to ask for: of each of some rows, consecutive ones.
typedef struct {
    const char *row;
    size_t row_byte_stride, rows, lines, next;
} upcoming;

/// A product of panels or rows of bf16, cut into strips.
typedef struct {
    const product *p;
    panel_layout l;
    panel_view view; // of grouped integers
    size_t blocks;
} amx_source;

int lockstep_has_amx(void)
{
    return lockstep_multiplies_bfloats(LOCKSTEP_DOT_AVX512) && __builtin_cpu_supports("amx-tile")
           && __builtin_cpu_supports("amx-bf16")
           && syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}

#pragma clang attribute push(                                                                                          \
    __attribute__((target("amx-tile,amx-bf16,avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c"))),                     \
    apply_to = function)

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

void lockstep_lay_amx(const multiply *m, char *rounded, size_t first, size_t last)
{
    const product *p = &m->products[0];
    const size_t missing = p->encoding == LOCKSTEP_BF16 ? 0 : p->grouping.first % LOCKSTEP_BLOCK_COLUMNS;
    for (size_t t = first; t < last; t++) {
        char *tile = rounded + t / 16 * 16 * m->rounded_stride;
        lay_row(tile + t % 16 * 64, smaller(16, m->tokens - t / 16 * 16), m->x + t * m->x_stride, p->columns, missing);
    }
}

/// Sixteen rows of sixteen pairs become sixteen rows of pairs of one row each.
INLINE void turn_tile(char *to, const char *const *rows)
{
    UNROLL for (int quarter = 0; quarter < 4; quarter++)
    {
        __m512i a[4], b[4];
        UNROLL for (int r = 0; r < 4; r++)
        {
            __m128i part[4];
            UNROLL for (int i = 0; i < 4; i++)
                part[i] = _mm_loadu_si128((const __m128i *)(rows[r + 4 * i] + 16 * quarter));
            __m512i joined = _mm512_castsi128_si512(part[0]);
            joined = _mm512_inserti32x4(joined, part[1], 1);
            joined = _mm512_inserti32x4(joined, part[2], 2);
            a[r] = _mm512_inserti32x4(joined, part[3], 3);
        }
        b[0] = _mm512_unpacklo_epi32(a[0], a[1]);
        b[1] = _mm512_unpackhi_epi32(a[0], a[1]);
        b[2] = _mm512_unpacklo_epi32(a[2], a[3]);
        b[3] = _mm512_unpackhi_epi32(a[2], a[3]);
        __m512i *line = (__m512i *)to + 4 * quarter;
        line[0] = _mm512_unpacklo_epi64(b[0], b[2]);
        line[1] = _mm512_unpackhi_epi64(b[0], b[2]);
        line[2] = _mm512_unpacklo_epi64(b[1], b[3]);
        line[3] = _mm512_unpackhi_epi64(b[1], b[3]);
    }
}

/// Turns blocks [first, first + count) of sixteen rows of bf16. Rows past the last are read as the last.
static void turn_strip(char (*to)[TILE_BYTES], const product *p, size_t row, size_t first, size_t count)
{
    const char *rows[16];
    for (size_t r = 0; r < 16; r++)
        rows[r] = (const char *)p->w + smaller(row + r, p->rows - 1) * p->row_byte_stride + first * 64;
    for (size_t b = 0; b < count; b++) {
        const size_t columns = smaller(32, p->columns - (first + b) * 32);
        if (columns == 32) {
            turn_tile(to[b], rows);
        } else {
            char padded[16][64];
            const char *padded_rows[16];
            memset(padded, 0, sizeof padded);
            for (size_t r = 0; r < 16; r++) {
                memcpy(padded[r], rows[r], columns * 2);
                padded_rows[r] = padded[r];
            }
            turn_tile(to[b], padded_rows);
        }
        UNROLL for (int r = 0; r < 16; r++) rows[r] += 64;
    }
}

/// Makes every NaN one that adding half of a bf16's last bit leaves a NaN.
INLINE void make_nan_roundable(lanes *x)
{
    const lane_bits is_nan = (lane_bits)(*x != *x);
    *x = (lanes)(((lane_bits)*x & ~is_nan) | (is_nan & 0x7fc00000));
}

/// Rounds the elements of two columns to bf16, side by side: to the nearest, of two the larger one.
INLINE void join_columns(__m512i *to, const lanes *even, const lanes *odd)
{
    const __m512i half = _mm512_set1_epi32(0x8000), high = _mm512_set1_epi32((int)0xffff0000);
    const __m512i low = _mm512_srli_epi32(_mm512_add_epi32((__m512i)*even, half), 16);
    // (odd & high) | low
    *to = _mm512_ternarylogic_epi32(_mm512_add_epi32((__m512i)*odd, half), high, low, 0xea);
}

/// Widens one block of a panel: all of it, or where groups have 16 columns, half of it.
INLINE void widen_part(
    char *to, const panel_view *v, const char *block, const char *span, size_t column, const int bits, const int first,
    const int last)
{
    lanes scale = {0}, offset = {0};
    // The last block's second group of 16 may not be there.
    if (column < v->l->end) {
        const size_t group = group_of(v->l, column);
        load_scales_of_rows(&scale, v, span, 0, v->l->super_scales, group);
        if (v->has_offsets)
            load_scales_of_rows(&offset, v, span, v->l->offsets, v->l->super_offsets, group);
        else
            // Exact: a power of two times the scale.
            offset = scale * -(float)(1 << (bits - 1));
        make_nan_roundable(&scale);
        make_nan_roundable(&offset);
    }
    UNROLL for (int j = first; j < last; j++)
    {
        lane_words words;
        unpack_line(&words, block, j, bits);
        lanes elements[4];
        UNROLL for (int c = 0; c < 4; c++)
        {
            const lanes integers = __builtin_convertvector((lane_integers)(words >> (8 * c) & 0xff), lanes);
            elements[c] = __builtin_elementwise_fma(integers, scale, offset);
        }
        join_columns((__m512i *)to + 2 * j, &elements[0], &elements[1]);
        join_columns((__m512i *)to + 2 * j + 1, &elements[2], &elements[3]);
    }
}

INLINE void widen_blocks(char (*to)[TILE_BYTES], const panel_view *v, size_t first, size_t count, const int bits)
{
    const int halves = v->l->size == 16;
    for (size_t b = 0; b < count; b++) {
        const size_t column = (first + b) * LOCKSTEP_BLOCK_COLUMNS;
        const char *block = v->panel + block_of(v->l, column), *span = v->panel + span_of(v->l, column);
        if (halves) {
            widen_part(to[b], v, block, span, column, bits, 0, 4);
            widen_part(to[b], v, block, span, column + 16, bits, 4, 8);
        } else {
            widen_part(to[b], v, block, span, column, bits, 0, 8);
        }
    }
}

/// Makes tiles of blocks [first, first + count) of a panel.
static void widen_strip(char (*to)[TILE_BYTES], const amx_source *s, size_t panel, size_t first, size_t count)
{
    if (s->p->encoding == LOCKSTEP_BF16) {
        turn_strip(to, s->p, panel * LOCKSTEP_PANEL_ROWS, first, count);
        return;
    }
    panel_view v = s->view;
    v.panel = (const char *)s->p->w + panel * s->p->row_byte_stride;
    switch (s->l.bits) {
    case 4: widen_blocks(to, &v, first, count, 4); return;
    case 5: widen_blocks(to, &v, first, count, 5); return;
    case 6: widen_blocks(to, &v, first, count, 6); return;
    default: widen_blocks(to, &v, first, count, 8); return;
    }
}

/// What widening two panels will read.
static upcoming upcoming_strip(const amx_source *s, size_t panel, size_t first, size_t count)
{
    const product *p = s->p;
    if (p->encoding == LOCKSTEP_BF16) {
        const size_t row = panel * LOCKSTEP_PANEL_ROWS;
        return (upcoming){
            .row = (const char *)p->w + row * p->row_byte_stride + first * 64, .row_byte_stride = p->row_byte_stride,
            .rows = smaller(PANELS * LOCKSTEP_PANEL_ROWS, p->rows - row), .lines = count};
    }
    const size_t column = first * LOCKSTEP_BLOCK_COLUMNS, last = column + (count - 1) * LOCKSTEP_BLOCK_COLUMNS;
    // With the scales of the spans that begin here.
    const size_t begin = place_of(&s->l, column) ? block_of(&s->l, column) : span_of(&s->l, column);
    const size_t panels = (p->rows + LOCKSTEP_PANEL_ROWS - 1) / LOCKSTEP_PANEL_ROWS;
    return (upcoming){
        .row = (const char *)p->w + panel * p->row_byte_stride + begin, .row_byte_stride = p->row_byte_stride,
        .rows = smaller(PANELS, panels - panel),
        .lines = (block_of(&s->l, last) + bytes_per_block(s->l.bits) - begin + 63) / 64};
}

INLINE void fetch_line(upcoming *u)
{
    if (u->rows == 0)
        return;
    _mm_prefetch(u->row + u->next * 64, _MM_HINT_T1);
    if (++u->next < u->lines)
        return;
    u->next = 0;
    u->row += u->row_byte_stride;
    u->rows--;
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

/// Adds the products of one tile or two of tokens with two panels over a strip of blocks; inputs are `first_step` and
/// `second_step` bytes apart from block to block.
INLINE void add_strip(
    tile_sums *sums, const char *first, const char *second, size_t first_step, size_t second_step,
    char (*weights)[STRIP_BLOCKS][TILE_BYTES], size_t blocks, int begins, upcoming *next, size_t lines,
    const int tiles)
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
        _tile_loadd(4, first + b * first_step, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(7, weights[1][b], 64);
        _tile_dpbf16ps(1, 4, 7);
        if (tiles == 2) {
            _tile_loadd(5, second + b * second_step, 64);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
        }
        for (size_t line = 0; line < lines; line++)
            fetch_line(next);
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
    const size_t lines = (next->rows * next->lines + pairs * count - 1) / (pairs * count);
    size_t shaped[2] = {0, 0};
    for (size_t pair = 0; pair < pairs; pair++) {
        const size_t left = tokens - pair * 32, here[2] = {smaller(16, left), left > 16 ? smaller(16, left - 16) : 0};
        if (here[0] != shaped[0] || here[1] != shaped[1]) {
            shape_tiles(here[0], here[1]);
            memcpy(shaped, here, sizeof shaped);
        }
        const size_t steps[2] = {here[0] * 64, here[1] * 64};
        const char *inputs = x + pair * 32 * m->rounded_stride, *begin = inputs + first * steps[0];
        if (here[1])
            add_strip(
                &sums[pair], begin, inputs + 16 * m->rounded_stride + first * steps[1], steps[0], steps[1],
                scratch->weights, count, first == 0, next, lines, 2);
        else
            add_strip(
                &sums[pair], begin, begin, steps[0], steps[0], scratch->weights, count, first == 0, next, lines, 1);
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
            write_rows(p, p->bias, token + t, row, sums);
        }
}

/// What is read behind two panels of [first, end) from `pair` on, over `count` blocks from `block` on: the next two, or
/// the first two's next blocks, or the first of the panels up to `last` that follow.
static upcoming next_strip(
    const amx_source *s, size_t first, size_t pair, size_t end, size_t last, size_t block, size_t count)
{
    if (pair + PANELS < end)
        return upcoming_strip(s, pair + PANELS, block, count);
    if (block + count < s->blocks)
        return upcoming_strip(s, first, block + count, smaller(STRIP_BLOCKS, s->blocks - block - count));
    if (end < last)
        return upcoming_strip(s, end, 0, smaller(STRIP_BLOCKS, s->blocks));
    return (upcoming){0};
}

/// Panels [first, last) of one product.
static void multiply_amx(const multiply *m, const amx_source *s, const char *x, size_t first, size_t last)
{
    amx_scratch scratch;
    if (s->blocks == 0)
        memset(scratch.sums, 0, sizeof scratch.sums);
    for (size_t token = 0; token < m->tokens; token += MOST_TOKENS) {
        const size_t tokens = smaller(MOST_TOKENS, m->tokens - token);
        for (size_t panel = first; panel < last; panel += MOST_PANELS) {
            const size_t end = smaller(panel + MOST_PANELS, last);
            for (size_t block = 0; block < s->blocks; block += STRIP_BLOCKS) {
                const size_t count = smaller(STRIP_BLOCKS, s->blocks - block);
                for (size_t pair = panel; pair < end; pair += PANELS) {
                    for (size_t i = 0; i < PANELS; i++)
                        widen_strip(scratch.weights[i], s, smaller(pair + i, end - 1), block, count);
                    upcoming next = next_strip(s, panel, pair, end, last, block, count);
                    add_pair(
                        scratch.sums[(pair - panel) / PANELS], m, x + token * m->rounded_stride, tokens, &scratch, block,
                        count, &next);
                }
            }
            write_sums(s->p, &scratch, token, tokens, panel, end);
        }
    }
    _tile_release();
}

#pragma clang attribute pop

void lockstep_multiply_amx(const multiply *m, const char *rounded, int thread, int threads)
{
    for (int i = 0; i < m->count; i++) {
        const product *p = &m->products[i];
        amx_source s = {.p = p, .blocks = (p->columns + 31) / 32};
        if (p->encoding != LOCKSTEP_BF16) {
            lay_out(&s.l, p->columns, p->encoding, &p->grouping);
            s.view = (panel_view){.l = &s.l, .scale = p->grouping.scale, .has_offsets = p->grouping.has_offsets};
            s.blocks = s.l.blocks;
        }
        size_t first, last;
        part_of((p->rows + LOCKSTEP_PANEL_ROWS - 1) / LOCKSTEP_PANEL_ROWS, 1, thread, threads, &first, &last);
        multiply_amx(m, &s, rounded, first, last);
    }
}

#else

int lockstep_has_amx(void) { return 0; }

#endif
