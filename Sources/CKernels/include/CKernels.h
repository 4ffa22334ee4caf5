#pragma once
#include <stddef.h>
#include <stdint.h>
#include "wire.h"

// Kernels on raw memory. None allocates, none knows a model, none keeps state.
//
// Every function gives the same bits on every instruction set, for any number of threads and for any cut of its rows
// or tokens: a dot product over k has 16 lanes (lane = k % 16), each a chain of fused multiply-adds in increasing k,
// the last group of 16 filled up with zeros, and the lanes are added as a tree: i += i + 8, then 4, 2, 1.
// A result that is NaN is NaN everywhere, its payload is not promised.
//
// A `..._part` function does the part of `thread` among `threads`; all parts together do the whole. Its `work` points
// to the struct of the same name. Outputs never overlap inputs unless said.

enum lockstep_instruction_set { LOCKSTEP_PORTABLE, LOCKSTEP_AVX2, LOCKSTEP_AVX512, LOCKSTEP_NEON };
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
    /// Columns of a span of a panel. They share what nested scales are multiplied by.
    LOCKSTEP_SPAN_COLUMNS = 256
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

/// How a matrix of grouped integers lies in memory: element = scale * (integer - zero) + offset in f32, rounded once.
/// With offsets zero is 0; without, it is half the integers' range and the offset is 0, so that no element is -0.
/// Nested scales and offsets are the products of their two factors, which are exact. Scales and offsets are finite, and
/// without offsets no scale is as great as 2^100.
///
/// Sixteen rows are a panel; a lane of a vector is a row. Columns come in blocks of 32, eight to a span; column 0 of
/// the matrix is column `first` of its period (256 for nested scales, else the longer of group and block), so that
/// groups begin at multiples of their size. The first span lacks the blocks before that of column 0; the first block
/// begins with first % 32 columns that are not part of the matrix; the last block may end with such columns. A product
/// of one token reads a panel from its start to its end. Each span begins at a multiple of 64 bytes and consists of
/// these sections:
///
/// - scales, [groups of 256 columns, 16]: f16, bf16, f32, or signed bytes;
/// - offsets likewise, if there are any;
/// - nested: what the scales are multiplied by, f16 [16], then what the offsets are multiplied by, likewise;
/// - values, from a multiple of 64 bytes on, 64 x bits bytes a block. A line of 64 bytes has four bytes of each row in
///   row order. With 4 bits, four lines: byte b of line i has column 8 i + b in its lower half and column 8 i + 4 + b
///   in its upper half. 5 and 6 bits have the same four lines of lowest bits, then one or two lines of high bits: of 5
///   bits, bit j of byte b belongs to column 4 j + b; of 6 bits, bits 2 j and 2 j + 1 of byte b of line h to column
///   16 h + 4 j + b. With 8 bits, eight lines: byte b of line i is column 4 i + b.
///
/// Integers and scales that belong to no column of the matrix are zero.
struct lockstep_grouping {
    int scale; // enum lockstep_scale
    int has_offsets;
    size_t size;  // columns of a group: 16, 32, 64 or 128
    size_t first; // less than the period
};

/// Bytes of a panel.
size_t lockstep_panel_bytes(size_t columns, int encoding, const struct lockstep_grouping *grouping);

/// Rows as a weights file has them, part by part (see Grouping.Part), each row `..._stride` bytes after the last one.
/// Columns [skipped, skipped + columns - absent) of what is given are meant. What is given may begin anywhere: the
/// first element of each part is the one that its first column shares. Parts that the grouping does not have are not
/// read; none need be aligned.
struct lockstep_grouped_rows {
    const uint8_t *values, *high_bits;
    const void *scales, *offsets;
    const void *super_scales, *super_offsets;
    size_t values_stride, high_bits_stride, scales_stride, offsets_stride, super_scales_stride, super_offsets_stride;
    size_t skipped;
    size_t absent; // the matrix's last columns, which are not given and become zero
};

