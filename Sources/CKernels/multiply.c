#include "products.h"

// Products of a matrix with the activations of one, few or many tokens. All three forms give the reference's bits:
// blocks are cut over rows and tokens, and over k only where the sixteen lanes of every sum are kept.

static float dot_reference(const float *x, const void *row, size_t columns, int encoding)
{
    float sums[16] = {0};
    for (size_t k = 0; k < columns; k += 16)
        for (size_t lane = 0; lane < 16; lane++) {
            int inside = k + lane < columns;
            float a = inside ? x[k + lane] : 0, b = inside ? widened(row, k + lane, encoding) : 0;
            sums[lane] = __builtin_fmaf(a, b, sums[lane]);
        }
    return tree(sums);
}

static void multiply_portable(const multiply *m, const product *p, size_t first, size_t last)
{
    for (size_t t = 0; t < m->tokens; t++)
        for (size_t r = first; r < last; r++) {
            const char *row = (const char *)p->w + r * p->row_byte_stride;
            float sum = dot_reference(m->x + t * m->x_stride, row, p->columns, p->encoding);
            p->y[t * p->y_stride + r] = p->bias ? sum + p->bias[r] : sum;
        }
}

#if HAS_VECTOR_TARGETS

enum {
    WIDEST_TILE = 24,
    // The inputs of so many tokens stay in the second cache while rows pass.
    DIRECT_TOKENS = 24,
    // A panel, its tokens' inputs and their sums share the second cache; a tile's inputs stay in the first.
    PANEL_ROWS = 48,
    PANEL_COLUMNS = 512,
    PANEL_TOKENS = 48,
};

INLINE void finish(const product *p, size_t token, size_t row, float sum)
{
    p->y[token * p->y_stride + row] = p->bias ? sum + p->bias[row] : sum;
}

/// Writes rows x tokens sums, `sums[t * rows + r]`; those from `last` on are left out.
INLINE void finish_tile(
    const product *p, const lanes *sums, size_t row, size_t last, size_t token, const int rows, const int tokens)
{
    float results[WIDEST_TILE + 3];
    UNROLL for (int i = 0; i < rows * tokens; i += 4)
    {
        const int end = rows * tokens - 1;
        const int b = i + 1 < end ? i + 1 : end, c = i + 2 < end ? i + 2 : end, d = i + 3 < end ? i + 3 : end;
        tree_of_four(results + i, &sums[i], &sums[b], &sums[c], &sums[d]);
    }
    for (int t = 0; t < tokens; t++)
        for (size_t r = 0; r < smaller((size_t)rows, last - row); r++)
            finish(p, token + (size_t)t, row + r, results[(size_t)t * (size_t)rows + r]);
}

/// Adds sixteen columns of rows x tokens products; the first `inside` of them count.
INLINE void direct_step(
    lanes *sums, const float *x, size_t x_stride, const char *const *w, size_t offset, size_t inside, const int rows,
    const int tokens, const int encoding)
{
    lanes input[4], weight;
    lane_bits mask;
    mask_first(&mask, inside);
    UNROLL for (size_t t = 0; t < (size_t)tokens; t++)
    {
        if (inside == 16)
            load(&input[t], x + t * x_stride);
        else
            load_first(&input[t], x + t * x_stride, inside);
    }
    UNROLL for (int r = 0; r < rows; r++)
    {
        load_widened(&weight, w[r] + offset, encoding);
        if (inside != 16)
            keep(&weight, &mask);
        UNROLL for (int t = 0; t < tokens; t++) accumulate(&sums[t * rows + r], &input[t], &weight);
    }
}

/// rows x tokens sums straight from the encoded matrix, which is fetched `ahead` bytes ahead. Rows past the last are
/// read as the last.
INLINE void direct_tile(
    const multiply *m, const product *p, size_t row, size_t last, size_t token, size_t ahead, const int rows,
    const int tokens, const int encoding)
{
    const size_t element = bytes_per_element(encoding), columns = p->columns, line = 64 / element;
    const float *x = m->x + token * m->x_stride;
    const char *w[8];
    UNROLL for (int r = 0; r < rows; r++)
        w[r] = (const char *)p->w + smaller(row + (size_t)r, last - 1) * p->row_byte_stride;
    lanes sums[WIDEST_TILE];
    UNROLL for (int i = 0; i < rows * tokens; i++) fill(&sums[i], 0);
    size_t k = 0;
    for (; k + line <= columns; k += line) {
        UNROLL for (int r = 0; r < rows; r++) __builtin_prefetch(w[r] + k * element + ahead, 0, 3);
        UNROLL for (size_t i = 0; i < line; i += 16)
            direct_step(sums, x + k + i, m->x_stride, w, (k + i) * element, 16, rows, tokens, encoding);
    }
    for (; k < columns; k += 16)
        if (columns - k >= 16)
            direct_step(sums, x + k, m->x_stride, w, k * element, 16, rows, tokens, encoding);
        else
            direct_step(sums, x + k, m->x_stride, w, k * element, columns - k, rows, tokens, encoding);
    finish_tile(p, sums, row, last, token, rows, tokens);
}

