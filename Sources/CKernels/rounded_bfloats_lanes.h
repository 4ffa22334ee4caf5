// Products of bf16 weights with many tokens rounded to bf16, a token to a lane: to be included where functions have the
// target of AVX-512 with bf16, behind BLOCK_ROWS.
//
// A lane's sum is one chain over pairs of columns in increasing order, whatever the cuts: no sum of lanes follows, and
// a pair of weights is read once for all lanes. Tokens come in tiles of sixteen, laid out as [pairs of columns, 16].

enum {
    // Tiles of tokens, and rows, that are multiplied at once: their sums leave room for the factors.
    MOST_TILES = 4,
    ROWS_OF_MOST_TILES = 6,
    FEWEST_TILES = 2,
    ROWS_OF_FEWEST_TILES = 12,
    // So many tiles' input over as many pairs of columns stays in the second cache while rows pass.
    STRIP_PAIRS = 1024,
};
_Static_assert(FEWEST_TILES * LANED_TILE == FEWEST_LANED, "No fewer tokens are laned than are multiplied at once.");
_Static_assert(BLOCK_ROWS % 48 == 0, "A block is whole groups of rows, and whole vectors of them.");

/// The sums of a block of rows for some tiles of tokens.
typedef struct {
    __m512 of[BLOCK_ROWS][MOST_TILES];
} laned_sums;

/// Some rows, tiles of the input, and the pairs of columns that are multiplied.
typedef struct {
    const char *w[ROWS_OF_FEWEST_TILES];
    const char *tiles;
    size_t tile_bytes;
    size_t first, last; // pairs
    // Bytes to the rows that are fetched meanwhile; 0 where none are.
    size_t ahead;
} laned_rows;

/// Adds a pair of columns; of its weights those in `inside` count.
INLINE void add_laned_pair(
    __m512 (*sums)[MOST_TILES], const laned_rows *r, size_t pair, int32_t inside, const int rows, const int tiles)
{
    __m512bh input[MOST_TILES];
    UNROLL for (int t = 0; t < tiles; t++)
        input[t] = (__m512bh)_mm512_loadu_si512(r->tiles + (size_t)t * r->tile_bytes + pair * 64);
    UNROLL for (int i = 0; i < rows; i++)
    {
        int32_t words;
        memcpy(&words, r->w[i] + pair * 4, sizeof words);
        const __m512bh weights = (__m512bh)_mm512_set1_epi32(words & inside);
        UNROLL for (int t = 0; t < tiles; t++) sums[i][t] = _mm512_dpbf16_ps(sums[i][t], input[t], weights);
    }
}

/// Adds the products of some rows; `is_odd` says that the last pair is one column.
INLINE void add_laned_rows(
    __m512 (*kept)[MOST_TILES], const laned_rows *r, int is_odd, const int rows, const int tiles)
{
    __m512 sums[ROWS_OF_FEWEST_TILES][MOST_TILES];
    UNROLL for (int i = 0; i < rows; i++)
        UNROLL for (int t = 0; t < tiles; t++) sums[i][t] = kept[i][t];
    const size_t last = r->last - (size_t)is_odd;
    for (size_t pair = r->first; pair < last;) {
        const size_t line = smaller(pair + 16, last);
        if (r->ahead)
            UNROLL for (int i = 0; i < rows; i++) __builtin_prefetch(r->w[i] + pair * 4 + r->ahead);
        for (; pair < line; pair++)
            add_laned_pair(sums, r, pair, -1, rows, tiles);
    }
    // What is stored behind the last column may be no number.
    if (is_odd)
        add_laned_pair(sums, r, last, 0xffff, rows, tiles);
    UNROLL for (int i = 0; i < rows; i++)
        UNROLL for (int t = 0; t < tiles; t++) kept[i][t] = sums[i][t];
}