/// Puts up to 16 rows, as a weights file has them, into a panel; missing rows become zero.
void lockstep_pack(
    int instruction_set, const struct lockstep_grouped_rows *from, size_t rows, size_t columns, int encoding,
    const struct lockstep_grouping *grouping, void *panel);

/// The elements of row `row` of 16 of a panel, in f32.
void lockstep_unpack(
    int instruction_set, const void *panel, size_t row, size_t columns, int encoding,
    const struct lockstep_grouping *grouping, float *to);

/// y[t, r] = sum over k of w[r, k] * x[t, k] (+ bias[r]), for r < rows, t < tokens.
/// Rows of `w` start `row_byte_stride` bytes apart, a multiple of 64: what lies between a row's end and the next row is
/// read and ignored. `x` and `y` have strides in elements, and any alignment. `bias` may be null.
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

/// Columns [column, column + columns) of rows [row, row + rows) of a product's grouped integers, in f32; rows of `to`
/// are `to_stride` elements apart.
void lockstep_unpack_rows(
    int instruction_set, const struct lockstep_product *product, size_t row, size_t rows, size_t column, size_t columns,
    float *to, size_t to_stride);

/// How a product of one token reads its weights, and attention the cache: which way memory answers fastest depends on
/// the processor. No bit of a result does. Grouped weights of few tokens are asked for one panel at a time, at
/// distances of their own.
enum lockstep_fetching {
    /// Four rows or panels at once, each asked for some dozens of lines ahead, into the second cache, like keys and
    /// values, and nearer into the first.
    LOCKSTEP_FETCH_NEAR,
    /// Two rows or one panel at once, asked for far ahead, past the second cache, as keys and values read once are.
    LOCKSTEP_FETCH_FAR,
    /// Four rows or one panel at once, asked for only a few lines ahead, nearer than LOCKSTEP_FETCH_NEAR; keys and
    /// values as by that.
    LOCKSTEP_FETCH_CLOSE
};

/// The fastest of these ways on this processor.
int lockstep_fetching(void);

/// Words that count what is taken of a thread's rows, a line of memory or two.
enum { LOCKSTEP_TAKEN = 32 };

/// Up to three products with the same input.
struct lockstep_multiply {
    int instruction_set;
    int fetching; // enum lockstep_fetching
    int count;
    const float *x; // [tokens, x_stride]
    size_t x_stride;
    size_t tokens;
    struct lockstep_product products[3];
    // Of products with rounded activations, the rest; others leave it alone.
    int dot;                      // enum lockstep_dot
    int has_amx;                  // whether many tokens are rounded to bf16 and multiplied by AMX
    void *rounded;                // [tokens, rounded_stride] bytes, at a multiple of 64
    size_t rounded_stride;        // a multiple of 64 bytes
    size_t rounded_thread_stride; // 0, or bytes to the place where the next thread rounds all the input for itself
    // For one token: [threads, LOCKSTEP_TAKEN] zeros, by which threads that are done take what others have not begun;
    // null where each computes its own rows and no others.
    uint32_t *taken;
    // Of products in tiles, the rest; others leave it alone.
    float *laid;        // room for tokens x columns elements, columns rounded up to a multiple of 16
    void *tile_scratch; // LOCKSTEP_TILE_THREAD_BYTES for each thread, at a multiple of 64
};
void lockstep_multiply_part(const void *work, int thread, int threads);

enum {
    /// The most tokens of products in tiles.
    LOCKSTEP_TILE_TOKENS = 264,
    /// Memory of a thread that multiplies in tiles.
    LOCKSTEP_TILE_THREAD_BYTES = 2048 * 16 * 4 + LOCKSTEP_TILE_TOKENS * 16 * 16 * 4
};

/// Whether an instruction set has products in tiles: the bits of every other form, faster for many tokens.
int lockstep_multiplies_tiles(int instruction_set);

/// Lays the input of products in tiles out, for up to LOCKSTEP_TILE_TOKENS tokens: of all products of a multiply, which
/// have the same columns.
void lockstep_lay_part(const void *multiply, int thread, int threads);

