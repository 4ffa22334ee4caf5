// Products of grouped weights with activations rounded to integers, for one kind of instructions.
//
// To be included where functions have that target, with these defined: FORM(name), a name of this kind's own; WIDEST,
// the most tokens of a tile; CHAINS, the sums that each token's products are shared out to, as many as there are
// registers for; and dot_step(sum, weights, x, bits), which adds to each of sixteen integers the products of its four
// unsigned bytes of `weights` with the four signed ones at `x`. Where BIASED_BYTES is 1, dot_step takes 128 from each
// byte of 8 bits. All but dot_step are undefined at the end.
//
// Lanes are the rows of a panel. A tile is one panel with up to WIDEST tokens: the weights are unpacked once for all.

/// Adds one block's products, of all its columns or of half of them, which belong to a group of the span.
INLINE void FORM(add_group)(
    lanes *sums, const panel_view *v, const char *span, const char *block, size_t group,
    const rounded_block *const *x, const int tokens, const int bits, const int half, const int halves)
{
    lane_integers sums_of[CHAINS][WIDEST];
    UNROLL for (int t = 0; t < tokens; t++)
    {
        // The sum of (q - zero) * x begins with -zero * sum of x.
        const int32_t zeros = x[t]->zeros[halves ? half : 2];
        const int begins = bits == 8 && BIASED_BYTES ? v->has_offsets : !v->has_offsets;
        const int32_t start = bits == 8 && BIASED_BYTES ? -zeros : zeros >> (8 - bits);
        UNROLL for (int c = 0; c < CHAINS; c++) sums_of[c][t] = (lane_integers){0} + (begins && c == 0 ? start : 0);
    }
    UNROLL for (int j = halves ? 4 * half : 0; j < (halves ? 4 * half + 4 : 8); j++)
    {
        lane_words weights;
        unpack_line(&weights, block, j, bits);
        UNROLL for (int t = 0; t < tokens; t++)
            FORM(dot_step)(&sums_of[j % CHAINS][t], &weights, x[t]->values + 4 * j, bits);
    }
    lanes scale, offset, factor;
    load_scales_of_rows(&scale, v, span, 0, v->l->super_scales, group);
    if (v->has_offsets)
        load_scales_of_rows(&offset, v, span, v->l->offsets, v->l->super_offsets, group);
    UNROLL for (int t = 0; t < tokens; t++)
    {
        UNROLL for (int c = 1; c < CHAINS; c++) sums_of[0][t] += sums_of[c][t];
        lanes products = __builtin_convertvector(sums_of[0][t], lanes);
        factor = scale * x[t]->scale;
        accumulate(&sums[t], &products, &factor);
        if (v->has_offsets) {
            fill(&factor, x[t]->scaled_sums[halves ? half : 2]);
            accumulate(&sums[t], &offset, &factor);
        }
    }
}

/// Adds `tokens` tokens' products with all blocks of a panel to the sums.
INLINE void FORM(add_tile)(
    lanes *kept, const panel_view *v, const char *x, size_t x_stride, const int tokens, const int bits,
    const int halves)
{
    lanes sums[WIDEST];
    UNROLL for (int t = 0; t < tokens; t++) sums[t] = kept[t];
    const size_t step = v->l->span_bytes >> (v->l->span_shift - 5);
    for (size_t b = 0, blocks; b < v->blocks; b += blocks) {
        const size_t place = place_of(v->l, b * 32), left = (((size_t)1 << v->l->span_shift) - place) / 32;
        const char *span = v->panel + span_of(v->l, b * 32), *block = v->panel + block_of(v->l, b * 32);
        blocks = smaller(v->blocks - b, left);
        for (size_t i = 0; i < blocks; i++, block += bytes_per_block(bits)) {
            const rounded_block *inputs[WIDEST];
            const size_t column = place + i * 32;
            UNROLL for (int t = 0; t < tokens; t++)
                inputs[t] = (const rounded_block *)(x + (size_t)t * x_stride) + b + i;
            if (v->fetches)
                UNROLL for (int line = 0; line <= bits; line++)
                    fetch_few(v->panel + (b + i) * step + 64 * line, v->fetching);
            FORM(add_group)(sums, v, span, block, column >> v->l->size_shift, inputs, tokens, bits, 0, halves);
            // The last block's second group of 16 may not be there.
            if (halves && (b + i) * 32 + 16 < v->l->end)
                FORM(add_group)(sums, v, span, block, column / 16 + 1, inputs, tokens, bits, 1, halves);
        }
    }
    UNROLL for (int t = 0; t < tokens; t++) kept[t] = sums[t];
}

