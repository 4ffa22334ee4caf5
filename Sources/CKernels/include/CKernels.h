#pragma once
#include <stddef.h>
#include <stdint.h>

// Kernels on raw memory. None allocates, none knows a model, none keeps state.
//
// Every function gives the same bits on every instruction set, for any number of threads and for any cut of its rows
// or tokens: a dot product over k has 16 lanes (lane = k % 16), each a chain of fused multiply-adds in increasing k,
// the last group of 16 filled up with zeros, and the lanes are added as a tree: i += i + 8, then 4, 2, 1.
// A result that is NaN is NaN everywhere, its payload is not promised.
//
// A `..._part` function does the part of `thread` among `threads`; all parts together do the whole. Its `work` points
// to the struct of the same name. Outputs never overlap inputs unless said.

enum lockstep_instruction_set { LOCKSTEP_PORTABLE, LOCKSTEP_AVX2, LOCKSTEP_AVX512 };
enum lockstep_encoding {
    LOCKSTEP_F32,
    LOCKSTEP_BF16,
    LOCKSTEP_F16,
    // Grouped integers of so many bits, in panels.
    LOCKSTEP_Q4,
    LOCKSTEP_Q5,
    LOCKSTEP_Q6,
    LOCKSTEP_Q8
};

/// How the scales and offsets of groups are stored.
enum lockstep_scale { LOCKSTEP_SCALE_F16, LOCKSTEP_SCALE_BF16, LOCKSTEP_SCALE_F32, LOCKSTEP_SCALE_NESTED };

enum {
    /// Rows of a panel of grouped integers.
    LOCKSTEP_PANEL_ROWS = 16,
    /// Columns of a block of a panel.
    LOCKSTEP_BLOCK_COLUMNS = 32,
    /// Columns that share what nested scales are multiplied by.
    LOCKSTEP_SUPER_COLUMNS = 256
};

/// The longest attention head, in elements.
enum { LOCKSTEP_LONGEST_HEAD = 1024 };

typedef void (*lockstep_part)(const void *work, int thread, int threads);

/// Whether this machine runs the instruction set.
int lockstep_supports(int instruction_set);

/// Tells the processor that the thread spins.
static inline void lockstep_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/// Widens `count` elements to f32, exactly; a signalling NaN may become quiet.
void lockstep_widen(int instruction_set, const void *from, int encoding, size_t count, float *to);

/// Narrows `count` f32 elements, rounding to nearest, ties to even; NaN stays NaN, overflow gives infinity.
void lockstep_narrow(const float *from, size_t count, int encoding, void *to);

/// How a matrix of grouped integers lies in memory: element = scale * (integer - zero) + offset, in f32, where zero is
/// 0 with offsets and half the integers' range without.
///
/// Sixteen rows are a panel; a lane of a vector is a row. Columns come in blocks of 32; column 0 of the matrix is column
/// `first` of its period (256 for nested scales, else the longer of group and block), so that groups begin at
/// multiples of their size: the first block begins with first % 32 columns that are not part of the matrix, the last one
/// may end with such columns. A panel consists of these sections, each at a multiple of 64 bytes:
///
/// - values, 64 x bits bytes a block. A line of 64 bytes has four bytes of each row in row order. With 4 bits, four
///   lines: byte b of line i has column 8 i + b in its lower half and column 8 i + 4 + b in its upper half. 5 and 6
///   bits have the same four lines of lowest bits, then one or two lines of high bits: of 5 bits, bit j of byte b
///   belongs to column 4 j + b; of 6 bits, bits 2 j and 2 j + 1 of byte b of line h to column 16 h + 4 j + b. With 8
///   bits, eight lines: byte b of line i is column 4 i + b;
/// - scales, [groups, 16]: f16, bf16, f32, or signed bytes;
/// - offsets likewise, if there are any;
/// - nested: what the scales are multiplied by, f16 [groups of 256 columns, 16];
/// - nested offsets: what those are multiplied by, likewise.
struct lockstep_grouping {
    int scale; // enum lockstep_scale
    int has_offsets;
    size_t size;  // columns of a group: 16, 32, 64 or 128
    size_t first; // less than the period
};

