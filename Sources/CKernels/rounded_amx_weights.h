#pragma once
#include "rounded_amx.h"
#include "rounded_panels.h"

// Panels of grouped integers as tiles of bf16 for AMX. A tile has a row for each two columns: [16, rows, 2]. Included
// where functions may use AVX-512.

/// A product of panels, cut into strips.
typedef struct {
    const product *p;
    panel_layout l;
    panel_view view;
} amx_source;

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

INLINE void widen_blocks(
    char (*to)[TILE_BYTES], const panel_view *v, size_t first, size_t count, upcoming *next, const int bits)
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
        fetch_upcoming(next);
    }
}

/// Makes tiles of blocks [first, first + count) of a panel, and asks for what is next meanwhile.
static void widen_strip(
    char (*to)[TILE_BYTES], const amx_source *s, size_t panel, size_t first, size_t count, upcoming *next)
{
    panel_view v = s->view;
    v.panel = (const char *)s->p->w + panel * s->p->row_byte_stride;
    switch (s->l.bits) {
    case 4: widen_blocks(to, &v, first, count, next, 4); return;
    case 5: widen_blocks(to, &v, first, count, next, 5); return;
    case 6: widen_blocks(to, &v, first, count, next, 6); return;
    default: widen_blocks(to, &v, first, count, next, 8); return;
    }
}