/// Writes the sums of rows [first, last) for some tiles of tokens, with the bias if there is one.
static void write_laned(const product *p, const laned_sums *sums, size_t token, size_t first, size_t last, int tiles)
{
    for (size_t row = first; row < last; row += LANED_TILE) {
        const __mmask16 inside = (__mmask16)((1u << smaller(LANED_TILE, last - row)) - 1);
        const __m512 bias = p->bias ? _mm512_maskz_loadu_ps(inside, p->bias + row) : _mm512_setzero_ps();
        for (int tile = 0; tile < tiles; tile++) {
            lanes turned[LANED_TILE];
            UNROLL for (size_t i = 0; i < LANED_TILE; i++) turned[i] = (lanes)sums->of[row - first + i][tile];
            turn_lanes(turned);
            float *y = p->y + (token + (size_t)tile * LANED_TILE) * p->y_stride + row;
            UNROLL for (size_t t = 0; t < LANED_TILE; t++)
                _mm512_mask_storeu_ps(y + t * p->y_stride, inside, _mm512_add_ps((__m512)turned[t], bias));
        }
    }
}

/// Rows [first, last), at most BLOCK_ROWS, for some tiles of tokens from `token` on. Rows past the last are read as it.
INLINE void multiply_laned(
    const multiply *m, const product *p, const char *x, size_t token, size_t first, size_t last, const int rows,
    const int tiles)
{
    laned_sums sums;
    const size_t pairs = (p->columns + 1) / 2;
    laned_rows r = {
        .tiles = x + token * m->rounded_stride, .tile_bytes = LANED_TILE * m->rounded_stride,
        // The first tokens find the rows in memory.
        .ahead = token == 0 ? (size_t)rows * p->row_byte_stride : 0};
    memset(&sums, 0, sizeof sums);
    for (; r.first < pairs; r.first = r.last) {
        r.last = smaller(r.first + STRIP_PAIRS, pairs);
        for (size_t row = first; row < last; row += (size_t)rows) {
            UNROLL for (int i = 0; i < rows; i++)
                r.w[i] = (const char *)p->w + smaller(row + (size_t)i, last - 1) * p->row_byte_stride;
            add_laned_rows(sums.of + (row - first), &r, r.last == pairs && p->columns % 2, rows, tiles);
        }
    }
    write_laned(p, &sums, token, first, last, tiles);
}

/// The same for all of the first `tokens` tokens, a multiple of the fewest at once.
static void multiply_laned_block(
    const multiply *m, const product *p, const char *x, size_t tokens, size_t first, size_t last)
{
    size_t token = 0;
    for (; token + MOST_TILES * LANED_TILE <= tokens; token += MOST_TILES * LANED_TILE)
        multiply_laned(m, p, x, token, first, last, ROWS_OF_MOST_TILES, MOST_TILES);
    for (; token < tokens; token += FEWEST_TILES * LANED_TILE)
        multiply_laned(m, p, x, token, first, last, ROWS_OF_FEWEST_TILES, FEWEST_TILES);
}

void lockstep_lay_tile(char *to, const float *x, size_t x_stride, size_t columns, size_t tokens)
{
    const __mmask16 there = (__mmask16)((1u << tokens) - 1);
    for (size_t column = 0; column < columns; column += 32) {
        const size_t left = columns - column;
        const __mmask32 inside = left < 32 ? (1u << left) - 1 : 0xffffffff;
        lanes pairs[LANED_TILE];
        UNROLL for (size_t t = 0; t < LANED_TILE; t++)
        {
            // Tokens past the last are read as it, and not written.
            const float *from = x + smaller(t, tokens - 1) * x_stride + column;
            const __m512 low = _mm512_maskz_loadu_ps((__mmask16)inside, from);
            const __m512 high = _mm512_maskz_loadu_ps((__mmask16)(inside >> 16), from + 16);
            pairs[t] = (lanes)_mm512_cvtne2ps_pbh(high, low);
        }
        turn_lanes(pairs);
        UNROLL for (size_t i = 0; i < LANED_TILE; i++, to += tokens * 4)
            _mm512_mask_storeu_ps(to, there, (__m512)pairs[i]);
    }
}