#if HAS_NEON
enum {
    // A matrix of more bytes flows past the caches: its rows are read one after the other and fetched so many bytes
    // ahead. Inputs of more bytes than this leave the first cache meanwhile, and several rows share each load of them.
    CACHED_BYTES = 1 << 20,
    BYTES_AHEAD = 1 << 16,
    INPUT_BYTES = 1 << 14,
};

/// One token.
INLINE void multiply_single(
    const multiply *m, const product *p, size_t first, size_t last, const int rows, const int encoding)
{
    const int flows = p->rows * p->row_byte_stride > CACHED_BYTES
                      && (encoding != LOCKSTEP_F32 || p->columns * sizeof(float) <= INPUT_BYTES);
    if (flows)
        for (size_t row = first; row < last; row++)
            direct_tile(m, p, row, last, 0, BYTES_AHEAD, 1, 1, encoding);
    else
        for (size_t row = first; row < last; row += (size_t)rows)
            direct_tile(m, p, row, last, 0, (size_t)rows * p->row_byte_stride, rows, 1, encoding);
}
#endif

/// Few tokens, or blocks of few.
INLINE void multiply_direct(
    const multiply *m, const product *p, size_t first, size_t last, const int rows, const int tokens,
    const int encoding)
{
    // While some rows are summed the same columns of the next ones are fetched: processors that follow only the start
    // of each of many short streams leave memory idle.
    const size_t next = (size_t)rows * p->row_byte_stride;
    // Equal blocks, of whole tiles.
    size_t blocks = (m->tokens + DIRECT_TOKENS - 1) / DIRECT_TOKENS;
    size_t step = (m->tokens + blocks * (size_t)tokens - 1) / (blocks * (size_t)tokens) * (size_t)tokens;
    for (size_t start = 0; start < m->tokens; start += step)
        for (size_t row = first; row < last; row += (size_t)rows)
            for (size_t token = start; token < smaller(start + step, m->tokens); token += (size_t)tokens) {
                size_t left = m->tokens - token;
                if (left >= (size_t)tokens)
                    direct_tile(m, p, row, last, token, next, rows, tokens, encoding);
                else if (left == 3)
                    direct_tile(m, p, row, last, token, next, rows, 3, encoding);
                else if (left == 2)
                    direct_tile(m, p, row, last, token, next, rows, 2, encoding);
                else
                    direct_tile(m, p, row, last, token, next, rows, 1, encoding);
            }
}

/// Widens a block of rows x columns into `panel`, rows PANEL_COLUMNS apart; zeros fill the last sixteen of a row.
INLINE void widen_panel(
    float *panel, const product *p, size_t row, size_t last, size_t k, size_t columns, const int encoding)
{
    for (size_t r = 0; r < PANEL_ROWS; r++) {
        const char *from = (const char *)p->w + smaller(row + r, last - 1) * p->row_byte_stride;
        float *to = panel + r * PANEL_COLUMNS;
        for (size_t c = 0; c < columns; c += 16) {
            lanes weight;
            __builtin_prefetch(from + (k + c + PANEL_COLUMNS) * bytes_per_element(encoding), 0, 3);
            load_widened(&weight, from + (k + c) * bytes_per_element(encoding), encoding);
            if (columns - c < 16) {
                lane_bits mask;
                mask_first(&mask, columns - c);
                keep(&weight, &mask);
            }
            store(to + c, &weight);
        }
    }
}

/// Adds a panel's rows x tokens products over `columns` to the sums.
INLINE void panel_tile(
    lanes *kept, const float *panel, const float *const *x, size_t columns, const int rows, const int tokens)
{
    lanes sums[WIDEST_TILE];
    UNROLL for (int i = 0; i < rows * tokens; i++) sums[i] = kept[i];
    size_t k = 0;
    for (; k + 16 <= columns; k += 16) {
        lanes input[4], weight;
        UNROLL for (int t = 0; t < tokens; t++) load(&input[t], x[t] + k);
        UNROLL for (int r = 0; r < rows; r++)
        {
            load(&weight, panel + r * PANEL_COLUMNS + k);
            UNROLL for (int t = 0; t < tokens; t++) accumulate(&sums[t * rows + r], &input[t], &weight);
        }
    }
    if (k < columns) {
        lanes input[4], weight;
        UNROLL for (int t = 0; t < tokens; t++) load_first(&input[t], x[t] + k, columns - k);
        UNROLL for (int r = 0; r < rows; r++)
        {
            load(&weight, panel + r * PANEL_COLUMNS + k);
            UNROLL for (int t = 0; t < tokens; t++) accumulate(&sums[t * rows + r], &input[t], &weight);
        }
    }
    UNROLL for (int i = 0; i < rows * tokens; i++) kept[i] = sums[i];
}

