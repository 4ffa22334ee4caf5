#pragma once
#include <stddef.h>

// Vectors on their way between ranks; CKernels.h says what holds for all kernels.

/// Forms in which vectors travel between ranks, in blocks of 32 elements: as bf16, rounded to nearest, ties to even;
/// or as signed bytes with an f32 scale before them, element = scale * byte. The greatest byte is 127; a block that
/// holds infinity or NaN becomes NaN, one whose elements are all below 2^-100 becomes zero.
enum lockstep_wire_form { LOCKSTEP_WIRE_BF16, LOCKSTEP_WIRE_Q8 };
enum { LOCKSTEP_WIRE_BLOCK = 32 };

struct lockstep_packing {
    int instruction_set;
    int form; // enum lockstep_wire_form
    const float *from;
    float *to;
    size_t count;   // elements of a vector, filled up with zeros to whole blocks
    size_t blocks;  // blocks of a packed vector, of 16 or 9 words
    size_t vectors; // packed vectors, one behind the other
};

/// Packs a vector: from [count], to [blocks, words].
void lockstep_pack_wire_part(const void *work, int thread, int threads);

/// Adds packed vectors in f32 in their order: from [vectors, blocks, words], to [count].
void lockstep_add_packed_part(const void *work, int thread, int threads);
