#include "attention.h"
#include <math.h>

// Causal attention, cut into tasks, tiles and blocks. A task is some tokens of the query heads of one key-value head,
// over some blocks of keys; a tile is a few of its (token, head) pairs. A pair's result depends on its own keys
// only: what all pairs of a tile see is weighed together, what only some see pair by pair, keys in increasing order.

typedef struct lockstep_attention attention;

/// The most pairs of a task, and the most elements of their queries.
enum { TASK_PAIRS = 48, TASK_ELEMENTS = 8192 };

/// One query: its place, the keys [first, end) that it sees, and what earlier blocks gave it.
struct pair {
    size_t token, head, first, end;
    float maximum, sum;
};

struct tile {
    struct pair *pairs;
    const float *queries; // [head size, count]
    int count;
    size_t first, end; // the keys that any pair sees
};

struct task {
    const attention *work;
    const struct attention_kernels *kernels;
    size_t token, tokens, head, heads; // heads of one key-value head
    size_t first_block, end_block;
    const struct task *next; // the one after it; null behind the last
    int fetching;            // how what is read later is fetched
};

/// Keys or values of a block that any token of a task sees: bytes [from, to) from the block's first on.
struct stretch {
    const struct task *task;
    size_t block;
    int of_values;
    size_t bytes; // of a value, or of a group of keys
    const char *elements;
    size_t from, to;
};

/// Bytes from what is read to what is fetched meanwhile.
enum { AHEAD_BYTES = 8 << 10 };

/// What a block of keys gives a tile's pairs.
struct partial {
    float weights[TILE * BLOCK] __attribute__((aligned(64)));
    float values[TILE * LOCKSTEP_LONGEST_HEAD] __attribute__((aligned(64)));
    float maxima[TILE], sums[TILE];
};

static size_t first_key(const attention *a, size_t token)
{
    size_t end = a->first_position + token + 1;
    return a->window && end > a->window ? end - a->window : 0;
}

/// Blocks of keys that any token sees, and the first of them.
static size_t blocks_seen(const attention *a, size_t *first)
{
    *first = first_key(a, 0) / BLOCK;
    return a->tokens ? (a->first_position + a->tokens - 1) / BLOCK + 1 - *first : 0;
}

/// Floats of a block's values, its maximum and its sum.
static size_t record_length(const attention *a) { return padded(a->cache.head_size) + 16; }

static float *record_of(const attention *a, size_t token, size_t head, size_t block)
{
    size_t first, blocks = blocks_seen(a, &first);
    return a->partials + ((token * a->heads + head) * blocks + block - first) * record_length(a);
}

size_t lockstep_attention_partials(const struct lockstep_attention *a)
{
    size_t first;
    return a->tokens * a->heads * blocks_seen(a, &first) * record_length(a);
}

/// The keys of the block from `base` on that a pair sees; none where `to` is not above `from`.
static struct span seen_by(const struct pair *pair, size_t base)
{
    return (struct span){larger(base, pair->first) - base, larger(base, smaller(base + BLOCK, pair->end)) - base};
}

/// Merges a block into what earlier blocks gave; the first one is taken as it is.
static void merge(
    const struct attention_kernels *kernels, float *y, struct pair *pair, const float *values, float maximum,
    float sum, int is_first, size_t size)
{
    if (is_first) {
        pair->maximum = maximum;
        pair->sum = sum;
        memcpy(y, values, size * sizeof(float));
        return;
    }
    int rises = maximum > pair->maximum;
    float less = exponential(rises ? pair->maximum - maximum : maximum - pair->maximum);
    float old = rises ? less : 1, new = rises ? 1 : less;
    pair->sum = __builtin_fmaf(pair->sum, old, sum * new);
    pair->maximum = rises ? maximum : pair->maximum;
    kernels->merge(y, values, old, new, size);
}

static float *output_of(const attention *a, const struct pair *pair)
{
    return a->y + pair->token * a->y_stride + pair->head * a->cache.head_size;
}

/// Divides what all keys gave by the sum of weights, that of the head's sink included.
static void finish(const attention *a, const struct pair *pair)
{
    float sum = pair->sum, old = 1, *y = output_of(a, pair);
    if (a->sinks) {
        float sink = a->sinks[pair->head];
        int rises = sink > pair->maximum;
        float less = exponential(rises ? pair->maximum - sink : sink - pair->maximum);
        old = rises ? less : 1;
        sum = rises ? __builtin_fmaf(sum, less, 1.0f) : sum + less;
    }
    float factor = old / sum;
    for (size_t d = 0; d < a->cache.head_size; d++)
        y[d] *= factor;
}

