// Products of grouped weights with one token's rounded input, for AVX2: to be included where functions have that
// target, behind rounded_tile.h. Four panels that lie far apart are multiplied at once: memory answers four streams,
// each with a prefetcher of its own, a quarter faster than one.

enum { STREAMS = 4 };

/// Adds a block's sum of products of eight rows to `sum`; its integers are those that `BIASED_BYTES` makes of them.
INLINE void sum_eight_rows(__m256i *sum, const char *block, const int8_t *x, const int bits)
{
    const __m256i *lines = (const __m256i *)block, ones = _mm256_set1_epi16(1), nibble = _mm256_set1_epi8(15);
    int32_t four[8];
    memcpy(four, x, sizeof four);
    if (bits == 8) {
        UNROLL for (int j = 0; j < 8; j++)
        {
            // Two products of unsigned bytes may be more than 16 bits hold: |w - 128| <= 128 leaves room.
            __m256i biased = _mm256_xor_si256(lines[2 * j], _mm256_set1_epi8(-128));
            __m256i input = _mm256_sign_epi8(_mm256_set1_epi32(four[j]), biased);
            __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(biased), input);
            *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(pairs, ones));
        }
        return;
    }
    // 16 products of 4 bits and 8 bits are less than 2^15.
    __m256i pairs = _mm256_setzero_si256();
    UNROLL for (int j = 0; j < 8; j += 2)
    {
        const __m256i line = lines[j];
        __m256i low = _mm256_and_si256(line, nibble), high = _mm256_and_si256(_mm256_srli_epi16(line, 4), nibble);
        pairs = _mm256_add_epi16(pairs, _mm256_maddubs_epi16(low, _mm256_set1_epi32(four[j])));
        pairs = _mm256_add_epi16(pairs, _mm256_maddubs_epi16(high, _mm256_set1_epi32(four[j + 1])));
    }
    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(pairs, ones));
}

/// Adds one block's products of sixteen rows.
INLINE void add_block_of_stream(
    lanes *sums, const panel_view *v, const char *span, const char *block, size_t group, const rounded_block *x,
    const int bits)
{
    // The sum of (q - zero) * x begins with -zero * sum of x.
    const int32_t start = bits == 8 ? (v->has_offsets ? -x->zeros[2] : 0) : v->has_offsets ? 0 : x->zeros[2] >> 4;
    lane_integers integers = (lane_integers){0} + start;
    __m256i *halves = (__m256i *)&integers;
    UNROLL for (int i = 0; i < 2; i++) sum_eight_rows(&halves[i], block + 32 * i, x->values, bits);
    lanes scale, factor, products = __builtin_convertvector(integers, lanes);
    load_scales_of_rows(&scale, v, span, 0, v->l->super_scales, group);
    factor = scale * x->scale;
    accumulate(sums, &products, &factor);
    if (v->has_offsets) {
        lanes offset;
        load_scales_of_rows(&offset, v, span, v->l->offsets, v->l->super_offsets, group);
        fill(&factor, x->scaled_sums[2]);
        accumulate(sums, &offset, &factor);
    }
}

/// `panel` and the next ones, `distance` panels apart from each other.
INLINE void multiply_panels_of_streams(
    const product *p, panel_view *v, const rounded_block *x, size_t panel, size_t distance, const int streams,
    const int bits)
{
    const panel_layout *l = v->l;
    const char *first = (const char *)p->w + panel * p->row_byte_stride;
    const size_t apart = distance * p->row_byte_stride;
    lanes sums[STREAMS];
    memset(sums, 0, sizeof sums);
    for (size_t b = 0; b < l->blocks; b++) {
        const size_t span = span_of(l, b * 32), block = block_of(l, b * 32), group = group_of(l, b * 32);
        UNROLL for (int s = 0; s < streams; s++)
        {
            const char *start = first + (size_t)s * apart;
            add_block_of_stream(&sums[s], v, start + span, start + block, group, x + b, bits);
        }
    }
    for (int s = 0; s < streams; s++)
        write_rows(p, p->bias, 0, (panel + (size_t)s * distance) * LOCKSTEP_PANEL_ROWS, &sums[s]);
}

/// Panels [first, last).
INLINE void multiply_one_token(
    const product *p, const panel_layout *l, const char *x, size_t first, size_t last, const int bits)
{
    panel_view v = {.l = l, .scale = p->grouping.scale, .has_offsets = p->grouping.has_offsets};
    const rounded_block *blocks = (const rounded_block *)x;
    while (last - first >= STREAMS) {
        const size_t distance = stream_distance(last - first, STREAMS, p->row_byte_stride);
        for (size_t i = first; i < first + distance; i++)
            multiply_panels_of_streams(p, &v, blocks, i, distance, STREAMS, bits);
        first += STREAMS * distance;
    }
    for (; first < last; first++)
        multiply_panels_of_streams(p, &v, blocks, first, 0, 1, bits);
}

static void multiply_streams_avx2(
    const multiply *m, const product *p, const panel_layout *l, const char *x, size_t first, size_t last)
{
    const int is_single = m->tokens == 1 && l->size > 16;
    if (is_single && l->bits == 8)
        multiply_one_token(p, l, x, first, last, 8);
    else if (is_single && l->bits == 4)
        multiply_one_token(p, l, x, first, last, 4);
    else
        multiply_avx2(m, p, l, x, first, last);
}
