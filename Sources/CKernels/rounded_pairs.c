#include "rounded_pairs.h"
#include "rounded_panels.h"

#if HAS_AVX
#include <immintrin.h>

// Products of panels with the rounded activations of several tokens where one instruction adds pairs of products.
//
// Bytes of 8 bits with signed bytes may come to more than 16 bits hold: both are widened to 16 bits, whose pairs are
// added in 32. Integers of 4 bits stay bytes: sixteen products of 15 x 127 are less than 2^15, so that a whole block
// is added in 16 bits. Inputs are laid out token beside token, so that a tile reads one stream of each factor.

#define PAIRS static __attribute__((target("avx2,fma,f16c"), noinline))
#define PAIRS_INLINE __attribute__((target("avx2,fma,f16c"))) INLINE

enum {
    // A strip of a panel, widened, stays in the first cache beside a tile's input.
    STRIP_BLOCKS = 16,
    // So many tokens' input of a strip stays in the second cache while panels pass.
    CHUNK_TOKENS = 128,
    // So many sums of sixteen rows stay there beside it. For as many panels as have that many it is laid out once.
    CHUNK_SUMS = 16 * CHUNK_TOKENS,
    // Integer sums of so many tokens and sixteen rows leave four registers.
    TILE_TOKENS = 6,
    // Words of four bytes of a token's block: pairs of 16 bits, or fours of 8.
    PAIRED_WORDS = 16,
    FOURFOLD_WORDS = 8,
    // Besides these a token's block has its scale, its zeros and its scaled sum.
    BESIDES = 3,
};

/// Some blocks of a panel: unpacked integers, and scales.
typedef struct {
    char values[STRIP_BLOCKS * PAIRED_WORDS * 64];
    lanes scales[STRIP_BLOCKS], offsets[STRIP_BLOCKS];
    size_t blocks;
} strip __attribute__((aligned(64)));

/// The input of a chunk of tokens over a strip: [tiles, blocks, words + BESIDES, tokens of a tile].
typedef struct {
    int32_t words[CHUNK_TOKENS * STRIP_BLOCKS * (PAIRED_WORDS + BESIDES)];
} chunk __attribute__((aligned(64)));

/// Lays one tile's input out and returns where the next one's goes.
PAIRS_INLINE int32_t *lay_tile(
    int32_t *to, const char *x, size_t x_stride, size_t blocks, size_t tokens, const int words)
{
    for (size_t b = 0; b < blocks; b++, to += (size_t)(words + BESIDES) * tokens)
        for (size_t t = 0; t < tokens; t++) {
            const rounded_block *from = (const rounded_block *)(x + t * x_stride) + b;
            int32_t values[PAIRED_WORDS] __attribute__((aligned(32)));
            const __m256i bytes = _mm256_load_si256((const __m256i *)from->values);
            if (words == FOURFOLD_WORDS) {
                _mm256_store_si256((__m256i *)values, bytes);
            } else {
                // Even columns of a word, then odd ones, as weights are widened.
                const __m256i even = _mm256_srai_epi16(_mm256_slli_epi16(bytes, 8), 8);
                const __m256i odd = _mm256_srai_epi16(bytes, 8);
                _mm256_store_si256((__m256i *)values, _mm256_unpacklo_epi32(even, odd));
                _mm256_store_si256((__m256i *)values + 1, _mm256_unpackhi_epi32(even, odd));
            }
            for (size_t i = 0; i < (size_t)words; i++) {
                // Unpacking interleaves halves of a register.
                const size_t place = words == FOURFOLD_WORDS ? i : i / 8 * 4 + i % 4 + i / 4 % 2 * 8;
                to[i * tokens + t] = values[place];
            }
            int32_t *besides = to + (size_t)words * tokens + t;
            memcpy(besides, &from->scale, sizeof from->scale);
            besides[tokens] = from->zeros[2];
            memcpy(besides + 2 * tokens, &from->scaled_sums[2], sizeof from->scaled_sums[2]);
        }
    return to;
}

PAIRS void lay_chunk(
    chunk *to, const char *x, size_t x_stride, size_t blocks, size_t tokens, const int words)
{
    int32_t *next = to->words;
    for (size_t t = 0, here; t < tokens; t += here) {
        here = next_tile(tokens - t, TILE_TOKENS);
        if (words == FOURFOLD_WORDS)
            next = lay_tile(next, x + t * x_stride, x_stride, blocks, here, FOURFOLD_WORDS);
        else
            next = lay_tile(next, x + t * x_stride, x_stride, blocks, here, PAIRED_WORDS);
    }
}

