#include "digests.h"

// Numbers of every encoding, products with them, and products of rounded bf16 numbers.

static const char *const names[] = {"f32", "bf16", "f16"};

void digest_encodings(void)
{
    enum { COUNT = 1 << 16 };
    uint16_t *patterns = memory(COUNT * sizeof *patterns), *words = memory(COUNT * sizeof *words);
    float *y = memory(COUNT * sizeof *y), *x = memory(COUNT * sizeof *x);
    for (size_t i = 0; i < COUNT; i++) {
        patterns[i] = (uint16_t)i;
        // Of every exponent and both signs, with fractions of all kinds.
        uint32_t bits = (uint32_t)i << 16 | (uint32_t)(i * 40503 & 0xffff);
        memcpy(&x[i], &bits, sizeof bits);
    }
    for (int encoding = LOCKSTEP_BF16; encoding <= LOCKSTEP_F16; encoding++) {
        lockstep_widen(settings.instruction_set, patterns, encoding, COUNT, y);
        digest(y, COUNT, "widen %s", names[encoding]);
        lockstep_narrow(x, COUNT, encoding, words);
        lockstep_widen(settings.instruction_set, words + 1, encoding, COUNT - 1, y);
        digest(y, COUNT - 1, "narrow %s", names[encoding]);
    }
    release();
}

/// A matrix of random numbers, rows a multiple of sixteen elements apart; what lies between them is no number.
static char *matrix(int encoding, size_t rows, size_t columns, size_t *stride)
{
    const size_t bytes = encoding == LOCKSTEP_F32 ? 4 : 2;
    *stride = (columns + 15) / 16 * 16 * bytes;
    char *w = memory(rows * *stride + 64);
    memset(w, 0xff, rows * *stride);
    for (size_t r = 0; r < rows; r++)
        lockstep_narrow(numbers(columns, 1), columns, encoding, w + r * *stride);
    return w;
}

/// Two products of one input, the second without a bias.
static struct lockstep_multiply products_of(int encoding, size_t rows, size_t columns, size_t tokens)
{
    struct lockstep_multiply m = {.instruction_set = settings.instruction_set, .count = 2, .tokens = tokens};
    m.x_stride = columns + pick(3);
    m.x = numbers(tokens * m.x_stride, 1);
    for (int i = 0; i < 2; i++) {
        struct lockstep_product *p = &m.products[i];
        *p = (struct lockstep_product){.rows = i ? pick(9) : rows, .columns = columns, .encoding = encoding};
        p->w = matrix(encoding, p->rows, columns, &p->row_byte_stride);
        p->bias = i ? NULL : numbers(rows, 1);
        p->y_stride = p->rows + pick(3);
        p->y = numbers(tokens * p->y_stride, 0);
    }
    return m;
}

void clear_results(struct lockstep_multiply *m)
{
    for (int i = 0; i < m->count; i++)
        memset(m->products[i].y, 0, m->tokens * m->products[i].y_stride * sizeof(float));
}

void run_in_tiles(struct lockstep_multiply *m)
{
    clear_results(m);
    if (!lockstep_multiplies_tiles(m->instruction_set)) {
        run(lockstep_multiply_part, m);
        return;
    }
    m->laid = memory(m->tokens * ((m->products[0].columns + 15) / 16 * 16) * sizeof(float));
    m->tile_scratch = memory((size_t)settings.threads * LOCKSTEP_TILE_THREAD_BYTES);
    run(lockstep_lay_part, m);
    run(lockstep_multiply_tiles_part, m);
}

static void digest_results(const struct lockstep_multiply *m, int encoding, const char *way)
{
    for (int i = 0; i < m->count; i++)
        digest(m->products[i].y, m->tokens * m->products[i].y_stride, "multiply %s %zux%zu by %zu tokens, %s",
            names[encoding], m->products[i].rows, m->products[i].columns, m->tokens, way);
}

static void digest_product(int encoding, size_t rows, size_t columns, size_t tokens)
{
    struct lockstep_multiply m = products_of(encoding, rows, columns, tokens);
    // Only products of one token differ in how they ask.
    const int last = tokens == 1 ? LAST_FETCHING : LOCKSTEP_FETCH_NEAR;
    for (m.fetching = LOCKSTEP_FETCH_NEAR; m.fetching <= last; m.fetching++) {
        clear_results(&m);
        run(lockstep_multiply_part, &m);
        digest_results(&m, encoding, ways_of_fetching[m.fetching]);
    }
    m.fetching = LOCKSTEP_FETCH_NEAR;
    run_in_tiles(&m);
    digest_results(&m, encoding, "in tiles");
    release();
}

