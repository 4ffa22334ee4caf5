#include "rounded_amx.h"
#if HAS_AMX
#include <sys/syscall.h>
#include <unistd.h>
#endif

// Rounding of activations, and the products of what is rounded.

typedef int8_t lane_bytes __attribute__((vector_size(16), aligned(1), may_alias));

enum { INFINITY_BITS = 0x7f800000, NAN_BITS = 0x7fc00000, SMALLEST_BITS = 7 << 23 };

/// Rounds one block: the largest element becomes 127 or -127.
INLINE void round_block(rounded_block *to, const float *x)
{
    lanes elements[2];
    load(&elements[0], x);
    load(&elements[1], x + 16);
    lane_bits magnitudes = __builtin_elementwise_max(
        (lane_bits)elements[0] & 0x7fffffff, (lane_bits)elements[1] & 0x7fffffff);
    // Compared as integers, infinity and NaN are the greatest.
    uint32_t largest = __builtin_reduce_max(magnitudes);
    memset(to, 0, sizeof *to);
    if (largest < SMALLEST_BITS)
        return;
    if (largest >= INFINITY_BITS) {
        to->scale = float_of_bits(NAN_BITS);
        for (int i = 0; i < 3; i++)
            to->scaled_sums[i] = to->scale;
        return;
    }
    to->scale = float_of_bits(largest) * (1.0f / 127);
    const float inverse = 127 / float_of_bits(largest), shift = 0x1.8p23f;
    int32_t sums[3];
    for (int half = 0; half < 2; half++) {
        // The sum with the shift ends in the rounded integer.
        lanes shifted = elements[half] * inverse + shift;
        lane_integers values = (lane_integers)shifted - (int32_t)0x4b400000;
        *(lane_bytes *)(to->values + 16 * half) = __builtin_convertvector(values, lane_bytes);
        sums[half] = __builtin_reduce_add(values);
    }
    sums[2] = sums[0] + sums[1];
    for (int i = 0; i < 3; i++) {
        to->zeros[i] = -128 * sums[i];
        to->scaled_sums[i] = to->scale * (float)sums[i];
    }
}

/// Rounds a row whose first column is `missing` columns into its first block; zeros fill the first and last block.
INLINE void round_row_body(rounded_block *to, const float *x, size_t columns, size_t missing)
{
    const size_t end = missing + columns;
    for (size_t column = 0; column < end; column += 32) {
        const size_t first = larger(column, missing), last = smaller(column + 32, end);
        if (last - first == 32) {
            round_block(to + column / 32, x + column - missing);
            continue;
        }
        float padded[32] = {0};
        memcpy(padded + (first - column), x + first - missing, (last - first) * sizeof(float));
        round_block(to + column / 32, padded);
    }
}

FOR_EVERY_TARGET(
    void, round_row, (rounded_block *to, const float *x, size_t columns, size_t missing), (to, x, columns, missing))

/// Rounds a row to bf16, ties to even; zeros fill the last 32.
INLINE void round_bfloats_body(uint16_t *to, const float *x, size_t columns)
{
    for (size_t k = 0; k < columns; k++)
        to[k] = bfloat_of_float(x[k]);
    memset(to + columns, 0, (-columns % 32) * sizeof *to);
}

FOR_EVERY_TARGET(void, round_bfloats, (uint16_t *to, const float *x, size_t columns), (to, x, columns))

enum {
    // From so many tokens on, products are cheaper by AMX: of bf16, and of grouped integers, which it has to widen.
    FEWEST_BFLOATS = 6,
    FEWEST_INTEGERS = 16,
};

#if HAS_AMX

int lockstep_has_amx(void)
{
    // What asks Linux for the registers: they are large, and a process must want them.
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
    return lockstep_multiplies_bfloats(LOCKSTEP_DOT_AVX512) && __builtin_cpu_supports("amx-tile")
           && __builtin_cpu_supports("amx-bf16")
           && syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}

#else

int lockstep_has_amx(void) { return 0; }

#endif

/// Whether AMX multiplies.
INLINE int multiplies_by_amx(const multiply *m)
{
    const size_t fewest = m->products[0].encoding == LOCKSTEP_BF16 ? FEWEST_BFLOATS : FEWEST_INTEGERS;
    return HAS_AMX && m->has_amx && m->tokens >= fewest;
}

