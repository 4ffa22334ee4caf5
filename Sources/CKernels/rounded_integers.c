#include "rounded_pairs.h"
#include "rounded_panels.h"

#if HAS_AVX
#include <immintrin.h>
#elif HAS_NEON
#include "neon.h"
#endif

// Products of grouped weights with activations rounded to integers of 8 bits.

/// The reference, in plain C.
static void multiply_portable(
    const multiply *m, const product *p, const panel_layout *l, const char *rounded, size_t first, size_t last)
{
    const int scale_kind = p->grouping.scale, has_offsets = p->grouping.has_offsets;
    const size_t step = l->size == 16 ? 16 : 32;
    const int32_t zero = has_offsets ? 0 : 1 << (l->bits - 1);
    for (size_t row = first * 16; row < smaller(last * 16, p->rows); row++)
        for (size_t t = 0; t < m->tokens; t++) {
            const char *panel = (const char *)p->w + row / 16 * p->row_byte_stride;
            const rounded_block *x = (const rounded_block *)(rounded + t * m->rounded_stride);
            float sum = 0;
            for (size_t column = 0; column < smaller(l->end, l->blocks * 32); column += step) {
                const rounded_block *block = x + column / 32;
                int32_t products = 0;
                for (size_t k = column; k < column + step; k++) {
                    int32_t q = (int32_t)integer_of(panel, l, row % 16, k);
                    products += (q - zero) * block->values[k % 32];
                }
                float scale = scale_of(panel, l, 0, l->super_scales, row % 16, column, scale_kind);
                sum = __builtin_fmaf((float)products, scale * block->scale, sum);
                if (has_offsets) {
                    float offset = scale_of(panel, l, l->offsets, l->super_offsets, row % 16, column, scale_kind);
                    sum = __builtin_fmaf(offset, block->scaled_sums[step == 32 ? 2 : column / 16 % 2], sum);
                }
            }
            p->y[t * p->y_stride + row] = p->bias ? sum + p->bias[row] : sum;
        }
}

#if HAS_VECTOR_TARGETS

enum {
    // Blocks that are widened at a time: they and a tile's input stay in the first cache.
    WIDE_BLOCKS = 32,
    WIDE_SHIFT = 10, // of their columns
    // The input of so many tokens over as many blocks stays in the second cache while panels pass.
    MOST_TOKENS = 256,
    // So many of their sums of sixteen rows stay beside it. In the output they would not: its rows may lie a power of
    // two apart, and drive each other out.
    STRIP_SUMS = 4 * MOST_TOKENS,
    // The most tokens whose products are cheaper from the packed panel.
    DIRECT_TOKENS = 16,
    // From so many tokens on, by AVX2, products are cheaper from panels unpacked for all.
    FEWEST_PAIRS = 2,
    // Near by one panel is one stream, and asked for further ahead than four: into the second cache, then the first. An
    // Emerald Rapids gives two tokens a tenth more so than by asking once, 6144 bytes ahead.
    ONE_PANEL_AHEAD = 8192,
    ONE_PANEL_NEAREST = 2048,
    // Close by, too, it is asked for further ahead than for one token: so a Zen 4 gives four tokens a twentieth more
    // than 6144 bytes ahead, and a sixth more than 192 ahead.
    ONE_PANEL_CLOSE = 2048,
};

/// Fetches what comes behind in the one panel that few tokens read, while it is read at `at`: into the first cache,
/// which keeps it while it is used for all of them.
INLINE void fetch_few(const char *at, int fetching)
{
    if (fetching == LOCKSTEP_FETCH_NEAR) {
        __builtin_prefetch(at + ONE_PANEL_AHEAD, 0, 2);
        __builtin_prefetch(at + ONE_PANEL_NEAREST, 0, 3);
    } else {
        __builtin_prefetch(at + (fetching == LOCKSTEP_FETCH_FAR ? FAR_PANEL_AHEAD : ONE_PANEL_CLOSE));
    }
}

/// Blocks with 8 bits for every integer and f32 scales: a panel like others.
typedef struct {
    char panel[WIDE_BLOCKS * (512 + 2 * 2 * 64)];
    panel_layout layout;
    panel_view view;
} wide_panel __attribute__((aligned(64)));

typedef void (*add_function)(lanes *kept, const panel_view *v, const char *x, size_t x_stride, size_t tokens);
typedef void (*one_token_function)(
    const product *p, const panel_layout *l, const char *x, size_t first, size_t last, int fetching);

/// Products of packed panels: a panel's for some tokens, and panels' for one.
typedef struct {
    add_function add;
    one_token_function one_token;
} direct_form;

/// What differs between kinds of instructions.
typedef struct {
    direct_form (*direct)(int bits, size_t size);
    void (*widen)(wide_panel *wide, const panel_view *v, size_t first);
    size_t widest;
} multiply_functions;

