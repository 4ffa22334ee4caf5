#include "digests.h"

// Panels of grouped integers: made, read back, and multiplied, precisely and with rounded input.

/// A matrix as a weights file has it, and its panels.
struct grouped {
    struct lockstep_grouping grouping;
    int encoding;
    size_t rows, columns, skipped;
    struct lockstep_grouped_rows file;
    char *panels;
    size_t panel_bytes;
};

static int bits_of(int encoding)
{
    return encoding == LOCKSTEP_Q8 ? 8 : encoding == LOCKSTEP_Q6 ? 6 : encoding == LOCKSTEP_Q5 ? 5 : 4;
}

/// Room for a panel, however its sections lie: with the finest groups and the longest scales.
static size_t panel_bytes(const struct grouped *g)
{
    const size_t spans = (g->grouping.first + g->columns) / 256 + 1, groups = 256 / 16;
    return spans * ((size_t)bits_of(g->encoding) * 512 + 2 * 16 * (groups * 4 + 2) + 192) / 64 * 64;
}

/// Scales, or offsets, of all rows: of nested ones signed bytes.
static void *scales_of(const struct grouped *g, size_t row_elements)
{
    const size_t count = g->rows * row_elements;
    switch (g->grouping.scale) {
    case LOCKSTEP_SCALE_NESTED: return random_bytes(count);
    case LOCKSTEP_SCALE_F32: return narrow_numbers(count, 0.01f, LOCKSTEP_F32);
    case LOCKSTEP_SCALE_BF16: return narrow_numbers(count, 0.01f, LOCKSTEP_BF16);
    default: return narrow_numbers(count, 0.01f, LOCKSTEP_F16);
    }
}

/// Random rows of whole periods: the matrix begins `first` columns into one.
static void fill_file(struct grouped *g)
{
    const size_t width = (g->grouping.first + g->columns + 255) / 256 * 256;
    const size_t scale_bytes = g->grouping.scale == LOCKSTEP_SCALE_NESTED ? 1
                               : g->grouping.scale == LOCKSTEP_SCALE_F32  ? 4
                                                                          : 2;
    struct lockstep_grouped_rows *f = &g->file;
    f->skipped = g->grouping.first;
    f->values_stride = g->encoding == LOCKSTEP_Q8 ? width : width / 2;
    f->values = random_bytes(g->rows * f->values_stride);
    f->high_bits_stride = g->encoding == LOCKSTEP_Q6 ? width / 4 : width / 8;
    f->high_bits = random_bytes(g->rows * f->high_bits_stride);
    f->scales_stride = f->offsets_stride = width / g->grouping.size * scale_bytes;
    f->scales = scales_of(g, width / g->grouping.size);
    f->offsets = scales_of(g, width / g->grouping.size);
    f->super_scales_stride = f->super_offsets_stride = width / 256 * 2;
    f->super_scales = narrow_numbers(g->rows * width / 256, 0.001f, LOCKSTEP_F16);
    f->super_offsets = narrow_numbers(g->rows * width / 256, 0.001f, LOCKSTEP_F16);
}

static void pack(struct grouped *g)
{
    g->panel_bytes = panel_bytes(g);
    g->panels = memory((g->rows + 15) / 16 * g->panel_bytes);
    for (size_t row = 0; row < g->rows; row += 16) {
        struct lockstep_grouped_rows from = g->file;
        from.values += row * from.values_stride;
        from.high_bits += row * from.high_bits_stride;
        from.scales = (const char *)from.scales + row * from.scales_stride;
        from.offsets = (const char *)from.offsets + row * from.offsets_stride;
        from.super_scales = (const char *)from.super_scales + row * from.super_scales_stride;
        from.super_offsets = (const char *)from.super_offsets + row * from.super_offsets_stride;
        const size_t rows = g->rows - row < 16 ? g->rows - row : 16;
        lockstep_pack(
            settings.instruction_set, &from, rows, g->columns, g->encoding, &g->grouping,
            g->panels + row / 16 * g->panel_bytes);
    }
}

static void multiply(const struct grouped *g, size_t tokens, const char *name)
{
    struct lockstep_multiply m = {.instruction_set = settings.instruction_set, .count = 1, .tokens = tokens};
    m.x_stride = g->columns + pick(3);
    m.x = numbers(tokens * m.x_stride, 1);
    struct lockstep_product *p = &m.products[0];
    *p = (struct lockstep_product){.w = g->panels, .row_byte_stride = g->panel_bytes, .rows = g->rows,
        .columns = g->columns, .encoding = g->encoding, .grouping = g->grouping};
    p->bias = pick(2) ? numbers(g->rows, 1) : NULL;
    p->y_stride = g->rows + pick(3);
    p->y = numbers(tokens * p->y_stride, 0);
    run(lockstep_multiply_part, &m);
    digest(p->y, tokens * p->y_stride, "multiply %s by %zu tokens", name, tokens);
    run_in_tiles(&m);
    digest(p->y, tokens * p->y_stride, "multiply %s by %zu tokens, in tiles", name, tokens);
    m.dot = settings.dot;
    m.rounded_stride = (g->grouping.first % 32 + g->columns + 31) / 32 * 64;
    m.rounded_thread_stride = pick(2) ? tokens * m.rounded_stride : 0;
    m.rounded = memory(tokens * m.rounded_stride * (size_t)settings.threads);
    if (!m.rounded_thread_stride)
        run(lockstep_round_part, &m);
    for (m.fetching = LOCKSTEP_FETCH_NEAR; m.fetching <= LAST_FETCHING; m.fetching++) {
        clear_results(&m);
        run(lockstep_multiply_rounded_part, &m);
        digest(p->y, tokens * p->y_stride, "multiply rounded input, %s by %zu tokens, %s", name, tokens,
            ways_of_fetching[m.fetching]);
    }
    m.fetching = LOCKSTEP_FETCH_NEAR;
    if (tokens > 1)
        return;
    // The first thread finds that the others have not begun.
    m.taken = memory((size_t)settings.threads * LOCKSTEP_TAKEN * sizeof *m.taken);
    clear_results(&m);
    run(lockstep_multiply_rounded_part, &m);
    digest(p->y, p->y_stride, "multiply rounded input, %s, taking from each other", name);
}