/// The products of the input that is laid out. The scalar reference is that of lockstep_multiply_part: `dot_reference`
/// in multiply.c.
void lockstep_multiply_tiles_part(const void *multiply, int thread, int threads);

/// The instructions of products with rounded activations; PORTABLE is plain C.
enum lockstep_dot {
    LOCKSTEP_DOT_PORTABLE,
    LOCKSTEP_DOT_AVX2,
    LOCKSTEP_DOT_AVX_VNNI,
    LOCKSTEP_DOT_AVX512,
    LOCKSTEP_DOT_NEON
};

/// Whether this machine multiplies small integers by these instructions.
int lockstep_multiplies_integers(int dot);

/// Whether this machine multiplies bf16 numbers by these instructions; there is no plain C.
int lockstep_multiplies_bfloats(int dot);

/// Whether the processor multiplies tiles of bf16 (AMX), and the system lets this process use them: it is asked to.
int lockstep_has_amx(void);

/// Rounds the input of products with rounded activations, where `rounded_thread_stride` is 0.
///
/// For grouped weights each 32 columns x of a token become integers q of 8 bits with x = scale * q, scale =
/// max(abs(x)) / 127, blocks as in the weights' panels; a block that holds infinity or NaN makes NaN of all that it is
/// multiplied with, one whose elements are all below 2^-120 counts as zero. A row takes 64 bytes for each block. For
/// bf16 weights x is rounded to bf16; a row takes 2 bytes for each column, up to a multiple of 64. By AVX-512 the first
/// tokens, a multiple of 32, lie in tiles of sixteen side by side, by AMX all, the rest in a tile of fewer. Where AMX
/// multiplies grouped weights, x is rounded to bf16 too, in tiles of sixteen tokens, with 64 bytes for each block.
void lockstep_round_part(const void *multiply, int thread, int threads);

/// The products of the rounded input: all with grouped weights whose first columns are the same modulo 32, or all with
/// bf16 weights. But by AMX, those with grouped weights have the same bits for every `dot` and number of tokens, rows
/// and threads: per block (of a group of 16: per half), in increasing order, the integers' exact sum of products times
/// the product of the two scales is added by a fused multiply-add, then the offset times the scaled sum of the input.
/// AMX rounds weights to bf16 too, and its bits are its own.
void lockstep_multiply_rounded_part(const void *multiply, int thread, int threads);

