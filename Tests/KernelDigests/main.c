#include "digests.h"
#include <stdarg.h>

// Runs every kernel on the same numbers and prints a digest of what each gives. Kernels promise the same bits on every
// instruction set, every processor and any number of threads, so the lines depend on none of them; but for lines that
// begin with a tilde, which say whether products that promise no bits are near enough.
//
//     KernelDigests                        prints what this processor can be asked for, a line each
//     KernelDigests avx2 avxvnni 3         an instruction set, the instructions of dot products, threads

struct settings settings;

const char *const ways_of_fetching[] = {
    [LOCKSTEP_FETCH_NEAR] = "asking near",
    [LOCKSTEP_FETCH_FAR] = "asking far",
    [LOCKSTEP_FETCH_CLOSE] = "asking close",
};

static const char *const sets[] = {"portable", "avx2", "avx512", "neon"};
static const char *const dots[] = {"portable", "avx2", "avxvnni", "avx512", "neon"};
enum { SETS = sizeof sets / sizeof *sets, DOTS = sizeof dots / sizeof *dots };

static uint64_t state = 88172645463325252;

static uint64_t random_word(void)
{
    // xorshift64*
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 2685821657736338717u;
}

float number(void) { return (float)((int32_t)(random_word() >> 40) - (1 << 23)) * 0x1p-23f; }

size_t pick(size_t count) { return (size_t)(random_word() >> 33) % count; }

static void *held[1024];
static size_t held_count;

void *memory(size_t bytes)
{
    // Kernels may read on to the end of sixteen elements.
    size_t size = (bytes + 191) / 64 * 64;
    void *start = aligned_alloc(64, size);
    if (!start || held_count == sizeof held / sizeof *held) {
        fprintf(stderr, "expected %zu bytes of memory, found none\n", size);
        exit(70);
    }
    memset(start, 0, size);
    return held[held_count++] = start;
}

void release(void)
{
    while (held_count > 0)
        free(held[--held_count]);
}

float *numbers(size_t count, float scale)
{
    float *x = (float *)memory((count + 3) * sizeof(float)) + pick(4);
    for (size_t i = 0; i < count; i++)
        x[i] = number() * scale;
    return x;
}

void *random_bytes(size_t count)
{
    uint8_t *x = memory(count);
    for (size_t i = 0; i < count; i++)
        x[i] = (uint8_t)pick(256);
    return x;
}

void *narrow_numbers(size_t count, float scale, int encoding)
{
    const size_t bytes = encoding == LOCKSTEP_F32 ? 4 : 2;
    char *words = (char *)memory((count + 7) * bytes) + pick(8) * bytes;
    lockstep_narrow(numbers(count, scale), count, encoding, words);
    return words;
}

void run(lockstep_part part, const void *work)
{
    for (int thread = 0; thread < settings.threads; thread++)
        part(work, thread, settings.threads);
}

/// FNV-1a.
static uint64_t absorb(uint64_t hash, const void *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * 1099511628211u;
    return hash;
}

static void print(uint64_t hash, const char *format, va_list arguments)
{
    vprintf(format, arguments);
    printf(" %016llx\n", (unsigned long long)hash);
}

void digest_bytes(const void *x, size_t count, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print(absorb(14695981039346656037u, x, count), format, arguments);
    va_end(arguments);
}

void digest(const float *x, size_t count, const char *format, ...)
{
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < count; i++) {
        float value = x[i] == x[i] ? x[i] : NAN;
        uint32_t bits = 0x7fc00000;
        if (x[i] == x[i])
            memcpy(&bits, &value, sizeof bits);
        hash = absorb(hash, &bits, sizeof bits);
    }
    va_list arguments;
    va_start(arguments, format);
    print(hash, format, arguments);
    va_end(arguments);
}

/// Pairs in which each instruction set and each kind of dot product of this processor comes at least once.
static void print_forms(void)
{
    int has_set[SETS], has_dot[DOTS], set_count = 0, dot_count = 0;
    for (int i = 0; i < SETS; i++)
        if (lockstep_supports(i))
            has_set[set_count++] = i;
    for (int i = 0; i < DOTS; i++)
        if (lockstep_multiplies_integers(i))
            has_dot[dot_count++] = i;
    for (int i = 0; i < set_count || i < dot_count; i++)
        printf("%s %s\n", sets[has_set[i < set_count ? i : set_count - 1]],
            dots[has_dot[i < dot_count ? i : dot_count - 1]]);
}

static int index_of(const char *name, const char *const *names, int count)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(name, names[i]))
            return i;
    return -1;
}

int main(int count, char **arguments)
{
    if (count == 1) {
        print_forms();
        return 0;
    }
    if (count == 4) {
        settings.instruction_set = index_of(arguments[1], sets, SETS);
        settings.dot = index_of(arguments[2], dots, DOTS);
        settings.threads = atoi(arguments[3]);
    }
    if (count != 4 || settings.instruction_set < 0 || !lockstep_supports(settings.instruction_set) || settings.dot < 0
        || !lockstep_multiplies_integers(settings.dot) || settings.threads < 1) {
        fputs("expected an instruction set, dot products and threads, as printed without arguments\n", stderr);
        return 64;
    }
    digest_encodings();
    digest_products();
    digest_grouped_products();
    digest_attention();
    digest_layers();
    digest_logits();
    digest_quantizer();
    digest_bytes_and_wire();
    check_bfloats();
    return 0;
}