/// Adds one token's products with all blocks of panels that lie `distance` bytes apart to each one's sums.
INLINE void FORM(add_streams)(
    lanes *kept, const panel_view *v, size_t distance, const rounded_block *x, const int streams, const int fetching,
    const int bits, const int halves)
{
    lanes sums[STREAMS];
    UNROLL for (int s = 0; s < streams; s++) sums[s] = (lanes){0};
    for (size_t b = 0, blocks; b < v->blocks; b += blocks) {
        const size_t place = place_of(v->l, b * 32), span = span_of(v->l, b * 32);
        size_t block = block_of(v->l, b * 32);
        blocks = smaller(v->blocks - b, (LOCKSTEP_SPAN_COLUMNS - place) / 32);
        // Each block asks ahead for as many bytes as it has; for those of scales, which lie before, it is done here.
        for (size_t byte = span; byte < block; byte += 64)
            UNROLL for (int s = 0; s < streams; s++)
                fetch_panel(v->panel + (size_t)s * distance + byte, fetching);
        for (size_t i = 0; i < blocks; i++, block += bytes_per_block(bits)) {
            const rounded_block *input = x + b + i;
            const size_t column = place + i * 32;
            UNROLL for (int s = 0; s < streams; s++)
            {
                const char *panel = v->panel + (size_t)s * distance;
                FORM(add_group)(
                    &sums[s], v, panel + span, panel + block, column >> v->l->size_shift, &input, 1, bits, 0, halves);
                // The last block's second group of 16 may not be there.
                if (halves && (b + i) * 32 + 16 < v->l->end)
                    FORM(add_group)(
                        &sums[s], v, panel + span, panel + block, column / 16 + 1, &input, 1, bits, 1, halves);
                UNROLL for (int line = 0; line < bits; line++)
                    fetch_panel(panel + block + 64 * line, fetching);
            }
        }
    }
    UNROLL for (int s = 0; s < streams; s++) kept[s] = sums[s];
}

/// Panels [first, last) for one token: runs of panels side by side are the streams.
INLINE void FORM(multiply_runs)(
    const product *p, const panel_layout *l, const char *x, size_t first, size_t last, const int fetching,
    const int bits, const int halves, const int scale, const int has_offsets)
{
    const size_t most = panel_streams(fetching);
    const rounded_block *blocks = (const rounded_block *)x;
    panel_view v = {.l = l, .blocks = l->blocks, .scale = scale, .has_offsets = has_offsets};
    while (first < last) {
        const size_t streams = last - first < most ? 1 : most;
        const size_t distance = streams == 1 ? 1 : stream_distance(last - first, most, p->row_byte_stride);
        for (size_t i = first; i < first + distance; i++) {
            lanes sums[STREAMS];
            v.panel = (const char *)p->w + i * p->row_byte_stride;
            if (streams > 1)
                FORM(add_streams)(
                    sums, &v, distance * p->row_byte_stride, blocks, (int)most, fetching, bits, halves);
            else
                FORM(add_streams)(sums, &v, 0, blocks, 1, fetching, bits, halves);
            for (size_t s = 0; s < streams; s++)
                write_rows(p, 0, (i + s * distance) * LOCKSTEP_PANEL_ROWS, &sums[s]);
        }
        first += streams * distance;
    }
}

/// The same, fetched as the processor likes.
INLINE void FORM(multiply_one_token)(
    const product *p, const panel_layout *l, const char *x, size_t first, size_t last, int fetching, const int bits,
    const int halves, const int scale, const int has_offsets)
{
    BY_FETCHING(fetching, FORM(multiply_runs)(p, l, x, first, last, way, bits, halves, scale, has_offsets));
}

#define TILE_OF(tokens)                                                                                                \
    case tokens: FORM(add_tile)(kept, v, x, x_stride, tokens, bits, halves); return;

/// The same for a number of tokens that is known only here.
INLINE void FORM(add_some)(
    lanes *kept, const panel_view *v, const char *x, size_t x_stride, size_t tokens, const int bits, const int halves)
{
    switch (tokens) {
        TILE_OF(1)
        TILE_OF(2)
        TILE_OF(3)
        TILE_OF(4)
#if WIDEST == 8
        TILE_OF(5)
        TILE_OF(6)
        TILE_OF(7)
        TILE_OF(8)
#endif
    }
}

#undef TILE_OF

#define ADD(bits, halves)                                                                                              \
    static __attribute__((noinline)) void FORM(add_##bits##_##halves)(                                                 \
        lanes *kept, const panel_view *v, const char *x, size_t x_stride, size_t tokens)                               \
    {                                                                                                                  \
        FORM(add_some)(kept, v, x, x_stride, tokens, bits, halves);                                                    \
    }

ADD(4, 0)
ADD(4, 1)
ADD(5, 0)
ADD(6, 0)
ADD(6, 1)
ADD(8, 0)
ADD(8, 1)

