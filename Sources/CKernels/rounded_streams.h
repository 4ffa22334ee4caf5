// Products of grouped weights with one token's rounded input, for AVX2: to be included where functions have that
// target, behind rounded_tile.h. Panels that lie far apart are multiplied at once.

/// Adds a block's sum of products of eight rows to `sum`; integers of 8 bits count from 128.
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

/// The scales or offsets of eight rows, `inner` bytes from a span's start; nested ones are multiplied by what is
/// `outer` bytes from there.
INLINE void load_scales_of_eight(half_lanes *to, const char *span, size_t inner, size_t outer, const int scale)
{
    load_half_section(to, span + inner, scale);
    if (scale == LOCKSTEP_SCALE_NESTED)
        *to *= __builtin_convertvector(*(const unaligned_half_halves *)(span + outer), half_lanes);
}

/// Adds one block's products of eight rows, the first of which is row `row` of the panel.
INLINE void add_block_of_eight(
    half_lanes *sum, const panel_layout *l, const char *span, const char *block, size_t group, size_t row,
    const rounded_block *x, const int bits, const int scale, const int has_offsets)
{
    const size_t section = (group * LOCKSTEP_PANEL_ROWS + row) * bytes_per_scale(scale);
    // The sum of (q - zero) * x begins with -zero * sum of x.
    const int32_t start = bits == 8 ? (has_offsets ? -x->zeros[2] : 0) : has_offsets ? 0 : x->zeros[2] >> 4;
    __m256i integers = _mm256_set1_epi32(start);
    sum_eight_rows(&integers, block + row * 4, x->values, bits);
    half_lanes factor, offset;
    load_scales_of_eight(&factor, span, section, l->super_scales + row * 2, scale);
    factor *= x->scale;
    *sum = __builtin_elementwise_fma((half_lanes)_mm256_cvtepi32_ps(integers), factor, *sum);
    if (!has_offsets)
        return;
    load_scales_of_eight(&offset, span, l->offsets + section, l->super_offsets + row * 2, scale);
    *sum = __builtin_elementwise_fma(offset, (half_lanes){0} + x->scaled_sums[2], *sum);
}

/// `panel` and the next ones, `distance` panels apart from each other.
INLINE void multiply_panels_of_streams(
    const product *p, const panel_layout *l, const rounded_block *x, size_t panel, size_t distance, const int streams,
    const int fetching, const int bits, const int scale, const int has_offsets)
{
    const char *starts[STREAMS];
    half_lanes sums[STREAMS][2];
    UNROLL for (int s = 0; s < streams; s++)
    {
        starts[s] = (const char *)p->w + (panel + (size_t)s * distance) * p->row_byte_stride;
        sums[s][0] = sums[s][1] = (half_lanes){0};
    }
    for (size_t b = 0, blocks; b < l->blocks; b += blocks) {
        const size_t place = place_of(l, b * 32), span = span_of(l, b * 32);
        size_t block = block_of(l, b * 32);
        blocks = smaller(l->blocks - b, (LOCKSTEP_SPAN_COLUMNS - place) / 32);
        // Each block asks ahead for as many bytes as it has: for those of scales and offsets, which lie before a span's
        // blocks, it is done here.
        for (size_t byte = span; byte < block; byte += 64)
            UNROLL for (int s = 0; s < streams; s++) fetch_panel(starts[s] + byte, fetching);
        for (size_t i = 0; i < blocks; i++, block += bytes_per_block(bits)) {
            const size_t group = (place + i * 32) >> l->size_shift;
            UNROLL for (int s = 0; s < streams; s++)
            {
                UNROLL for (size_t half = 0; half < 2; half++)
                    add_block_of_eight(
                        &sums[s][half], l, starts[s] + span, starts[s] + block, group, half * 8, x + b + i, bits, scale,
                        has_offsets);
                UNROLL for (int line = 0; line < bits; line++)
                    fetch_panel(starts[s] + block + 64 * line, fetching);
            }
        }
    }
    for (int s = 0; s < streams; s++) {
        const lanes ordered = __builtin_shufflevector(
            sums[s][0], sums[s][1], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        write_rows(p, 0, (panel + (size_t)s * distance) * LOCKSTEP_PANEL_ROWS, &ordered);
    }
}

/// Panels [first, last): runs of panels side by side are the streams.
INLINE void multiply_runs(
    const product *p, const panel_layout *l, const char *x, size_t first, size_t last, const int fetching,
    const int bits, const int scale, const int has_offsets)
{
    const rounded_block *blocks = (const rounded_block *)x;
    const size_t streams = panel_streams(fetching);
    while (last - first >= streams) {
        const size_t distance = stream_distance(last - first, streams, p->row_byte_stride);
        for (size_t i = first; i < first + distance; i++)
            multiply_panels_of_streams(p, l, blocks, i, distance, (int)streams, fetching, bits, scale, has_offsets);
        first += streams * distance;
    }
    for (; first < last; first++)
        multiply_panels_of_streams(p, l, blocks, first, 0, 1, fetching, bits, scale, has_offsets);
}

/// Panels [first, last), fetched as the processor likes.
INLINE void multiply_one_token(
    const product *p, const panel_layout *l, const char *x, size_t first, size_t last, int fetching, const int bits,
    const int scale, const int has_offsets)
{
    BY_FETCHING(fetching, multiply_runs(p, l, x, first, last, way, bits, scale, has_offsets));
}

#define ONE_TOKEN(name, bits, scale)                                                                                   \
    static __attribute__((noinline)) void name(                                                                        \
        const product *p, const panel_layout *l, const char *x, size_t first, size_t last, int fetching)               \
    {                                                                                                                  \
        if (p->grouping.has_offsets)                                                                                   \
            multiply_one_token(p, l, x, first, last, fetching, bits, scale, 1);                                        \
        else                                                                                                           \
            multiply_one_token(p, l, x, first, last, fetching, bits, scale, 0);                                        \
    }

// The most frequent kinds of scales have loops of their own.
ONE_TOKEN(one_token_4_f16, 4, LOCKSTEP_SCALE_F16)
ONE_TOKEN(one_token_4_bf16, 4, LOCKSTEP_SCALE_BF16)
ONE_TOKEN(one_token_4, 4, p->grouping.scale)
ONE_TOKEN(one_token_8_f16, 8, LOCKSTEP_SCALE_F16)
ONE_TOKEN(one_token_8_bf16, 8, LOCKSTEP_SCALE_BF16)
ONE_TOKEN(one_token_8, 8, p->grouping.scale)

#undef ONE_TOKEN

static void multiply_streams_avx2(
    const multiply *m, const product *p, const panel_layout *l, const char *x, size_t first, size_t last)
{
    if (m->tokens > 1 || l->size == 16 || (l->bits != 4 && l->bits != 8)) {
        multiply_avx2(m, p, l, x, first, last);
        return;
    }
    const int fetching = m->fetching;
    switch (p->grouping.scale) {
    case LOCKSTEP_SCALE_F16:
        (l->bits == 4 ? one_token_4_f16 : one_token_8_f16)(p, l, x, first, last, fetching);
        break;
    case LOCKSTEP_SCALE_BF16:
        (l->bits == 4 ? one_token_4_bf16 : one_token_8_bf16)(p, l, x, first, last, fetching);
        break;
    default: (l->bits == 4 ? one_token_4 : one_token_8)(p, l, x, first, last, fetching);
    }
}