INLINE void prepare(wide_panel *wide, const panel_view *v)
{
    const struct lockstep_grouping grouping = {
        .scale = LOCKSTEP_SCALE_F32, .has_offsets = v->has_offsets, .size = v->l->size == 16 ? 16 : 32};
    // One span: rows of tiles pass it often.
    lay_out_spans(&wide->layout, WIDE_BLOCKS * LOCKSTEP_BLOCK_COLUMNS, LOCKSTEP_Q8, &grouping, WIDE_SHIFT);
    wide->view = (panel_view){
        .panel = wide->panel, .l = &wide->layout, .scale = LOCKSTEP_SCALE_F32, .has_offsets = v->has_offsets};
}

/// One panel for few tokens.
INLINE void multiply_few(
    const multiply *m, const product *p, const panel_view *v, const char *x, size_t row, add_function add,
    size_t widest)
{
    for (size_t t = 0; t < m->tokens;) {
        size_t tokens = next_tile(m->tokens - t, widest);
        lanes sums[8];
        memset(sums, 0, sizeof sums);
        add(sums, v, x + t * m->rounded_stride, m->rounded_stride, tokens);
        for (size_t i = 0; i < tokens; i++)
            write_rows(p, t + i, row, &sums[i]);
        t += tokens;
    }
}

/// Adds the products of the next WIDE_BLOCKS blocks of one panel, from `block` on, to the sums of `tokens` tokens.
INLINE void add_strip(
    const multiply *m, lanes *sums, const panel_view *v, wide_panel *wide, const char *x, size_t block, size_t tokens,
    const multiply_functions *functions)
{
    const add_function add = functions->direct(8, wide->layout.size).add;
    wide->view.blocks = smaller(WIDE_BLOCKS, v->blocks - block);
    functions->widen(wide, v, block);
    x += block * sizeof(rounded_block);
    for (size_t t = 0, tile; t < tokens; t += tile) {
        tile = next_tile(tokens - t, functions->widest);
        add(sums + t, &wide->view, x + t * m->rounded_stride, m->rounded_stride, tile);
    }
}

/// Panels [first, last), of which STRIP_SUMS has room for the sums, for `tokens` tokens from `token` on: strips of all
/// panels pass the same input.
INLINE void multiply_strips(
    const multiply *m, const product *p, panel_view *v, wide_panel *wide, const char *x, size_t first, size_t last,
    size_t token, size_t tokens, const multiply_functions *functions)
{
    lanes sums[STRIP_SUMS]; // [panels, tokens]
    memset(sums, 0, (last - first) * tokens * sizeof *sums);
    for (size_t block = 0; block < v->blocks; block += WIDE_BLOCKS)
        for (size_t i = first; i < last; i++) {
            v->panel = (const char *)p->w + i * p->row_byte_stride;
            add_strip(m, sums + (i - first) * tokens, v, wide, x + token * m->rounded_stride, block, tokens, functions);
        }
    write_panels(p, sums, first, last, token, tokens);
}

/// Panels [first, last) for many tokens.
INLINE void multiply_many(
    const multiply *m, const product *p, panel_view *v, const char *x, size_t first, size_t last,
    const multiply_functions *functions)
{
    wide_panel wide;
    prepare(&wide, v);
    const size_t step = next_tile(m->tokens, MOST_TOKENS), panels = STRIP_SUMS / step;
    for (size_t token = 0; token < m->tokens; token += step)
        for (size_t i = first; i < last; i += panels)
            multiply_strips(
                m, p, v, &wide, x, i, smaller(i + panels, last), token, smaller(step, m->tokens - token), functions);
}

INLINE void multiply_panels(
    const multiply *m, const product *p, const panel_layout *l, const char *x, size_t first, size_t last,
    const multiply_functions *functions)
{
    add_function add = m->tokens > DIRECT_TOKENS ? NULL : functions->direct(l->bits, l->size).add;
    panel_view v = {
        .l = l, .blocks = l->blocks, .scale = p->grouping.scale, .has_offsets = p->grouping.has_offsets, .fetches = 1,
        .fetching = m->fetching};
    if (!add) {
        multiply_many(m, p, &v, x, first, last, functions);
        return;
    }
    for (size_t i = first; i < last; i++) {
        v.panel = (const char *)p->w + i * p->row_byte_stride;
        multiply_few(m, p, &v, x, i * 16, add, functions->widest);
    }
}

#if HAS_AVX

#define FORM(name) name##_avx512
#define WIDEST 8
#define CHAINS 2
#define BIASED_BYTES 0
#pragma clang attribute push(                                                                                          \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c"))), apply_to = function)

INLINE void dot_step_avx512(lane_integers *sum, const lane_words *weights, const int8_t *x, const int bits)
{
    int32_t four;
    (void)bits;
    memcpy(&four, x, sizeof four);
    *sum = (lane_integers)_mm512_dpbusd_epi32((__m512i)*sum, (__m512i)*weights, _mm512_set1_epi32(four));
}

#include "rounded_tile.h"
#pragma clang attribute pop

#define FORM(name) name##_avx_vnni
#define WIDEST 4
#define CHAINS 1
#define BIASED_BYTES 0
#pragma clang attribute push(__attribute__((target("avxvnni,avx2,fma,f16c"))), apply_to = function)