/// Unpacks a strip's blocks, from `first` on, and fetches the next panel's meanwhile.
PAIRS_INLINE void widen_strip(strip *to, const panel_view *v, size_t first, size_t next_panel, const int bits)
{
    const __m256i zero = _mm256_set1_epi16(v->has_offsets ? 0 : 1 << (bits - 1));
    const __m256i low = _mm256_set1_epi16(0xff);
    for (size_t b = 0; b < to->blocks; b++) {
        const size_t column = (first + b) * LOCKSTEP_BLOCK_COLUMNS, group = group_of(v->l, column);
        const char *block = v->panel + block_of(v->l, column), *span = v->panel + span_of(v->l, column);
        UNROLL for (int line = 0; line < bits; line++) __builtin_prefetch(block + next_panel + 64 * line);
        UNROLL for (int j = 0; j < 8; j++)
        {
            lane_words words;
            unpack_line(&words, block, j, bits);
            if (bits == 4) {
                ((lane_words *)to->values)[b * 8 + (size_t)j] = words;
                continue;
            }
            __m256i *pairs = (__m256i *)(to->values + (b * 8 + (size_t)j) * 128), *halves = (__m256i *)&words;
            UNROLL for (int i = 0; i < 2; i++)
            {
                pairs[i] = _mm256_sub_epi16(_mm256_and_si256(halves[i], low), zero);
                pairs[2 + i] = _mm256_sub_epi16(_mm256_srli_epi16(halves[i], 8), zero);
            }
        }
        load_scales_of_rows(&to->scales[b], v, span, 0, v->l->super_scales, group);
        if (v->has_offsets)
            load_scales_of_rows(&to->offsets[b], v, span, v->l->offsets, v->l->super_offsets, group);
    }
}

PAIRS void widen_strip_of(strip *to, const panel_view *v, size_t first, size_t next_panel)
{
    if (v->l->bits == 4)
        widen_strip(to, v, first, next_panel, 4);
    else if (v->l->bits == 5)
        widen_strip(to, v, first, next_panel, 5);
    else if (v->l->bits == 6)
        widen_strip(to, v, first, next_panel, 6);
    else
        widen_strip(to, v, first, next_panel, 8);
}

/// The integer products of one block: in 16 bits where there are eight words, else in 32.
PAIRS_INLINE void add_words(
    __m256i (*sums)[2], const __m256i *weights, const int32_t *x, const int tokens, const int words)
{
    UNROLL for (int i = 0; i < words; i++)
    {
        const __m256i a = weights[2 * i], b = weights[2 * i + 1];
        UNROLL for (int t = 0; t < tokens; t++)
        {
            const __m256i input = _mm256_set1_epi32(x[i * tokens + t]);
            if (words == FOURFOLD_WORDS) {
                const __m256i c = _mm256_maddubs_epi16(a, input), d = _mm256_maddubs_epi16(b, input);
                sums[t][0] = i ? _mm256_add_epi16(sums[t][0], c) : c;
                sums[t][1] = i ? _mm256_add_epi16(sums[t][1], d) : d;
            } else {
                const __m256i c = _mm256_madd_epi16(a, input), d = _mm256_madd_epi16(b, input);
                sums[t][0] = i ? _mm256_add_epi32(sums[t][0], c) : c;
                sums[t][1] = i ? _mm256_add_epi32(sums[t][1], d) : d;
            }
            // Done in this order: one word of weights is in registers at a time.
            __asm__("" : "+x"(sums[t][0]), "+x"(sums[t][1]));
        }
    }
}

/// Adds a strip's products with one tile's input, and returns where the next tile's is.
PAIRS_INLINE const int32_t *add_tile(
    lanes *kept, const strip *w, const int32_t *x, const int has_offsets, const int tokens, const int words)
{
    for (size_t b = 0; b < w->blocks; b++, x += (words + BESIDES) * tokens) {
        __m256i sums[TILE_TOKENS][2];
        add_words(sums, (const __m256i *)w->values + b * (size_t)words * 2, x, tokens, words);
        const __m256 *scale = (const __m256 *)&w->scales[b], *offset = (const __m256 *)&w->offsets[b];
        const float *besides = (const float *)(x + words * tokens);
        UNROLL for (int t = 0; t < tokens; t++)
        {
            const __m256 factor = _mm256_set1_ps(besides[t]), input_sum = _mm256_set1_ps(besides[2 * tokens + t]);
            const __m256i zeros = _mm256_srai_epi32(_mm256_castps_si256(_mm256_set1_ps(besides[tokens + t])), 4);
            UNROLL for (int i = 0; i < 2; i++)
            {
                __m256 *sum = (__m256 *)&kept[t] + i;
                __m256i products = sums[t][i];
                if (words == FOURFOLD_WORDS) {
                    products = _mm256_madd_epi16(products, _mm256_set1_epi16(1));
                    if (!has_offsets)
                        products = _mm256_add_epi32(products, zeros);
                }
                *sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(products), _mm256_mul_ps(scale[i], factor), *sum);
                if (has_offsets)
                    *sum = _mm256_fmadd_ps(offset[i], input_sum, *sum);
            }
        }
        // Sums rest in memory: the registers are the integers'.
        __asm__ volatile("" ::"r"(kept) : "memory");
    }
    return x;
}