static struct stretch stretch_of(const struct task *task, size_t block, int of_values)
{
    const attention *a = task->work;
    const cache *c = &a->cache;
    size_t base = block * BLOCK, head = (size_t)a->key_value_heads[task->head];
    size_t from = larger(base, first_key(a, task->token)) - base;
    size_t to = smaller(base + BLOCK, a->first_position + task->token + task->tokens) - base;
    if (of_values) {
        size_t bytes = padded(c->head_size) * cached_bytes(c->encoding);
        return (struct stretch){task, block, 1, bytes, value_of(c, head, base), from * bytes, to * bytes};
    }
    size_t bytes = POSITIONS * c->head_size * cached_bytes(c->encoding);
    return (struct stretch){task, block, 0, bytes, keys_of(c, head, base / POSITIONS), from / POSITIONS * bytes,
        (to + POSITIONS - 1) / POSITIONS * bytes};
}

/// What is read after a stretch, or after the last tile has read it; nothing, at the end, is a stretch without bytes.
static struct stretch stretch_after(const struct stretch *s)
{
    if (!s->of_values)
        return stretch_of(s->task, s->block, 1);
    if (s->block + 1 < s->task->end_block)
        return stretch_of(s->task, s->block + 1, 0);
    return s->task->next ? stretch_of(s->task->next, s->task->next->first_block, 0) : (struct stretch){0};
}

/// Has `rows`, which are read from the byte at `offset` of a stretch on, fetch what is read later.
///
/// Returns how many bytes of that follow each other.
static size_t look_ahead(const struct stretch *now, size_t offset, struct rows *rows)
{
    struct stretch later = *now;
    size_t skipped = offset - now->from + AHEAD_BYTES;
    while (later.elements && skipped >= later.to - later.from) {
        skipped -= later.to - later.from;
        later = stretch_after(&later);
    }
    if (!later.elements) {
        rows->ahead = rows->elements;
        return now->to - now->from;
    }
    rows->ahead = later.elements + later.from + skipped - offset;
    return later.to - later.from - skipped;
}

/// Cuts off the first of some values or groups of keys: those while which what `look_ahead` found is fetched.
static struct span cut(struct span *all, const struct stretch *now, struct rows *rows)
{
    size_t fetched = look_ahead(now, all->from * now->bytes, rows);
    struct span some = {all->from, smaller(all->to, all->from + larger(1, fetched / larger(1, now->bytes)))};
    all->from = some.to;
    return some;
}

/// Scores of some groups of keys.
static void score(
    const struct tile *tile, const struct stretch *keys, struct rows *rows, struct span groups, float *weights)
{
    while (groups.from < groups.to)
        keys->task->kernels->score(rows, cut(&groups, keys, rows), tile->queries, weights, tile->count);
}

/// Adds a block's values: first what pairs see of it before the common keys, then those, then what comes after.
static void weigh(
    const struct tile *tile, const struct stretch *values, struct rows *rows, const struct span *seen,
    struct partial *block)
{
    const struct attention_kernels *kernels = values->task->kernels;
    struct span common = seen[0], alone;
    for (int q = 1; q < tile->count; q++)
        common = (struct span){larger(common.from, seen[q].from), smaller(common.to, seen[q].to)};
    int shares = common.from < common.to;
    for (int after = 0; after <= shares; after++) {
        for (struct span rest = common; after && rest.from < rest.to;)
            kernels->weigh(rows, cut(&rest, values, rows), block->weights, block->values, tile->count);
        rows->ahead = rows->elements;
        for (int q = 0; q < tile->count; q++) {
            alone = after    ? (struct span){common.to, seen[q].to}
                    : shares ? (struct span){seen[q].from, common.from}
                             : seen[q];
            if (alone.from < alone.to)
                kernels->weigh(rows, alone, block->weights + q * BLOCK,
                    block->values + (size_t)q * padded(rows->head_size), 1);
        }
    }
}

