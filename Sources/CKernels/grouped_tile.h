// Products of a panel's rows, a lane for each row: included for sixteen rows, for eight and for four, each time with
// what the last lines take back.

/// The integers of four columns, in the bytes of each row's word (of 4 bits in every second half byte), from column
/// 16 `half` + 4 `four` of a block on.
TARGET INLINE void NAMED(load_four)(VECTOR_BITS *words, const char *block, size_t half, const int four, const int bits)
{
    if (bits == 8) {
        *words = *(const VECTOR_BITS *)(block + half * 256 + four * 64);
        return;
    }
    *words = *(const VECTOR_BITS *)(block + half * 128 + four / 2 * 64);
    if (bits == 4)
        return;
    VECTOR_BITS high = *(const VECTOR_BITS *)(block + 256 + (bits == 6 ? half * 64 : 0));
    VECTOR_BITS low = four % 2 ? *words >> 4 : *words;
    // To bit 4 of each byte.
    if (bits == 5)
        high = high >> (uint32_t)(half * 4) << 4 >> four;
    else if (four < 2)
        high = high << (4 - 2 * four);
    else
        high = high >> (2 * four - 4);
    *words = (low & 0x0f0f0f0f) | (high & (bits == 5 ? 0x10101010 : 0x30303030));
    // Put together here, not once for each column.
    HELD(*words);
}

/// The integers of one of four columns, as floats.
TARGET INLINE void NAMED(numbers)(
    VECTOR *numbers, const VECTOR_BITS *words, const int four, const int column, const int bits)
{
    if (bits == 4) {
        VECTOR_BITS moved = *words >> (column * 8 + four % 2 * 4);
        NAMED(numbers_of_nibbles)(numbers, &moved);
    } else {
        *numbers = __builtin_convertvector((VECTOR_INTEGERS)(*words >> column * 8 & 0xff), VECTOR);
    }
}

/// Scales and offsets of some blocks' groups, such that a weight is scale * integer + offset, rounded once: without
/// offsets that is -scale * zero, which is exact.
TARGET INLINE void NAMED(expand)(const grouped *w, VECTOR *scales, VECTOR *offsets, size_t first, size_t last)
{
    const size_t end = (w->l.origin + smaller(last * 32, w->l.end) - 1) >> w->l.size_shift;
    for (size_t g = (w->l.origin + first * 32) >> w->l.size_shift; g <= end; g++) {
        const size_t column = larger(g << w->l.size_shift, w->l.origin) - w->l.origin;
        NAMED(scales)(scales, w->panel, &w->l, 0, w->l.super_scales, w->row, column, w->scale);
        if (w->has_offsets)
            NAMED(scales)(offsets, w->panel, &w->l, w->l.offsets, w->l.super_offsets, w->row, column, w->scale);
        else
            *offsets = *scales * w->minus_zero;
        scales++, offsets++;
    }
}

/// Adds to the sums of `tokens` tokens, in `lanes_here` of the sixteen lanes, those of sixteen columns that belong to
/// these lanes: `phase` is which of 16 / lanes_here runs of lanes. `half` is which sixteen of the block's columns.
TARGET INLINE void NAMED(add_sixteen)(
    VECTOR *sums, const char *block, size_t half, const VECTOR *scale, const VECTOR *offset, const float *x,
    size_t x_stride, const int tokens, const int lanes_here, const int phase, const int bits)
{
    const VECTOR s = *scale, o = *offset;
    UNROLL for (int four = 0; four < 4; four++)
    {
        if (four * 4 / lanes_here != phase)
            continue;
        VECTOR_BITS words;
        NAMED(load_four)(&words, block, half, four, bits);
        UNROLL for (int c = 0; c < 4; c++)
        {
            VECTOR weights;
            NAMED(numbers)(&weights, &words, four, c, bits);
            weights = __builtin_elementwise_fma(s, weights, o);
            UNROLL for (int t = 0; t < tokens; t++)
            {
                VECTOR value, *sum = &sums[t * lanes_here + four * 4 % lanes_here + c];
                NAMED(fill)(&value, x[(size_t)t * x_stride + (size_t)(four * 4 + c)]);
                *sum = __builtin_elementwise_fma(value, weights, *sum);
            }
        }
    }
}

/// The same for whole blocks.
TARGET INLINE void NAMED(add_lanes)(
    const grouped *w, const VECTOR *scales, const VECTOR *offsets, VECTOR *kept, const float *x, size_t first,
    size_t last, const int tokens, const int lanes_here, const int phase, const int bits)
{
    VECTOR sums[24];
    UNROLL for (int t = 0; t < tokens; t++)
        UNROLL for (int i = 0; i < lanes_here; i++) sums[t * lanes_here + i] = kept[t * 16 + phase * lanes_here + i];
    const size_t origin = w->l.origin + first * 32, base = origin >> w->l.size_shift;
    for (size_t b = 0; b < last - first; b++) {
        const char *block = w->panel + block_of(&w->l, (first + b) * 32) + w->row * 4;
        const float *input = x + ((first + b) * 32 - w->l.missing);
        if (phase == 0)
            UNROLL for (int i = 0; i <= bits; i++)
                __builtin_prefetch(w->panel + AHEAD + (first + b) * w->bytes_ahead + i * 64, 0, 3);
        UNROLL for (size_t half = 0; half < 2; half++)
        {
            const size_t g = ((origin + b * 32 + half * 16) >> w->l.size_shift) - base;
            NAMED(add_sixteen)(
                sums, block, half, scales + g, offsets + g, input + half * 16, w->x_stride, tokens, lanes_here, phase,
                bits);
        }
    }
    UNROLL for (int t = 0; t < tokens; t++)
        UNROLL for (int i = 0; i < lanes_here; i++) kept[t * 16 + phase * lanes_here + i] = sums[t * lanes_here + i];
}