#define TILE_OF(tokens)                                                                                                \
    case tokens: return add_tile(kept, w, x, has_offsets, tokens, words);

/// The same for a number of tokens that is known only here.
PAIRS_INLINE const int32_t *add_some(
    lanes *kept, const strip *w, const int32_t *x, size_t tokens, const int has_offsets, const int words)
{
    switch (tokens) {
        TILE_OF(1)
        TILE_OF(2)
        TILE_OF(3)
        TILE_OF(4)
        TILE_OF(5)
    default: return add_tile(kept, w, x, has_offsets, TILE_TOKENS, words);
    }
}

#undef TILE_OF

#define ADD(name, has_offsets, words)                                                                                  \
    PAIRS const int32_t *name(lanes *kept, const strip *w, const int32_t *x, size_t tokens)                            \
    {                                                                                                                  \
        return add_some(kept, w, x, tokens, has_offsets, words);                                                       \
    }

ADD(add_pairs, 0, PAIRED_WORDS)
ADD(add_pairs_with_offsets, 1, PAIRED_WORDS)
ADD(add_fours, 0, FOURFOLD_WORDS)
ADD(add_fours_with_offsets, 1, FOURFOLD_WORDS)

#undef ADD

typedef const int32_t *(*add_function)(lanes *kept, const strip *w, const int32_t *x, size_t tokens);

/// Adds one strip's products to the sums of all tiles of a chunk.
PAIRS void add_strip(lanes *sums, const strip *w, const chunk *x, size_t tokens, add_function add)
{
    const int32_t *input = x->words;
    for (size_t t = 0, tile; t < tokens; t += tile) {
        tile = next_tile(tokens - t, TILE_TOKENS);
        input = add(sums + t, w, input, tile);
    }
}

/// Panels [first, last), of which CHUNK_SUMS has room for the sums, for a chunk of tokens from `token` on.
PAIRS void multiply_chunk(
    const multiply *m, const product *p, panel_view *v, const char *rounded, size_t token, size_t first, size_t last)
{
    const int words = v->l->bits == 4 ? FOURFOLD_WORDS : PAIRED_WORDS;
    const add_function add = words == FOURFOLD_WORDS ? (v->has_offsets ? add_fours_with_offsets : add_fours)
                                                     : (v->has_offsets ? add_pairs_with_offsets : add_pairs);
    const size_t tokens = smaller(CHUNK_TOKENS, m->tokens - token);
    strip w;
    chunk x;
    lanes sums[CHUNK_SUMS]; // [panels, tokens]
    memset(sums, 0, (last - first) * tokens * sizeof *sums);
    for (size_t block = 0; block < v->blocks; block += STRIP_BLOCKS) {
        const char *input = rounded + token * m->rounded_stride + block * sizeof(rounded_block);
        w.blocks = smaller(STRIP_BLOCKS, v->blocks - block);
        lay_chunk(&x, input, m->rounded_stride, w.blocks, tokens, words);
        for (size_t i = first; i < last; i++) {
            v->panel = (const char *)p->w + i * p->row_byte_stride;
            widen_strip_of(&w, v, block, p->row_byte_stride);
            add_strip(sums + (i - first) * tokens, &w, &x, tokens, add);
        }
    }
    write_panels(p, sums, first, last, token, tokens);
}

void lockstep_multiply_pairs(
    const multiply *m, const product *p, const panel_layout *l, const char *rounded, size_t first, size_t last)
{
    panel_view v = {.l = l, .blocks = l->blocks, .scale = p->grouping.scale, .has_offsets = p->grouping.has_offsets};
    const size_t panels = CHUNK_SUMS / smaller(CHUNK_TOKENS, m->tokens);
    for (size_t token = 0; token < m->tokens; token += CHUNK_TOKENS)
        for (size_t i = first; i < last; i += panels)
            multiply_chunk(m, p, &v, rounded, token, i, smaller(i + panels, last));
}

#endif