void digest_products(void)
{
    static const size_t sizes[] = {1, 7, 15, 16, 17, 31, 33, 64, 100, 257};
    enum { SIZES = sizeof sizes / sizeof *sizes };
    for (int encoding = LOCKSTEP_F32; encoding <= LOCKSTEP_F16; encoding++) {
        for (size_t tokens = 1; tokens <= 17; tokens++)
            for (size_t i = 0; i < 5; i++)
                digest_product(
                    encoding, sizes[(tokens + 5 * i) % (SIZES - 2)], sizes[(tokens * 3 + i) % SIZES], tokens);
        digest_product(encoding, 50, 600, 12);
        digest_product(encoding, 53, 530, 51);
        digest_product(encoding, 97, 40, 33);
        digest_product(encoding, 5, 1200, 1);
        // More columns than a tile takes at a time, with a short group behind.
        digest_product(encoding, 21, 2067, 13);
    }
    // Rows that flow past the caches.
    digest_product(LOCKSTEP_BF16, 150, 3600, 1);
    digest_product(LOCKSTEP_F32, 80, 3400, 1);
}

static float bfloat(float x)
{
    uint16_t word;
    lockstep_narrow(&x, 1, LOCKSTEP_BF16, &word);
    uint32_t bits = (uint32_t)word << 16;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/// The greatest error of a product, as a share of the sum of all magnitudes.
static double error_of(const struct lockstep_multiply *m, const struct lockstep_product *p)
{
    double greatest = 0;
    for (size_t t = 0; t < m->tokens; t++)
        for (size_t r = 0; r < p->rows; r++) {
            double sum = p->bias ? p->bias[r] : 0, magnitude = 1e-30 + fabs(sum);
            const uint16_t *row = (const uint16_t *)((const char *)p->w + r * p->row_byte_stride);
            for (size_t k = 0; k < p->columns; k++) {
                float weight;
                lockstep_widen(LOCKSTEP_PORTABLE, row + k, LOCKSTEP_BF16, 1, &weight);
                double term = (double)weight * bfloat(m->x[t * m->x_stride + k]);
                sum += term;
                magnitude += fabs(term);
            }
            double error = fabs(p->y[t * p->y_stride + r] - sum) / magnitude;
            greatest = error >= greatest || error != error ? error : greatest;
        }
    return greatest;
}

void check_bfloats(void)
{
    if (!lockstep_multiplies_bfloats(settings.dot))
        return;
    static const size_t many[] = {32, 39, 64, 97, 131};
    for (size_t i = 1; i <= 17 + sizeof many / sizeof *many; i++) {
        const size_t tokens = i <= 17 ? i : many[i - 18];
        const size_t rows = 1 + pick(i > 1 && i <= 17 ? 40 : 120), columns = tokens == 9 ? 2500 : 1 + pick(300);
        struct lockstep_multiply m = products_of(LOCKSTEP_BF16, rows, columns, tokens);
        m.dot = settings.dot;
        m.rounded_stride = (columns * 2 + 63) / 64 * 64;
        m.rounded = memory(tokens * m.rounded_stride);
        run(lockstep_round_part, &m);
        run(lockstep_multiply_rounded_part, &m);
        const double first = error_of(&m, &m.products[0]), second = error_of(&m, &m.products[1]);
        int is_same = 1;
        if (tokens == 1) {
            float *near = memory(rows * sizeof *near);
            memcpy(near, m.products[0].y, rows * sizeof *near);
            for (m.fetching = LOCKSTEP_FETCH_FAR; is_same && m.fetching <= LAST_FETCHING; m.fetching++) {
                clear_results(&m);
                run(lockstep_multiply_rounded_part, &m);
                is_same = memcmp(near, m.products[0].y, rows * sizeof *near) == 0;
            }
        }
        printf("~ bfloats %zux%zu by %zu tokens: errors %.2g and %.2g, %s\n", rows, columns, tokens, first, second,
            first < 0x1p-14 && second < 0x1p-14 && is_same ? "near" : "far");
        release();
    }
}