static void digest_grouped(struct grouped *g, const size_t *tokens, size_t count)
{
    static const char *const scales[] = {"f16", "bf16", "f32", "nested"};
    char name[120];
    snprintf(name, sizeof name, "q%d %s/%zu%s %zux%zu from %zu", bits_of(g->encoding), scales[g->grouping.scale],
        g->grouping.size, g->grouping.has_offsets ? " with offsets" : "", g->rows, g->columns, g->grouping.first);
    fill_file(g);
    pack(g);
    digest_bytes(g->panels, (g->rows + 15) / 16 * g->panel_bytes, "panels %s", name);
    struct lockstep_product product = {.w = g->panels, .row_byte_stride = g->panel_bytes, .rows = g->rows,
        .columns = g->columns, .encoding = g->encoding, .grouping = g->grouping};
    const size_t row = pick(g->rows), rows = 1 + pick(g->rows - row), column = pick(g->columns);
    const size_t columns = 1 + pick(g->columns - column);
    float *to = numbers(rows * (columns + 1), 0);
    lockstep_unpack_rows(settings.instruction_set, &product, row, rows, column, columns, to, columns + 1);
    digest(to, rows * (columns + 1), "unpack %s, %zux%zu", name, rows, columns);
    for (size_t i = 0; i < count; i++)
        multiply(g, tokens[i], name);
    release();
}

/// Every kind of grouping, the `pass`-th time.
static void digest_every_grouping(size_t pass)
{
    static const size_t widths[] = {1, 16, 31, 33, 63, 64, 96, 130, 257, 290};
    static const size_t heights[] = {1, 3, 5, 8, 13, 16, 17, 33, 75};
    size_t form = pass * 131;
    for (int encoding = LOCKSTEP_Q4; encoding <= LOCKSTEP_Q8; encoding++)
        for (int scale = LOCKSTEP_SCALE_F16; scale <= LOCKSTEP_SCALE_NESTED; scale++)
            for (int has_offsets = 0; has_offsets < 2; has_offsets++)
                for (size_t size = 16; size <= 128; size *= 2, form++) {
                    const size_t period = scale == LOCKSTEP_SCALE_NESTED ? 256 : size < 32 ? 32 : size;
                    // The highest has panels for every stream; each pass has other heights begin at column 0.
                    struct grouped g = {
                        .encoding = encoding, .rows = heights[(form + pass) % 9], .columns = widths[form * 3 % 10]};
                    g.grouping = (struct lockstep_grouping){.scale = scale, .has_offsets = has_offsets, .size = size};
                    g.grouping.first = form % 3 ? pick(period) : 0;
                    const size_t tokens[] = {1, 2 + form % 7, 9 + form % 9};
                    digest_grouped(&g, tokens, 3);
                }
}

void digest_grouped_products(void)
{
    for (size_t pass = 0; pass < 3; pass++)
        digest_every_grouping(pass);
    // Every number of tokens, and more columns than are taken at a time.
    for (int encoding = LOCKSTEP_Q4; encoding <= LOCKSTEP_Q8; encoding++) {
        struct grouped g = {.encoding = encoding, .rows = 19, .columns = 1090};
        g.grouping = (struct lockstep_grouping){.scale = LOCKSTEP_SCALE_F16, .has_offsets = encoding % 2, .size = 32};
        size_t tokens[18];
        for (size_t i = 0; i < 17; i++)
            tokens[i] = i + 1;
        tokens[17] = 37;
        digest_grouped(&g, tokens, 18);
    }
    // More panels and tokens than sums are kept for at a time, over more columns than a strip has.
    for (int encoding = LOCKSTEP_Q4; encoding <= LOCKSTEP_Q8; encoding++) {
        struct grouped wide = {.encoding = encoding, .rows = 147, .columns = 1090}, high = wide;
        wide.grouping = (struct lockstep_grouping){.has_offsets = encoding % 2 == 0, .size = 16};
        high.grouping = (struct lockstep_grouping){.has_offsets = encoding % 2, .size = 32};
        high.rows = 259;
        high.columns = 530;
        digest_grouped(&wide, (const size_t[]){137}, 1);
        digest_grouped(&high, (const size_t[]){270}, 1);
    }
}