/// Rows as a weights file has them, part by part (see Grouping.Part), each row `..._stride` bytes after the last one.
/// Columns [skipped, skipped + columns) of what is given are meant; `skipped` is less than the period.
struct lockstep_grouped_rows {
    const uint8_t *values, *high_bits;
    const void *scales, *offsets;
    const uint16_t *super_scales, *super_offsets;
    size_t values_stride, high_bits_stride, scales_stride, offsets_stride, super_scales_stride, super_offsets_stride;
    size_t skipped;
};

/// Puts up to 16 rows, as a weights file has them, into a panel; missing rows become zero.
void lockstep_pack(
    const struct lockstep_grouped_rows *from, size_t rows, size_t columns, int encoding,
    const struct lockstep_grouping *grouping, void *panel);

/// The elements of row `row` of 16 of a panel, in f32.
void lockstep_unpack(
    int instruction_set, const void *panel, size_t row, size_t columns, int encoding,
    const struct lockstep_grouping *grouping, float *to);

/// y[t, r] = sum over k of w[r, k] * x[t, k] (+ bias[r]), for r < rows, t < tokens.
/// Rows of `w` start `row_byte_stride` bytes apart, which is a multiple of 16 elements: up to 15 elements after a
/// row's end are read and ignored. `x` and `y` have strides in elements, and any alignment. `bias` may be null.
struct lockstep_product {
    const void *w; // [rows, columns]
    size_t row_byte_stride;
    size_t rows, columns;
    int encoding;
    struct lockstep_grouping grouping; // of grouped integers: `w` is panels, `row_byte_stride` from one to the next
    const float *bias;                 // [rows]
    float *y;          // [tokens, y_stride]
    size_t y_stride;
};

/// Up to three products with the same input.
struct lockstep_multiply {
    int instruction_set;
    int count;
    const float *x; // [tokens, x_stride]
    size_t x_stride;
    size_t tokens;
    struct lockstep_product products[3];
};
void lockstep_multiply_part(const void *work, int thread, int threads);

/// Each of `heads` pieces of `size` elements of each row of x: y = x / sqrt(mean(x * x) + epsilon) * weight.
/// y may be x.
struct lockstep_normalize {
    int instruction_set;
    const float *x; // [tokens, x_stride]
    float *y;       // [tokens, y_stride]
    size_t x_stride, y_stride;
    const float *weight; // [size], shared by the heads
    float epsilon;
    size_t tokens, heads, size;
};
void lockstep_normalize_part(const void *work, int thread, int threads);

/// Turns the pairs (i, i + rotary_size / 2) of each head by the angle of its position, in place;
/// elements from rotary_size on stay. Row p of the table holds rotary_size / 2 cosines, then as many sines.
struct lockstep_rotate {
    int instruction_set;
    float *x; // [tokens, stride], heads of head_size elements
    size_t stride, tokens, heads, head_size, rotary_size;
    const float *table; // [positions, rotary_size]
    size_t first_position;
};
void lockstep_rotate_part(const void *work, int thread, int threads);

/// Keys and values of earlier positions. Elements are f32, bf16, f16, or q8: signed bytes, times a scale for every 32
/// elements of a head at one position; the last such group of a head may be shorter.
///
/// Positions come in groups of sixteen, so that a lane of a vector is a position of the keys, an element of the values.
struct lockstep_cache {
    int encoding;
    size_t heads, positions, head_size; // positions: a multiple of 16
    void *keys;                         // [heads, positions / 16, head_size, 16]
    void *values;                       // [heads, positions, head_size rounded up to a multiple of 16]
    uint16_t *key_scales;               // f16 [heads, positions / 16, (head_size + 31) / 32, 16], of q8
    uint16_t *value_scales;             // likewise
};