/// What the block of keys from `base` on gives a tile.
static void attend(
    const struct task *task, const struct tile *tile, size_t base, const struct span *seen, struct partial *block)
{
    const attention *a = task->work;
    const cache *c = &a->cache;
    size_t head = (size_t)a->key_value_heads[task->head], group = base / POSITIONS;
    struct stretch keys = stretch_of(task, base / BLOCK, 0), values = stretch_of(task, base / BLOCK, 1);
    struct rows key_rows = {keys.elements, scales_at(c, c->key_scales, head, group), c->head_size, c->encoding,
        keys.elements, task->fetching};
    struct rows value_rows = {values.elements, scales_at(c, c->value_scales, head, group), c->head_size, c->encoding,
        values.elements, task->fetching};
    struct span any = {(larger(base, tile->first) - base) / POSITIONS,
        (smaller(base + BLOCK, tile->end) - base + POSITIONS - 1) / POSITIONS};
    score(tile, &keys, &key_rows, any, block->weights);
    if (a->cap > 0)
        for (int q = 0; q < tile->count; q++)
            cap_scores(a->instruction_set, block->weights + q * BLOCK + any.from * POSITIONS,
                (any.to - any.from) * POSITIONS, a->cap);
    task->kernels->soften(block->weights, seen, block->maxima, block->sums, tile->count);
    memset(block->values, 0, (size_t)tile->count * padded(c->head_size) * sizeof(float));
    weigh(tile, &values, &value_rows, seen, block);
}

/// Computes one block for a tile, and merges it or, where there are records, writes one for each pair.
static void take_block(const struct task *task, const struct tile *tile, size_t base, struct partial *block)
{
    const attention *a = task->work;
    size_t size = a->cache.head_size;
    struct span seen[TILE];
    if (base >= tile->end || base + BLOCK <= tile->first)
        return;
    for (int q = 0; q < tile->count; q++)
        seen[q] = seen_by(&tile->pairs[q], base);
    attend(task, tile, base, seen, block);
    for (int q = 0; q < tile->count; q++) {
        struct pair *pair = &tile->pairs[q];
        const float *values = block->values + (size_t)q * padded(size);
        if (seen[q].from >= seen[q].to)
            continue;
        if (!a->partials) {
            merge(task->kernels, output_of(a, pair), pair, values, block->maxima[q], block->sums[q],
                base <= pair->first, size);
            continue;
        }
        float *record = record_of(a, pair->token, pair->head, base / BLOCK);
        memcpy(record, values, size * sizeof(float));
        record[padded(size)] = block->maxima[q];
        record[padded(size) + 1] = block->sums[q];
    }
}

static void place(const attention *a, size_t token, size_t head, struct pair *pair)
{
    *pair = (struct pair){token, head, first_key(a, token), a->first_position + token + 1, 0, 0};
}

/// Lays out the scaled queries of some pairs, and notes the keys that they see.
static void fill_tile(const attention *a, struct tile *tile, struct pair *pairs, size_t count, float *queries)
{
    size_t size = a->cache.head_size;
    *tile = (struct tile){pairs, queries, (int)count, pairs[0].first, pairs[0].end};
    for (size_t q = 0; q < count; q++) {
        const float *query = a->queries + pairs[q].token * a->query_stride + pairs[q].head * size;
        for (size_t k = 0; k < size; k++)
            queries[k * count + q] = query[k] * a->scale;
        tile->first = smaller(tile->first, pairs[q].first);
        tile->end = larger(tile->end, pairs[q].end);
    }
}

/// Whether no other task reads the same keys: what several read must stay in the second cache.
static int reads_alone(const struct task *task)
{
    const attention *a = task->work;
    const int32_t *map = a->key_value_heads, own = map[task->head];
    const size_t end = task->head + task->heads;
    return task->tokens == a->tokens && (task->head == 0 || map[task->head - 1] != own)
           && (end == a->heads || map[end] != own);
}

static void take_task(struct task *task)
{
    const attention *a = task->work;
    float queries[TASK_ELEMENTS] __attribute__((aligned(64)));
    struct pair pairs[TASK_PAIRS];
    struct tile tiles[TASK_PAIRS];
    struct partial block;
    size_t count = 0, size = a->cache.head_size;
    for (size_t token = task->token; token < task->token + task->tokens; token++)
        for (size_t head = task->head; head < task->head + task->heads; head++)
            place(a, token, head, &pairs[count++]);
    size_t tile_count = (count + task->kernels->tile - 1) / task->kernels->tile;
    task->fetching = tile_count == 1 && reads_alone(task) ? a->fetching : LOCKSTEP_FETCH_NEAR;
    for (size_t i = 0; i < tile_count; i++) {
        size_t first = count * i / tile_count, end = count * (i + 1) / tile_count;
        fill_tile(a, &tiles[i], pairs + first, end - first, queries + first * size);
    }
    for (size_t base = task->first_block * BLOCK; base < task->end_block * BLOCK; base += BLOCK)
        for (size_t i = 0; i < tile_count; i++)
            take_block(task, &tiles[i], base, &block);
    if (!a->partials)
        for (size_t i = 0; i < count; i++)
            finish(a, &pairs[i]);
}