TARGET INLINE void NAMED(add_all_lanes)(
    const grouped *w, const VECTOR *scales, const VECTOR *offsets, VECTOR *kept, const float *x, size_t first,
    size_t last, const int tokens, const int lanes_here, const int bits)
{
    UNROLL for (int phase = 0; phase < 16 / lanes_here; phase++)
        NAMED(add_lanes)(w, scales, offsets, kept, x, first, last, tokens, lanes_here, phase, bits);
}

/// The weights of a block, a vector for each column.
TARGET INLINE void NAMED(weigh_block)(const grouped *w, VECTOR *weights, size_t b, const int bits)
{
    const char *block = w->panel + block_of(&w->l, b * 32) + w->row * 4;
    VECTOR scales[3], offsets[3];
    NAMED(expand)(w, scales, offsets, b, b + 1);
    for (size_t half = 0; half < 2; half++) {
        const size_t column = smaller(b * 32 + half * 16, w->l.end - 1);
        const size_t g = group_of(&w->l, column) - group_of(&w->l, b * 32);
        UNROLL for (int four = 0; four < 4; four++)
        {
            VECTOR_BITS words;
            NAMED(load_four)(&words, block, half, four, bits);
            UNROLL for (int c = 0; c < 4; c++)
            {
                VECTOR *to = &weights[half * 16 + (size_t)(four * 4 + c)];
                NAMED(numbers)(to, &words, four, c, bits);
                *to = __builtin_elementwise_fma(scales[g], *to, offsets[g]);
            }
        }
    }
}

/// The same for any number of bits.
TARGET INLINE void NAMED(weigh_any_block)(const grouped *w, VECTOR *weights, size_t b)
{
    switch (w->l.bits) {
    case 4: NAMED(weigh_block)(w, weights, b, 4); break;
    case 5: NAMED(weigh_block)(w, weights, b, 5); break;
    case 6: NAMED(weigh_block)(w, weights, b, 6); break;
    default: NAMED(weigh_block)(w, weights, b, 8);
    }
}

/// Adds a block with columns that are not the matrix's.
TARGET INLINE void NAMED(add_edge)(const grouped *w, VECTOR *kept, const float *x, size_t b, size_t tokens)
{
    VECTOR weights[32];
    NAMED(weigh_any_block)(w, weights, b);
    for (size_t c = b == 0 ? w->l.missing : 0; c < smaller(32, w->l.end - b * 32); c++)
        for (size_t t = 0; t < tokens; t++) {
            VECTOR value;
            NAMED(fill)(&value, x[t * w->x_stride + b * 32 + c - w->l.missing]);
            kept[t * 16 + c % 16] = __builtin_elementwise_fma(value, weights[c], kept[t * 16 + c % 16]);
        }
}

/// Adds one token's lanes and stores a result for each row.
TARGET INLINE void NAMED(finish)(const product *p, const grouped *w, const VECTOR *kept, size_t row, size_t token)
{
    VECTOR sums[16];
    const size_t inside = p->columns % 16;
    for (size_t i = 0; i < 16; i++) {
        sums[i] = kept[(i + w->l.missing) % 16];
        // The last group of sixteen columns is filled up with zeros: -0 becomes 0.
        if (inside && i >= inside)
            sums[i] += 0.0f;
    }
    for (size_t half = 8; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++)
            sums[i] += sums[i + half];
    const size_t rows = smaller(sizeof(VECTOR) / sizeof(float), p->rows - row);
    float *y = p->y + token * p->y_stride + row, results[16], bias[16] = {0};
    if (p->bias) {
        memcpy(bias, p->bias + row, rows * sizeof(float));
        sums[0] += *(const VECTOR_FLOATS *)bias;
    }
    if (rows == sizeof(VECTOR) / sizeof(float)) {
        *(VECTOR_FLOATS *)y = sums[0];
        return;
    }
    *(VECTOR_FLOATS *)results = sums[0];
    memcpy(y, results, rows * sizeof(float));
}

typedef void (*NAMED(part))(
    const grouped *w, const VECTOR *scales, const VECTOR *offsets, VECTOR *kept, const float *x, size_t first,
    size_t last, size_t tokens);

/// The products of the rows of `w`, of which row 0 is the matrix's row `row`, with up to six tokens.
TARGET INLINE void NAMED(multiply_tile)(
    const multiply *m, const product *p, const grouped *w, NAMED(part) part, size_t row, size_t token, size_t tokens)
{
    VECTOR kept[WIDEST_TILE * 16], scales[STRIP_BLOCKS * 2], offsets[STRIP_BLOCKS * 2];
    const float *x = m->x + token * m->x_stride;
    const size_t whole_first = w->l.missing > 0, whole_last = w->l.end / 32;
    memset(kept, 0, tokens * 16 * sizeof(VECTOR));
    if (w->l.blocks > 0 && w->l.missing > 0)
        NAMED(add_edge)(w, kept, x, 0, tokens);
    for (size_t b = whole_first; b < whole_last; b += STRIP_BLOCKS) {
        const size_t last = smaller(b + STRIP_BLOCKS, whole_last);
        NAMED(expand)(w, scales, offsets, b, last);
        part(w, scales, offsets, kept, x, b, last, tokens);
    }
    if (w->l.blocks > larger(whole_first, whole_last))
        NAMED(add_edge)(w, kept, x, w->l.blocks - 1, tokens);
    for (size_t t = 0; t < tokens; t++)
        NAMED(finish)(p, w, kept + t * 16, row, token + t);
}

#undef TARGET
#undef HELD
#undef VECTOR
#undef VECTOR_BITS
#undef VECTOR_FLOATS
#undef VECTOR_INTEGERS
#undef NAMED
