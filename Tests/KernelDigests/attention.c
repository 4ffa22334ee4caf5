#include "digests.h"

// Caches of keys and values, and attention over them.

/// An attention over a cache of its own.
struct shape {
    int encoding;
    size_t key_value_heads, queries, head_size; // queries of each key-value head
    size_t earlier, tokens, window;
};

static size_t cached_bytes(int encoding)
{
    return encoding == LOCKSTEP_F32 ? 4 : encoding == LOCKSTEP_Q8 ? 1 : 2;
}

static struct lockstep_cache cache_of(const struct shape *s)
{
    struct lockstep_cache c = {.encoding = s->encoding, .heads = s->key_value_heads, .head_size = s->head_size};
    c.positions = (s->earlier + s->tokens + 15) / 16 * 16;
    const size_t count = c.heads * c.positions, scales = (s->head_size + 31) / 32;
    c.keys = memory(count * s->head_size * cached_bytes(s->encoding));
    c.values = memory(count * ((s->head_size + 15) / 16 * 16) * cached_bytes(s->encoding));
    if (s->encoding == LOCKSTEP_Q8) {
        c.key_scales = memory(count * scales * sizeof(uint16_t));
        c.value_scales = memory(count * scales * sizeof(uint16_t));
    }
    return c;
}

/// Random keys and values at all positions.
static void fill_cache(const struct lockstep_cache *cache, size_t positions)
{
    const size_t width = cache->heads * cache->head_size;
    struct lockstep_store store = {.instruction_set = settings.instruction_set, .cache = *cache,
        .keys = numbers(positions * (width + 1), 2), .values = numbers(positions * (width + 2), 2),
        .key_stride = width + 1, .value_stride = width + 2, .tokens = positions};
    run(lockstep_store_part, &store);
}

static void digest_cache(const struct lockstep_cache *cache, size_t positions, const char *name)
{
    float *recalled = numbers(2 * cache->head_size * cache->heads * positions, 0), *to = recalled;
    for (int is_key = 0; is_key < 2; is_key++)
        for (size_t head = 0; head < cache->heads; head++)
            for (size_t position = 0; position < positions; position++, to += cache->head_size)
                lockstep_recall(cache, is_key, head, position, to);
    digest(recalled, (size_t)(to - recalled), "cache %s", name);
}

static void digest_shape(const struct shape *s)
{
    static const char *const names[] = {
        [LOCKSTEP_F32] = "f32", [LOCKSTEP_BF16] = "bf16", [LOCKSTEP_F16] = "f16", [LOCKSTEP_Q8] = "q8"};
    const size_t heads = s->key_value_heads * s->queries, width = heads * s->head_size;
    char name[120];
    snprintf(name, sizeof name, "%s, %zu x %zu heads of %zu, %zu + %zu tokens, window %zu", names[s->encoding],
        s->key_value_heads, s->queries, s->head_size, s->earlier, s->tokens, s->window);
    struct lockstep_attention a = {.instruction_set = settings.instruction_set, .cache = cache_of(s), .heads = heads,
        .tokens = s->tokens, .first_position = s->earlier, .window = s->window};
    fill_cache(&a.cache, s->earlier + s->tokens);
    digest_cache(&a.cache, s->earlier + s->tokens, name);
    int32_t *key_value_heads = memory(heads * sizeof *key_value_heads);
    for (size_t head = 0; head < heads; head++)
        key_value_heads[head] = (int32_t)(head / s->queries);
    a.key_value_heads = key_value_heads;
    a.query_stride = width + 3;
    a.y_stride = width + 1;
    a.queries = numbers(s->tokens * a.query_stride, 3);
    a.y = numbers(s->tokens * a.y_stride, 0);
    a.scale = 1 / sqrtf((float)s->head_size);
    const float *sinks = numbers(heads, 5);
    for (a.fetching = LOCKSTEP_FETCH_NEAR; a.fetching <= LAST_FETCHING; a.fetching++) {
        const char *way = ways_of_fetching[a.fetching];
        a.sinks = 0;
        a.partials = 0;
        run(lockstep_attention_part, &a);
        digest(a.y, s->tokens * a.y_stride, "attention %s, %s", name, way);
        a.sinks = sinks;
        run(lockstep_attention_part, &a);
        digest(a.y, s->tokens * a.y_stride, "attention with sinks %s, %s", name, way);
        a.partials = numbers(lockstep_attention_partials(&a), 0);
        run(lockstep_attention_blocks_part, &a);
        run(lockstep_attention_merge_part, &a);
        digest(a.y, s->tokens * a.y_stride, "attention in blocks %s, %s", name, way);
    }
    release();
}

void digest_attention(void)
{
    static const int encodings[] = {LOCKSTEP_F32, LOCKSTEP_BF16, LOCKSTEP_F16, LOCKSTEP_Q8};
    static const size_t sizes[] = {1, 7, 16, 31, 33, 64, 65, 80, 128};
    for (int e = 0; e < 4; e++) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            for (size_t queries = 1 + i % 3; queries <= 9; queries += 3) {
                struct shape s = {.encoding = encodings[e], .key_value_heads = 1 + i % 2, .queries = queries,
                    .head_size = sizes[i], .earlier = i * 7 % 50, .tokens = 1 + (i + queries) % 5};
                s.window = i % 3 == 2 ? 1 + pick(s.earlier + s.tokens) : 0;
                digest_shape(&s);
            }
        const struct shape many[] = {
            {encodings[e], 1, 2, 48, 0, 17, 0},
            {encodings[e], 2, 4, 64, 700, 1, 0},
            {encodings[e], 1, 3, 40, 500, 9, 300},
            {encodings[e], 1, 7, 32, 250, 12, 5},
        };
        for (int i = 0; i < 4; i++)
            digest_shape(&many[i]);
    }
}