/// PANEL_ROWS rows for up to PANEL_TOKENS tokens, k in blocks, with every sum's lanes kept from block to block.
INLINE void multiply_block(
    const multiply *m, const product *p, size_t row, size_t last, size_t token, size_t tokens_here, const int rows,
    const int tokens, const int encoding)
{
    float panel[PANEL_ROWS * PANEL_COLUMNS] __attribute__((aligned(64)));
    lanes sums[PANEL_ROWS * (PANEL_TOKENS + 3)];
    memset(sums, 0, sizeof sums);
    for (size_t k = 0; k < p->columns; k += PANEL_COLUMNS) {
        size_t columns = smaller(PANEL_COLUMNS, p->columns - k);
        widen_panel(panel, p, row, last, k, columns, encoding);
        for (size_t r = 0; r < PANEL_ROWS && row + r < last; r += (size_t)rows)
            for (size_t t = 0; t < tokens_here; t += (size_t)tokens) {
                const float *x[4];
                for (size_t i = 0; i < (size_t)tokens; i++)
                    x[i] = m->x + (token + smaller(t + i, tokens_here - 1)) * m->x_stride + k;
                panel_tile(sums + t * PANEL_ROWS + r * (size_t)tokens, panel + r * PANEL_COLUMNS, x, columns, rows,
                    tokens);
            }
    }
    for (size_t t = 0; t < tokens_here; t += (size_t)tokens)
        for (size_t r = 0; r < PANEL_ROWS && row + r < last; r += (size_t)rows) {
            const lanes *tile = sums + t * PANEL_ROWS + r * (size_t)tokens;
            if (tokens_here - t >= (size_t)tokens)
                finish_tile(p, tile, row + r, last, token + t, rows, tokens);
            else
                for (size_t i = 0; i < tokens_here - t; i++)
                    finish_tile(p, tile + i * (size_t)rows, row + r, last, token + t + i, rows, 1);
        }
}

/// Many tokens.
INLINE void multiply_panels(
    const multiply *m, const product *p, size_t first, size_t last, const int rows, const int tokens,
    const int encoding)
{
    for (size_t row = first; row < last; row += PANEL_ROWS)
        for (size_t token = 0; token < m->tokens; token += PANEL_TOKENS)
            multiply_block(m, p, row, last, token, smaller(PANEL_TOKENS, m->tokens - token), rows, tokens, encoding);
}

/// From `panel_tokens` tokens on, panels are faster: where widening costs little next to products, for f32 only.
INLINE void multiply_rows(
    const multiply *m, const product *p, size_t first, size_t last, const size_t panel_tokens, const int panels_widen,
    const int rows, const int tokens, const int encoding)
{
    if (m->tokens < panel_tokens || (encoding != LOCKSTEP_F32 && !panels_widen))
        multiply_direct(m, p, first, last, rows, tokens, encoding);
    else
        multiply_panels(m, p, first, last, rows, tokens, encoding);
}

#define MULTIPLY(name, target, form, ...)                                                                              \
    target static void name(const multiply *m, const product *p, size_t first, size_t last)                            \
    {                                                                                                                  \
        if (p->encoding == LOCKSTEP_F32)                                                                               \
            form(m, p, first, last, __VA_ARGS__, LOCKSTEP_F32);                                                        \
        else if (p->encoding == LOCKSTEP_BF16)                                                                         \
            form(m, p, first, last, __VA_ARGS__, LOCKSTEP_BF16);                                                       \
        else                                                                                                           \
            form(m, p, first, last, __VA_ARGS__, LOCKSTEP_F16);                                                        \
    }

// Tiles of rows x tokens fill the vector registers with sums.
#if HAS_AVX
MULTIPLY(multiply_avx2, AVX2, multiply_rows, 12, 1, 2, 3)
MULTIPLY(multiply_avx512, AVX512, multiply_rows, 32, 0, 6, 4)
#else
MULTIPLY(multiply_neon, NEON, multiply_rows, 12, 1, 2, 2)
MULTIPLY(multiply_single_neon, NEON, multiply_single, 4)
#endif

#endif

void lockstep_multiply_part(const void *work, int thread, int threads)
{
    const multiply *m = work;
    for (int i = 0; i < m->count; i++) {
        const product *p = &m->products[i];
        size_t first, last;
        if (p->encoding >= LOCKSTEP_Q4) {
            part_of(p->rows, LOCKSTEP_PANEL_ROWS, thread, threads, &first, &last);
            multiply_grouped(m, p, first, last);
            continue;
        }
        part_of(p->rows, 8, thread, threads, &first, &last);
        if (first == last)
            continue;
#if HAS_AVX
        const int has_avx512 = m->instruction_set == LOCKSTEP_AVX512;
        if (has_avx512 || m->instruction_set == LOCKSTEP_AVX2) {
            if (m->tokens == 1)
                multiply_streams(m, p, first, last);
            else
                (has_avx512 ? multiply_avx512 : multiply_avx2)(m, p, first, last);
            continue;
        }
#elif HAS_NEON
        if (m->instruction_set == LOCKSTEP_NEON) {
            (m->tokens == 1 ? multiply_single_neon : multiply_neon)(m, p, first, last);
            continue;
        }
#endif
        multiply_portable(m, p, first, last);
    }
}