#undef ADD

/// Blocks [first, first + wide->view.blocks) of a panel, as bytes with zero at 128 and f32 scales.
INLINE void FORM(widen_blocks)(wide_panel *wide, const panel_view *v, size_t first, const int bits)
{
    const int halves = wide->layout.size == 16;
    // Weights without offsets keep the integer of zero, moved to that of 8 bits.
    const uint32_t bias = v->has_offsets ? 0 : (128 - (1u << (bits - 1))) * 0x01010101u;
    for (size_t b = 0; b < wide->view.blocks; b++) {
        const char *block = v->panel + block_of(v->l, (first + b) * 32);
        const char *span = v->panel + span_of(v->l, (first + b) * 32);
        UNROLL for (int j = 0; j < 8; j++)
        {
            lane_words *to = (lane_words *)(wide->panel + block_of(&wide->layout, b * 32) + j * 64);
            unpack_line(to, block, j, bits);
            *to += bias;
        }
        for (int half = 0; half <= halves; half++) {
            const size_t column = (first + b) * 32 + 16 * (size_t)half, group = group_of(v->l, column);
            lanes *scale = (lanes *)(wide->panel + span_of(&wide->layout, b * 32))
                           + group_of(&wide->layout, b * 32 + 16 * (size_t)half);
            lanes *offset = scale + wide->layout.offsets / sizeof(lanes);
            const int is_there = column < v->l->end;
            *scale = (lanes){0};
            if (is_there)
                load_scales_of_rows(scale, v, span, 0, v->l->super_scales, group);
            if (!v->has_offsets)
                continue;
            *offset = (lanes){0};
            if (is_there)
                load_scales_of_rows(offset, v, span, v->l->offsets, v->l->super_offsets, group);
        }
    }
}

static void FORM(widen)(wide_panel *wide, const panel_view *v, size_t first)
{
    switch (v->l->bits) {
    case 4: FORM(widen_blocks)(wide, v, first, 4); return;
    case 5: FORM(widen_blocks)(wide, v, first, 5); return;
    case 6: FORM(widen_blocks)(wide, v, first, 6); return;
    default: FORM(widen_blocks)(wide, v, first, 8); return;
    }
}

/// One token, where panels need not be widened: the most frequent kind of scales has a loop of its own.
#define ONE_TOKEN(bits, halves)                                                                                        \
    static __attribute__((noinline)) void FORM(one_token_##bits##_##halves)(                                           \
        const product *p, const panel_layout *l, const char *x, size_t first, size_t last, int fetching)               \
    {                                                                                                                  \
        const int scale = p->grouping.scale, has_offsets = p->grouping.has_offsets;                                    \
        if (scale == LOCKSTEP_SCALE_F16 && !has_offsets)                                                               \
            FORM(multiply_one_token)(p, l, x, first, last, fetching, bits, halves, LOCKSTEP_SCALE_F16, 0);             \
        else                                                                                                           \
            FORM(multiply_one_token)(p, l, x, first, last, fetching, bits, halves, scale, has_offsets);                \
    }

ONE_TOKEN(4, 0)
ONE_TOKEN(4, 1)
ONE_TOKEN(5, 0)
ONE_TOKEN(6, 0)
ONE_TOKEN(6, 1)
ONE_TOKEN(8, 0)
ONE_TOKEN(8, 1)

#undef ONE_TOKEN

#define DIRECT(bits, halves) (direct_form){FORM(add_##bits##_##halves), FORM(one_token_##bits##_##halves)}

/// What multiplies packed panels; nulls where they must be widened first.
static direct_form FORM(direct)(int bits, size_t size)
{
    const int halves = size == 16;
    switch (bits) {
    case 4: return halves ? DIRECT(4, 1) : DIRECT(4, 0);
    // No checkpoint has these in groups of 16.
    case 5: return halves ? (direct_form){0} : DIRECT(5, 0);
    case 6: return halves ? DIRECT(6, 1) : DIRECT(6, 0);
    default: return halves ? DIRECT(8, 1) : DIRECT(8, 0);
    }
}

#undef DIRECT

static void FORM(multiply)(
    const multiply *m, const product *p, const panel_layout *l, const char *x, size_t first, size_t last)
{
    const one_token_function one_token = FORM(direct)(l->bits, l->size).one_token;
    if (m->tokens == 1 && one_token) {
        one_token(p, l, x, first, last, m->fetching);
        return;
    }
    const multiply_functions functions = {FORM(direct), FORM(widen), WIDEST};
    multiply_panels(m, p, l, x, first, last, &functions);
}

#undef FORM
#undef WIDEST
#undef CHAINS
#undef BIASED_BYTES
