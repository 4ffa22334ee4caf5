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
        [LOCKSTEP_SILU_MULTIPLY] = "silu multiply", [LOCKSTEP_GELU_MULTIPLY] = "gelu multiply",
        [LOCKSTEP_GELU] = "gelu",
        [LOCKSTEP_SQUARED_RELU] = "squared relu", [LOCKSTEP_CLAMPED_SWIGLU] = "clamped swiglu",
        [LOCKSTEP_SIGMOID_MULTIPLY] = "sigmoid multiply", [LOCKSTEP_ADD] = "add",
        [LOCKSTEP_ADD_MULTIPLE] = "add multiple", [LOCKSTEP_SCALE] = "scale", [LOCKSTEP_CAP] = "cap"};
    struct lockstep_elementwise e = {.instruction_set = settings.instruction_set, .a = wild_numbers(rows * stride, 9),
        .b = numbers(rows * stride, 2), .y = y, .a_stride = stride, .b_stride = stride, .y_stride = stride,
        .rows = rows, .columns = columns, .factor = 3.7f, .limit = 5};
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

static void digest_squares(size_t tokens, size_t heads, size_t size)
{
    const size_t stride = heads * size + pick(3), groups = heads % 2 ? 1 : 2;
    float *x = numbers(tokens * stride, 3), *sums = numbers(tokens * heads, 0);
    struct lockstep_squares squares = {.instruction_set = settings.instruction_set, .x = x, .stride = stride,
        .tokens = tokens, .heads = heads, .head_size = size, .sums = sums, .sums_stride = heads};
    run(lockstep_squares_part, &squares);
    digest(sums, tokens * heads, "squares %zu x %zu heads of %zu", tokens, heads, size);
    struct lockstep_scale_by_squares scale = {.instruction_set = settings.instruction_set, .x = x, .stride = stride,
        .weight = numbers(heads * size, 1), .tokens = tokens, .heads = heads, .head_size = size,
        .group_size = heads / groups, .sums = sums, .sums_stride = heads, .epsilon = 1e-6f};
    run(lockstep_scale_by_squares_part, &scale);
    digest(x, tokens * stride, "scale by squares %zu x %zu heads of %zu", tokens, heads, size);
    struct lockstep_unit unit = {.instruction_set = settings.instruction_set, .x = x, .stride = stride,
        .tokens = tokens, .heads = heads, .head_size = size, .epsilon = 1e-6f, .factor = 0.3f};
    run(lockstep_unit_part, &unit);
    digest(x, tokens * stride, "unit %zu x %zu heads of %zu", tokens, heads, size);
    release();
}

static void digest_states(size_t tokens, size_t heads, size_t size)
{
    const size_t channels = heads * size, rows = 1 + size / 2, kernel = 2 + size % 4;
    float *x = numbers(tokens * channels, 2), *window = numbers((kernel - 1) * channels, 2);
    struct lockstep_convolve convolve = {.instruction_set = settings.instruction_set, .x = x, .stride = channels,
        .tokens = tokens, .channels = channels, .size = kernel, .weight = numbers(channels * kernel, 1),
        .bias = size % 2 ? numbers(channels, 1) : 0, .window = window};
    run(lockstep_convolve_part, &convolve);
    digest(x, tokens * channels, "convolve %zu x %zu by %zu", tokens, channels, kernel);
    digest(window, (kernel - 1) * channels, "window of %zu x %zu by %zu", tokens, channels, kernel);
    float *decays = wild_numbers(tokens * heads, 30), *steps = numbers(tokens * heads, 1);
    struct lockstep_forget forget = {.instruction_set = settings.instruction_set, .x = decays, .stride = heads,
        .tokens = tokens, .heads = heads, .log = numbers(heads, 2), .bias = numbers(heads, 1),
        .steps = size % 2 ? steps : 0};
    run(lockstep_forget_part, &forget);
    digest(decays, tokens * heads, "forget %zu x %zu", tokens, heads);
    digest(steps, tokens * heads, "steps %zu x %zu", tokens, heads);
    int32_t *covered = memory(heads * sizeof *covered);
    for (size_t head = 0; head < heads; head++)
        covered[head] = (int32_t)(head / 2);
    const size_t covered_stride = (heads + 1) / 2 * rows;
    float *states = numbers(channels * rows, 1);
    struct lockstep_recur recur = {.instruction_set = settings.instruction_set, .has_delta_rule = size % 3 != 0,
        .q = numbers(tokens * covered_stride, 1), .k = numbers(tokens * covered_stride, 1), .v = x,
        .o = numbers(tokens * channels, 0), .covered_stride = covered_stride, .stride = channels,
        .decays = numbers(tokens * heads, 1), .steps = numbers(tokens * heads, 1), .rates_stride = heads,
        .covered = covered, .skip = size % 2 ? numbers(heads, 1) : 0, .states = states, .tokens = tokens,
        .heads = heads, .head_size = size, .state_size = rows};
    run(lockstep_recur_part, &recur);
    digest(recur.o, tokens * channels, "recur %zu x %zu heads of %zu x %zu", tokens, heads, rows, size);
    digest(states, channels * rows, "states %zu x %zu heads of %zu x %zu", tokens, heads, rows, size);
    release();
}