INLINE void dot_step_avx_vnni(lane_integers *sum, const lane_words *weights, const int8_t *x, const int bits)
{
    int32_t four;
    (void)bits;
    memcpy(&four, x, sizeof four);
    __m256i input = _mm256_set1_epi32(four), *sums = (__m256i *)sum;
    const __m256i *bytes = (const __m256i *)weights;
    UNROLL for (int i = 0; i < 2; i++) sums[i] = _mm256_dpbusd_avx_epi32(sums[i], bytes[i], input);
}

#include "rounded_tile.h"
#pragma clang attribute pop

#define FORM(name) name##_avx2
#define WIDEST 4
#define CHAINS 1
#define BIASED_BYTES 1
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

INLINE void dot_step_avx2(lane_integers *sum, const lane_words *weights, const int8_t *x, const int bits)
{
    int32_t four;
    memcpy(&four, x, sizeof four);
    __m256i input = _mm256_set1_epi32(four), *sums = (__m256i *)sum;
    const __m256i *bytes = (const __m256i *)weights, ones = _mm256_set1_epi16(1);
    UNROLL for (int i = 0; i < 2; i++)
    {
        __m256i pairs;
        if (bits == 8) {
            // Two products of unsigned bytes may be more than 16 bits hold: |w - 128| <= 128 leaves room.
            __m256i biased = _mm256_xor_si256(bytes[i], _mm256_set1_epi8(-128));
            pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(biased), _mm256_sign_epi8(input, biased));
        } else {
            pairs = _mm256_maddubs_epi16(bytes[i], input);
        }
        sums[i] = _mm256_add_epi32(sums[i], _mm256_madd_epi16(pairs, ones));
    }
}

#include "rounded_tile.h"
#include "rounded_streams.h"
#pragma clang attribute pop

#elif HAS_NEON

#define FORM(name) name##_neon
#define WIDEST 4
#define CHAINS 1
#define BIASED_BYTES 1
#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)

INLINE void dot_step_neon(lane_integers *sum, const lane_words *weights, const int8_t *x, const int bits)
{
    int32_t four;
    memcpy(&four, x, sizeof four);
    const int8x16_t input = vreinterpretq_s8_s32(vdupq_n_s32(four)), *bytes = (const int8x16_t *)weights;
    int32x4_t *sums = (int32x4_t *)sum;
    UNROLL for (int i = 0; i < 4; i++)
    {
        // Both factors are signed: those of 8 bits are made so, those of fewer bits are as they are.
        const int8x16_t factors = bits == 8 ? veorq_s8(bytes[i], vdupq_n_s8(-128)) : bytes[i];
        sums[i] = vdotq_s32(sums[i], factors, input);
    }
    // Done here and in this order: one line of weights is in registers at a time.
    __asm__ volatile("" : "+w"(sums[0]), "+w"(sums[1]), "+w"(sums[2]), "+w"(sums[3])::"memory");
}

#include "rounded_tile.h"
#pragma clang attribute pop

#endif
#endif

int lockstep_multiplies_integers(int dot)
{
#if HAS_AVX
    int avx2 = lockstep_supports(LOCKSTEP_AVX2);
    if (dot == LOCKSTEP_DOT_AVX2)
        return avx2;
    if (dot == LOCKSTEP_DOT_AVX_VNNI)
        return avx2 && __builtin_cpu_supports("avxvnni");
    if (dot == LOCKSTEP_DOT_AVX512)
        return lockstep_supports(LOCKSTEP_AVX512) && __builtin_cpu_supports("avx512vnni");
#elif HAS_NEON
    if (dot == LOCKSTEP_DOT_NEON)
        return has_integer_dot_products();
#endif
    return dot == LOCKSTEP_DOT_PORTABLE;
}

/// Computes panels [first, last) of one product.
typedef void (*integers_form)(
    const multiply *m, const product *p, const panel_layout *l, const char *rounded, size_t first, size_t last);

static integers_form form_of(const multiply *m, const panel_layout *l)
{
    const int dot = m->dot;
#if HAS_AVX
    if (dot == LOCKSTEP_DOT_AVX2 && m->tokens >= FEWEST_PAIRS && l->size > 16)
        return lockstep_multiply_pairs;
    if (dot == LOCKSTEP_DOT_AVX512)
        return multiply_avx512;
    if (dot == LOCKSTEP_DOT_AVX_VNNI)
        return multiply_avx_vnni;
    if (dot == LOCKSTEP_DOT_AVX2)
        return multiply_streams_avx2;
#elif HAS_NEON
    if (dot == LOCKSTEP_DOT_NEON)
        return multiply_neon;
#endif
    (void)dot, (void)l;
    return multiply_portable;
}

void lockstep_multiply_integers(const multiply *m, const char *rounded, int thread, int threads)
{
    for (struct runs r = {.m = m, .rows = 16, .block = 1, .thread = thread, .threads = threads}; next_run(&r);) {
        const product *p = &m->products[r.product];
        panel_layout l;
        lay_out(&l, p->columns, p->encoding, &p->grouping);
        form_of(m, &l)(m, p, &l, rounded, r.first, r.last);
    }
}