/// Each of `heads` pieces of `size` elements of each row of x: y = x / sqrt(mean(x * x) + epsilon) * weight; where it
/// is centered, of x - mean(x), and bias is added. y may be x.
struct lockstep_normalize {
    int instruction_set;
    const float *x; // [tokens, x_stride]
    float *y;       // [tokens, y_stride]
    size_t x_stride, y_stride;
    const float *weight; // [size], shared by the heads
    const float *bias;   // [size] or null
    int is_centered;
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

/// sums[t, h] = the sum of squares of a head, x [tokens, heads x head_size]: lane = element % 16, then the tree.
struct lockstep_squares {
    int instruction_set;
    const float *x; // [tokens, stride]
    size_t stride, tokens, heads, head_size;
    float *sums; // [tokens, sums_stride]
    size_t sums_stride;
};
void lockstep_squares_part(const void *work, int thread, int threads);

/// Each head of x [tokens, heads x head_size] *= weight / sqrt(sum / count + epsilon), where the sum adds those of the
/// heads of its group in order, and count is their elements. Head 0 of x is head `first_head` of the sums.
struct lockstep_scale_by_squares {
    int instruction_set;
    float *x; // [tokens, stride]
    size_t stride;
    const float *weight; // [heads x head_size]
    size_t tokens, heads, head_size, first_head, group_size;
    const float *sums; // [tokens, sums_stride]
    size_t sums_stride;
    float epsilon;
};
void lockstep_scale_by_squares_part(const void *work, int thread, int threads);

/// A causal convolution of each channel by itself, in place, and a silu: x[t, c] becomes silu of the chain
/// bias[c] + weight[c, 0] * x[t - size + 1, c] + ... + weight[c, size - 1] * x[t, c]. The window holds the last size -
/// 1 inputs of each channel, oldest first, before and after.
struct lockstep_convolve {
    int instruction_set;
    float *x; // [tokens, stride]
    size_t stride, tokens, channels, size;
    const float *weight; // [channels, size]
    const float *bias;   // [channels]; null where there is none
    float *window;       // [size - 1, channels]
};
void lockstep_convolve_part(const void *work, int thread, int threads);

enum { LOCKSTEP_LONGEST_KERNEL = 16 };

/// Each head of x [tokens, heads x head_size] *= factor / sqrt(sum of its squares + epsilon).
struct lockstep_unit {
    int instruction_set;
    float *x; // [tokens, stride]
    size_t stride, tokens, heads, head_size;
    float epsilon, factor;
};
void lockstep_unit_part(const void *work, int thread, int threads);

/// How fast states forget: x becomes exp(-exp(log) * softplus(x + bias)), for [tokens, heads]. Where there are steps,
/// they become the softplus.
struct lockstep_forget {
    int instruction_set;
    float *x; // [tokens, stride]
    size_t stride, tokens, heads;
    const float *log, *bias; // [heads]
    float *steps;            // [tokens, stride]; null where they are not wanted
};
void lockstep_forget_part(const void *work, int thread, int threads);

/// Heads with states [state_size, head_size] of their own, token by token; o is [tokens, heads x head_size].
///
/// With a delta rule, d = step * (v - decay * (k S)), else d = step * v. S becomes decay * S + k d, o the product q S:
/// each sum a chain over the state's rows in order, of products with the old state times the decay and of changes.
struct lockstep_recur {
    int instruction_set;
    int has_delta_rule;
    const float *q, *k; // [tokens, covered heads x state_size]
    const float *v;     // [tokens, heads x head_size]
    float *o;
    size_t covered_stride, stride; // of q and k, and of v and o
    const float *decays, *steps;   // [tokens, rates_stride]
    size_t rates_stride;
    const int32_t *covered; // [heads]: the covered head that each reads
    const float *skip;      // [heads]: o gets skip * v besides; null where there is none
    float *states;          // [heads, state_size, head_size]
    size_t tokens, heads, head_size, state_size;
};
void lockstep_recur_part(const void *work, int thread, int threads);

/// Keys and values of earlier positions. Elements are f32, bf16, f16, or q8: signed bytes, times a scale for every 32
/// elements of a head at one position; the last such group of a head may be shorter.
///
/// A cache of fewer positions than a sequence has keeps the last ones: a position lies where the one `positions` before
/// it lay. So many must be a multiple of LOCKSTEP_ATTENTION_BLOCK then.
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
/// A score is a chain of fused multiply-adds over a head's elements in increasing order, of a key with a query times
/// the scale; of q8 there is a chain for each 32 elements, and the chains times their scales are added in such a chain.
/// Keys are taken in blocks. A block gives its greatest score, weights exp(score - greatest), zero below exp(-86),
/// their sum (lane = key % 16, then the tree), and the weighted sum of values, a chain in increasing order of keys; q8
/// scales are multiplied into the weights. Blocks are then merged in increasing order, so each may be computed
/// anywhere.
struct lockstep_attention {
    int instruction_set;
    int fetching;         // enum lockstep_fetching
    const float *queries; // [tokens, query_stride]
    float *y;             // [tokens, y_stride]
    size_t query_stride, y_stride;
    struct lockstep_cache cache;
    const int32_t *key_value_heads; // [heads]
    size_t heads, tokens;
    size_t first_position, window;
    float scale;
    float cap; // above zero: a score s becomes cap * tanh(s / cap)
    const float *sinks; // [heads]: a score that has no value; null where there are none
    float *partials; // what blocks give, for lockstep_attention_blocks_part and _merge_part; else null
};
void lockstep_attention_part(const void *work, int thread, int threads);

/// The same in two steps, of which the first is cut between blocks of keys too. `partials` holds so many floats.
size_t lockstep_attention_partials(const struct lockstep_attention *attention);
void lockstep_attention_blocks_part(const void *work, int thread, int threads);
void lockstep_attention_merge_part(const void *work, int thread, int threads);

/// The pieces among which lockstep_attention_part deals the work to threads.
size_t lockstep_attention_tasks(const struct lockstep_attention *attention);

/// What is done to each element.
enum lockstep_elementwise_operation {
    LOCKSTEP_SILU_MULTIPLY, // y = silu(a) * b, with silu(g) = g / (1 + exp(-g))
    LOCKSTEP_GELU_MULTIPLY, // y = gelu(a) * b, with gelu(g) = g / 2 * (1 + tanh(sqrt(2 / pi) (g + 0.044715 g^3)))
    LOCKSTEP_GELU,          // y = gelu(a)
    LOCKSTEP_SQUARED_RELU,  // y = max(a, 0)^2
    LOCKSTEP_CLAMPED_SWIGLU, // y = (u + 1) * g / (1 + exp(-factor * g)), g = min(a, limit), u = b within +-limit
    LOCKSTEP_SIGMOID_MULTIPLY, // y = b / (1 + exp(-a))
    LOCKSTEP_ADD,           // y = a + b
    LOCKSTEP_ADD_MULTIPLE,  // y = factor * a + b, each rounded
    LOCKSTEP_SCALE,         // y = factor * a
    LOCKSTEP_CAP            // y = factor * tanh(a / factor)
};

/// An operation on rows of `columns` elements. y may be a or b; b is null where the operation has none. Strides in
/// elements; a stride of 0 repeats one row.
struct lockstep_elementwise {
    int instruction_set;
    enum lockstep_elementwise_operation operation;
    const float *a, *b;
    float *y;
    size_t a_stride, b_stride, y_stride;
    size_t rows, columns;
    float factor, limit;
};
void lockstep_elementwise_part(const void *work, int thread, int threads);

/// y = exp(x), at most 2 units in the last place off. y may be x.
void lockstep_exp(int instruction_set, const float *x, size_t count, float *y);

/// y = 1 / (1 + exp(-x)). y may be x.
void lockstep_sigmoid(int instruction_set, const float *x, size_t count, float *y);

/// How the logits of experts become scores.
enum lockstep_scoring { LOCKSTEP_SOFTMAX, LOCKSTEP_SOFTMAX_OF_CHOSEN, LOCKSTEP_SIGMOID };

/// Chooses `chosen` of `experts` for each token, the highest scores first, of equal ones the first.
///
/// The scores of softmax are exp(x - greatest) / sum, those of sigmoid 1 / (1 + exp(-x)). What is chosen by is the
/// score plus the correction, of experts in the `chosen_groups` groups whose `group_scores` highest such sums, 1 or 2,
/// together are the highest. Factors are the scores, divided by their sum where they are normalised (of sigmoids plus
/// 1e-20), times `factor`; of LOCKSTEP_SOFTMAX_OF_CHOSEN the softmax of the chosen logits, times `factor`.
struct lockstep_choose {
    int instruction_set;
    enum lockstep_scoring scoring;
    float *logits; // [tokens, experts]; become scores
    size_t stride; // of the logits
    const float *correction; // [experts]; null where there is none
    size_t tokens, experts, chosen, groups, group_scores, chosen_groups;
    int is_normalized;
    float factor;
    int32_t *choices; // [tokens, chosen]
    float *factors;   // [tokens, chosen]
};
void lockstep_choose_part(const void *work, int thread, int threads);

/// Moves rows between tokens and those of them that an expert has.
struct lockstep_rows {
    int instruction_set;
    const float *x;
    float *y;
    size_t x_stride, y_stride, columns, count;
    const int32_t *tokens; // [count], all different
    const float *factors;  // [count]
};
/// y[r] = x[tokens[r]].
void lockstep_take_rows_part(const void *work, int thread, int threads);
/// y[tokens[r]] += factors[r] * x[r], each rounded.
void lockstep_add_rows_part(const void *work, int thread, int threads);
/// y[r] *= factors[r]; x and tokens are not used.
void lockstep_scale_rows_part(const void *work, int thread, int threads);

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

/// The XXH64 of some bytes.
uint64_t lockstep_hash(const void *bytes, size_t count, uint64_t seed);

/// The XXH64, without a seed, of `count` pieces of `piece` bytes that begin `stride` bytes apart.
void lockstep_hash_pieces(
    int instruction_set, const void *bytes, size_t piece, size_t stride, size_t count, uint64_t *hashes);

/// Puts rows together that `count` tiles hold: row r of tile t has `length` bytes at tiles + t * tile_stride
/// + r * row_stride, which go to `to` + r * to_stride + t * length.
void lockstep_join_tiles(
    const void *tiles, size_t tile_stride, size_t row_stride, size_t length, size_t count, size_t rows, void *to,
    size_t to_stride);

/// Cuts rows of `columns` bytes into tiles of `tile_rows` rows of `length` bytes, one after another; what the rows do
/// not fill becomes zero.
void lockstep_cut_tiles(
    const void *from, size_t from_stride, size_t columns, size_t rows, void *tiles, size_t length, size_t tile_rows);

/// Reads `count` 64-byte lines and returns a digest of them: as fast as memory gives them. Which number of streams, 1,
/// 4 or 8 parts of a thread's lines that are read in turns, is the fastest depends on the machine.
struct lockstep_read {
    int instruction_set;
    int streams;
    const void *lines;
    size_t count;
    uint64_t *digests; // [threads, 8]
};
void lockstep_read_part(const void *work, int thread, int threads);

/// The cores that a thread may run on, a bit for each.
struct lockstep_cores {
    int thread;
    uint64_t bits[128];
};

/// Remembers those of the calling thread; 0 where the system does not tell.
int lockstep_remember_cores(struct lockstep_cores *cores);

/// Gives the thread back what was remembered.
void lockstep_restore_cores(const struct lockstep_cores *cores);

/// Ties the calling thread to one core; 0 where that does not work.
int lockstep_tie_to_core(int core);

/// Rows, and where they go as grouped integers, as a weights file has them. Columns begin with a group; the last group
/// of a row may be short. Strides in elements.
struct lockstep_quantize_work {
    int instruction_set;
    int encoding;                      // LOCKSTEP_Q4 or LOCKSTEP_Q8
    struct lockstep_grouping grouping; // scales in f16 or bf16
    const void *x;                     // [rows, columns]
    int x_encoding;                    // LOCKSTEP_F32, LOCKSTEP_BF16 or LOCKSTEP_F16
    size_t x_stride;
    size_t rows, columns;
    uint8_t *values;            // [rows, bytes of the columns]
    void *scales, *offsets;     // [rows, groups] of 16 bits, at any address; no offsets where the grouping has none
    size_t values_stride, groups_stride;
};

/// Rounds to the nearest integers, with the scales, and offsets, that give each group the least squared error as far as
/// a search finds them. Numbers that are not finite count as zero.
///
/// Counts those, and finite ones that are too large for the encoding. Sixteen rows at a time cost as much as one.
void lockstep_quantize(const struct lockstep_quantize_work *work, size_t *not_finite, size_t *too_large);

/// What a processor can multiply and add.
enum lockstep_peak_kind {
    /// f32 by f32.
    LOCKSTEP_PEAK_F32,
    /// bf16 by bf16, summed in f32.
    LOCKSTEP_PEAK_BF16,
    /// 8-bit integers, summed in 32 bits.
    LOCKSTEP_PEAK_INT8,
    /// bf16 by bf16, summed in f32, by AMX; only where `lockstep_has_amx`.
    LOCKSTEP_PEAK_AMX
};

/// The multiplications and additions of one round of `lockstep_peak`; 0 where the processor has no instruction for it.
size_t lockstep_peak_operations(int instruction_set, int kind);

/// Multiplies and adds in registers, as fast as the processor can; every thread does all rounds.
struct lockstep_peak {
    int instruction_set;
    int kind; // enum lockstep_peak_kind
    size_t rounds;
    uint64_t *digests; // [threads, 8]
};
void lockstep_peak_part(const void *work, int thread, int threads);
