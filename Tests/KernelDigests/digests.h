#pragma once
#include "CKernels.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What the parts of the program share: its settings, numbers that are the same on every machine, memory, and digests.

struct settings {
    int instruction_set;
    int dot; // enum lockstep_dot
    int threads;
};
extern struct settings settings;

/// The last of enum lockstep_fetching: every way up to it is tried.
enum { LAST_FETCHING = LOCKSTEP_FETCH_CLOSE };

/// What each way of fetching is called.
extern const char *const ways_of_fetching[LAST_FETCHING + 1];

/// A number from -1 to 1.
float number(void);

/// A whole number below `count`.
size_t pick(size_t count);

/// Zeros at a multiple of 64, until `release`.
void *memory(size_t bytes);

/// So many numbers from -scale to scale, at the address of some float that is no multiple of anything else.
float *numbers(size_t count, float scale);

void *random_bytes(size_t count);

/// Numbers narrowed to f16 or bf16 between -scale and scale, at the address of some word.
void *narrow_numbers(size_t count, float scale, int encoding);

/// Gives back all memory.
void release(void);

/// Does all parts of some work.
void run(lockstep_part part, const void *work);

/// Makes the results of products zero.
void clear_results(struct lockstep_multiply *m);

/// Does products once more, in tiles where the instruction set has them.
void run_in_tiles(struct lockstep_multiply *m);

/// Prints a line of the digest of some numbers and what they are; all that are no number count as one.
__attribute__((format(printf, 3, 4))) void digest(const float *x, size_t count, const char *format, ...);

/// The same of bytes.
__attribute__((format(printf, 3, 4))) void digest_bytes(const void *x, size_t count, const char *format, ...);

/// The digests of each kind of kernel.
void digest_encodings(void);
void digest_products(void);
void digest_grouped_products(void);
void digest_attention(void);
void digest_layers(void);
void digest_logits(void);
void digest_quantizer(void);
void digest_bytes_and_wire(void);

/// Checks products of bf16 numbers against double precision, whose bits are the processor's own.
void check_bfloats(void);
