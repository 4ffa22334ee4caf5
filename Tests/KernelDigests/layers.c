#include "digests.h"

// What lies between products: norms, rotations, elementwise operations, and logits.

/// Numbers, with some that are infinite, tiny or none among them.
static float *wild_numbers(size_t count, float scale)
{
    static const float wild[] = {INFINITY, -INFINITY, NAN, -0.0f, 1e-42f, -3e38f, 100, -104.5f, 88.8f, -87.5f};
    float *x = numbers(count, scale);
    for (size_t i = pick(5); i < count; i += 1 + pick(40))
        x[i] = wild[pick(sizeof wild / sizeof *wild)];
    return x;
}

static void digest_heads(size_t tokens, size_t heads, size_t size)
{
    const size_t width = heads * size, stride = width + pick(3), rotary = size / 2 * 2;
    float *x = numbers(tokens * stride, 3), *y = numbers(tokens * stride, 0);
    struct lockstep_normalize normalize = {.instruction_set = settings.instruction_set, .x = x, .y = y,
        .x_stride = stride, .y_stride = stride, .weight = numbers(size, 1), .epsilon = 1e-6f, .tokens = tokens,
        .heads = heads, .size = size};
    run(lockstep_normalize_part, &normalize);
    digest(y, tokens * stride, "normalize %zu x %zu heads of %zu", tokens, heads, size);
    normalize.is_centered = 1;
    normalize.bias = numbers(size, 1);
    run(lockstep_normalize_part, &normalize);
    digest(y, tokens * stride, "normalize centered %zu x %zu heads of %zu", tokens, heads, size);
    struct lockstep_rotate rotate = {.instruction_set = settings.instruction_set, .x = x, .stride = stride,
        .tokens = tokens, .heads = heads, .head_size = size, .rotary_size = rotary,
        .table = numbers((tokens + 5) * rotary, 1), .first_position = 5};
    run(lockstep_rotate_part, &rotate);
    digest(x, tokens * stride, "rotate %zu x %zu heads of %zu", tokens, heads, size);
    release();
}

static void digest_elements(size_t rows, size_t columns)
{
    const size_t stride = columns + pick(3);
    float *y = numbers(rows * stride, 0);
    static const char *const names[] = {
        [LOCKSTEP_SILU_MULTIPLY] = "silu multiply", [LOCKSTEP_GELU_MULTIPLY] = "gelu multiply", [LOCKSTEP_GELU] = "gelu",
        [LOCKSTEP_SQUARED_RELU] = "squared relu", [LOCKSTEP_ADD] = "add", [LOCKSTEP_ADD_MULTIPLE] = "add multiple",
        [LOCKSTEP_SCALE] = "scale", [LOCKSTEP_CAP] = "cap"};
    struct lockstep_elementwise e = {.instruction_set = settings.instruction_set, .a = wild_numbers(rows * stride, 9),
        .b = numbers(rows * stride, 2), .y = y, .a_stride = stride, .b_stride = stride, .y_stride = stride,
        .rows = rows, .columns = columns, .factor = 3.7f};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        e.operation = (enum lockstep_elementwise_operation)i;
        run(lockstep_elementwise_part, &e);
        digest(y, rows * stride, "%s %zux%zu", names[i], rows, columns);
    }
    e.operation = LOCKSTEP_ADD;
    e.b_stride = 0;
    run(lockstep_elementwise_part, &e);
    digest(y, rows * stride, "add one row %zux%zu", rows, columns);
    release();
}

void digest_layers(void)
{
    static const size_t sizes[] = {1, 2, 7, 15, 16, 17, 31, 33, 64, 80, 250, 1000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t tokens = 1; tokens <= 17; tokens += 4) {
            digest_heads(tokens, 1 + i % 3, sizes[i]);
            digest_elements(tokens, sizes[i]);
        }
}

void digest_logits(void)
{
    static const size_t sizes[] = {1, 15, 16, 17, 100, 1033, 200000};
    const int set = settings.instruction_set;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const size_t count = sizes[i];
        float *x = numbers(count, 20), *wild = wild_numbers(count, 100), *y = numbers(count, 0);
        lockstep_exp(set, wild, count, y);
        digest(y, count, "exp of %zu", count);
        const float maximum = lockstep_maximum(set, x, count), wildest = lockstep_maximum(set, wild, count);
        digest(&maximum, 1, "maximum of %zu", count);
        digest(&wildest, 1, "maximum of %zu, wild", count);
        const uint64_t sum = lockstep_sum_of_exponentials(set, x, count, maximum);
        digest_bytes(&sum, sizeof sum, "sum of exponentials of %zu", count);
        struct lockstep_candidate best[40] = {{0}};
        for (size_t limit = 1; limit <= 40; limit += 13) {
            const size_t found = lockstep_top_candidates(set, wild, count, 7, best, limit);
            digest_bytes(best, found * sizeof *best, "%zu candidates of %zu", limit, count);
        }
        release();
    }
}