size_t lockstep_laned_tokens(const multiply *m)
{
    if (!HAS_AVX || m->products[0].encoding != LOCKSTEP_BF16)
        return 0;
    return multiplies_by_amx(m) ? m->tokens : m->tokens / FEWEST_LANED * FEWEST_LANED;
}

static void round_tokens(const multiply *m, char *rounded, size_t first, size_t last)
{
#if HAS_AMX
    if (multiplies_by_amx(m) && m->products[0].encoding != LOCKSTEP_BF16) {
        lockstep_lay_amx_grouped(m, rounded, first, last);
        return;
    }
#endif
    const product *p = &m->products[0];
    size_t t = first;
#if HAS_AVX
    const size_t laned = smaller(last, lockstep_laned_tokens(m));
    for (; t < laned; t += LANED_TILE)
        lockstep_lay_tile(
            rounded + t * m->rounded_stride, m->x + t * m->x_stride, m->x_stride, p->columns,
            smaller(LANED_TILE, laned - t));
#endif
    for (; t < last; t++) {
        void *to = rounded + t * m->rounded_stride;
        const float *x = m->x + t * m->x_stride;
        if (p->encoding == LOCKSTEP_BF16)
            round_bfloats(m->instruction_set)(to, x, p->columns);
        else
            round_row(m->instruction_set)(to, x, p->columns, p->grouping.first % LOCKSTEP_BLOCK_COLUMNS);
    }
}

void lockstep_round_part(const void *work, int thread, int threads)
{
    const multiply *m = work;
    size_t first, last;
    part_of(m->tokens, lockstep_laned_tokens(m) ? LANED_TILE : 1, thread, threads, &first, &last);
    round_tokens(m, m->rounded, first, last);
}

enum {
    // So many quarters of its rows a thread takes at once; the rest are there for all: half of what is left each time,
    // down to about so many bytes. Of memory that keeps two cores waiting in turn a Zen 5 reads a tenth more by this.
    QUARTERS_AT_ONCE = 3,
    FEWEST_BYTES = 128 << 10,
};

/// What is left of a number that is halved so often; in the end nothing.
INLINE size_t left_of(size_t count, size_t halvings) { return halvings < 64 ? count >> halvings : 0; }

/// Takes a run of one thread's rows of one product; 0 where nothing of them is left.
static int take_run(struct runs *r)
{
    const multiply *m = r->m;
    const product *p = &m->products[r->product];
    const int owner = (r->thread + r->turn) % r->threads;
    uint32_t *taken = m->taken ? m->taken + owner * LOCKSTEP_TAKEN + r->product : r->own + r->product;
    size_t first, last;
    part_of((p->rows + r->rows - 1) / r->rows, r->block, owner, r->threads, &first, &last);
    const size_t blocks = (last - first + r->block - 1) / r->block;
    const size_t whole = first + (m->taken ? blocks * QUARTERS_AT_ONCE / 4 * r->block : last - first);
    const size_t fewest = (FEWEST_BYTES / larger(1, r->block * p->row_byte_stride) / STREAMS + 1) * STREAMS * r->block;
    const size_t runs = (last - whole + fewest - 1) / fewest;
    do {
        const size_t turn = __atomic_fetch_add(taken, 1, __ATOMIC_RELAXED);
        r->first = turn ? smaller(last, whole + (runs - left_of(runs, turn - 1)) * fewest) : first;
        r->last = turn ? smaller(last, whole + (runs - left_of(runs, turn)) * fewest) : whole;
    } while (r->first == r->last && r->first < last);
    return r->first < r->last;
}

int next_run(struct runs *r)
{
    for (; r->turn < (r->m->taken ? r->threads : 1); r->turn++, r->product = 0)
        for (; r->product < r->m->count; r->product++)
            if (take_run(r))
                return 1;
    return 0;
}

void lockstep_multiply_rounded_part(const void *work, int thread, int threads)
{
    const multiply *m = work;
    const char *rounded = rounded_for(m, thread);
    if (m->rounded_thread_stride)
        round_tokens(m, rounded_for(m, thread), 0, m->tokens);
#if HAS_AMX
    if (multiplies_by_amx(m)) {
        (m->products[0].encoding == LOCKSTEP_BF16 ? lockstep_multiply_amx_bfloats : lockstep_multiply_amx_grouped)(
            m, rounded, thread, threads);
        return;
    }
#endif
    if (m->products[0].encoding == LOCKSTEP_BF16)
        lockstep_multiply_bfloats(m, rounded, thread, threads);
    else
        lockstep_multiply_integers(m, rounded, thread, threads);
}