/// The task that begins at a token and a head, over the blocks that its tokens see.
static struct task task_at(const attention *a, size_t token, size_t head)
{
    size_t most = smaller(TASK_ELEMENTS / larger(1, a->cache.head_size) / TILE * TILE, TASK_PAIRS), heads = 1;
    while (heads < most && head + heads < a->heads && a->key_value_heads[head + heads] == a->key_value_heads[head])
        heads++;
    size_t tokens = smaller(larger(1, most / heads), a->tokens - token);
    return (struct task){.work = a, .kernels = attention_kernels(a->instruction_set), .token = token,
        .tokens = tokens, .head = head, .heads = heads, .first_block = first_key(a, token) / BLOCK,
        .end_block = (a->first_position + token + tokens - 1) / BLOCK + 1};
}

/// Takes the task that a thread holds, now that the one after it is known, and holds that one.
static void hold(struct task *held, const struct task *task)
{
    if (held->work) {
        held->next = task;
        take_task(held);
    }
    if (task)
        *held = *task;
}

size_t lockstep_attention_tasks(const struct lockstep_attention *a)
{
    size_t count = 0;
    struct task task;
    for (size_t head = 0; head < a->heads; head += task.heads) {
        task = task_at(a, 0, head);
        count += (a->tokens + task.tokens - 1) / task.tokens;
    }
    return a->tokens ? count : 0;
}

/// Tasks are dealt in turn: those of late tokens have more keys.
void lockstep_attention_part(const void *work, int thread, int threads)
{
    const attention *a = work;
    size_t turn = 0;
    struct task task, held = {0};
    for (size_t head = 0; head < a->heads && a->tokens; head += task.heads)
        for (size_t token = 0; token < a->tokens; token += task.tokens) {
            task = task_at(a, token, head);
            if (turn++ % (size_t)threads == (size_t)thread)
                hold(&held, &task);
        }
    hold(&held, 0);
}

/// A thread takes a run of blocks of one task after the other, as near to its part of all blocks as whole blocks are.
void lockstep_attention_blocks_part(const void *work, int thread, int threads)
{
    const attention *a = work;
    size_t first, last, done = 0, all = 0;
    struct task task, held = {0};
    for (int counts = 1; counts >= 0; counts--) {
        part_of(all, 1, thread, threads, &first, &last);
        for (size_t head = 0; head < a->heads && a->tokens; head += task.heads)
            for (size_t token = 0; token < a->tokens; token += task.tokens) {
                task = task_at(a, token, head);
                size_t blocks = task.end_block - task.first_block, begin = task.first_block;
                if (counts) {
                    all += blocks;
                    continue;
                }
                task.first_block = begin + smaller(blocks, first > done ? first - done : 0);
                task.end_block = begin + smaller(blocks, last > done ? last - done : 0);
                if (task.first_block < task.end_block)
                    hold(&held, &task);
                done += blocks;
            }
    }
    hold(&held, 0);
}

void lockstep_attention_merge_part(const void *work, int thread, int threads)
{
    const attention *a = work;
    const struct attention_kernels *kernels = attention_kernels(a->instruction_set);
    size_t first, last, size = a->cache.head_size;
    part_of(a->tokens * a->heads, 1, thread, threads, &first, &last);
    for (size_t i = first; i < last; i++) {
        struct pair pair;
        place(a, i / a->heads, i % a->heads, &pair);
        float *y = output_of(a, &pair);
        for (size_t block = pair.first / BLOCK; block * BLOCK < pair.end; block++) {
            const float *record = record_of(a, pair.token, pair.head, block);
            merge(kernels, y, &pair, record, record[padded(size)], record[padded(size) + 1],
                block == pair.first / BLOCK, size);
        }
        finish(a, &pair);
    }
}