/// Puts keys and values [tokens, heads x head_size] of positions from first_position on into a cache, rounding each
/// element to the nearest, ties to even. A q8 scale is the least f16 not below the greatest magnitude / 127.
struct lockstep_store {
    int instruction_set;
    struct lockstep_cache cache;
    const float *keys, *values; // [tokens, stride]
    size_t key_stride, value_stride;
    size_t tokens, first_position;
};
void lockstep_store_part(const void *work, int thread, int threads);

/// The key or the value of a head at a position, as it was stored.
void lockstep_recall(const struct lockstep_cache *cache, int is_key, size_t head, size_t position, float *to);

/// Keys of an attention's block, which is aligned to absolute positions.
enum { LOCKSTEP_ATTENTION_BLOCK = 256 };

/// Causal attention over a cache. The query at position p sees keys j with max(0, p - window + 1) <= j <= p; window 0
/// means all.
///
/// A score is a chain of fused multiply-adds over a head's elements in increasing order, of a key with a query times the
/// scale; of q8 there is a chain for each 32 elements, and the chains times their scales are added in such a chain.
/// Keys are taken in blocks. A block gives its greatest score, weights exp(score - greatest), zero below exp(-86), their
/// sum (lane = key % 16, then the tree), and the weighted sum of values, a chain in increasing order of keys; q8 scales
/// are multiplied into the weights. Blocks are then merged in increasing order, so each may be computed anywhere.
struct lockstep_attention {
    int instruction_set;
    const float *queries; // [tokens, query_stride]
    float *y;             // [tokens, y_stride]
    size_t query_stride, y_stride;
    struct lockstep_cache cache;
    const int32_t *key_value_heads; // [heads]
    size_t heads, tokens;
    size_t first_position, window;
    float scale;
    float *partials; // what blocks give, for lockstep_attention_blocks_part and _merge_part; else null
};
void lockstep_attention_part(const void *work, int thread, int threads);

/// The same in two steps, of which the first is cut between blocks of keys too. `partials` holds so many floats.
size_t lockstep_attention_partials(const struct lockstep_attention *attention);
void lockstep_attention_blocks_part(const void *work, int thread, int threads);
void lockstep_attention_merge_part(const void *work, int thread, int threads);

/// The pieces among which lockstep_attention_part deals the work to threads.
size_t lockstep_attention_tasks(const struct lockstep_attention *attention);

/// Elementwise on rows of `columns` elements: y = silu(a) * b, with silu(g) = g / (1 + exp(-g)). y may be a or b.
/// Strides in elements.
struct lockstep_elementwise {
    int instruction_set;
    const float *a, *b;
    float *y;
    size_t a_stride, b_stride, y_stride;
    size_t rows, columns;
};
void lockstep_silu_multiply_part(const void *work, int thread, int threads);

/// y = a + b, elementwise; y may be a or b. A stride of 0 repeats one row.
void lockstep_add_part(const void *work, int thread, int threads);

/// y = exp(x), at most 2 units in the last place off. y may be x.
void lockstep_exp(int instruction_set, const float *x, size_t count, float *y);

/// The greatest of `count` elements, NaN ignored; -infinity when there is none.
float lockstep_maximum(int instruction_set, const float *x, size_t count);

/// The sum of round(exp(x - maximum) * 2^40): an integer, so that it does not depend on the order.
/// No element may be greater than `maximum`, and none may be NaN.
uint64_t lockstep_sum_of_exponentials(int instruction_set, const float *x, size_t count, float maximum);

struct lockstep_candidate {
    float logit;
    int32_t id;
};

/// The greatest `limit` elements, greatest first, equal ones in increasing id; NaN is left out.
/// The id of x[i] is first_id + i. Returns how many it wrote.
size_t lockstep_top_candidates(
    int instruction_set, const float *x, size_t count, int32_t first_id, struct lockstep_candidate *best, size_t limit);

/// Reads `count` 64-byte lines and returns a digest of them: as fast as memory gives them.
struct lockstep_read {
    int instruction_set;
    const void *lines;
    size_t count;
    uint64_t *digests; // [threads, 8]
};
void lockstep_read_part(const void *work, int thread, int threads);