static void digest_experts(size_t tokens, size_t experts, size_t width)
{
    for (int scoring = 0; scoring < 3; scoring++) {
        const size_t chosen = 1 + pick(experts < 6 ? experts : 6), stride = experts + pick(3);
        struct lockstep_choose choose = {.instruction_set = settings.instruction_set,
            .scoring = (enum lockstep_scoring)scoring, .logits = numbers(tokens * stride, 8), .stride = stride,
            .correction = scoring == LOCKSTEP_SIGMOID ? numbers(experts, 0.5f) : 0, .tokens = tokens,
            .experts = experts, .chosen = chosen, .groups = 1, .group_scores = 1, .chosen_groups = 1,
            .is_normalized = pick(2) == 0, .factor = 2.5f, .choices = memory(tokens * chosen * sizeof(int32_t)),
            .factors = numbers(tokens * chosen, 0)};
        if (scoring == LOCKSTEP_SIGMOID && experts % 4 == 0 && chosen <= experts / 2) {
            choose.groups = 4;
            choose.chosen_groups = 2;
            choose.group_scores = 1 + pick(2);
        }
        run(lockstep_choose_part, &choose);
        digest_bytes(choose.choices, tokens * chosen * sizeof(int32_t), "choices %d, %zu of %zu", scoring, chosen,
            experts);
        digest(choose.factors, tokens * chosen, "factors %d, %zu of %zu", scoring, chosen, experts);
    }
    int32_t *order = memory(tokens * sizeof *order);
    for (size_t row = 0; row < tokens; row++)
        order[row] = (int32_t)(tokens - 1 - row);
    float *y = numbers(tokens * width, 1);
    struct lockstep_rows rows = {.instruction_set = settings.instruction_set, .x = numbers(tokens * width, 2), .y = y,
        .x_stride = width, .y_stride = width, .columns = width, .count = tokens, .tokens = order,
        .factors = numbers(tokens, 1)};
    run(lockstep_add_rows_part, &rows);
    run(lockstep_scale_rows_part, &rows);
    digest(y, tokens * width, "rows %zu x %zu", tokens, width);
    run(lockstep_take_rows_part, &rows);
    digest(y, tokens * width, "taken rows %zu x %zu", tokens, width);
    release();
}

void digest_layers(void)
{
    static const size_t sizes[] = {1, 2, 7, 15, 16, 17, 31, 33, 64, 80, 250, 1000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t tokens = 1; tokens <= 17; tokens += 4) {
            digest_heads(tokens, 1 + i % 3, sizes[i]);
            digest_elements(tokens, sizes[i]);
            digest_squares(tokens, 1 + i % 4, sizes[i]);
            digest_states(tokens, 1 + i % 4, sizes[i] < 100 ? sizes[i] : 130);
            digest_experts(tokens, sizes[i], 1 + sizes[i] / 2);
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
