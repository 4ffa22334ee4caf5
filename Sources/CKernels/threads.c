#define _GNU_SOURCE
#include "CKernels.h"
#include <string.h>

// Which core a thread runs on, where the system lets a program say so.

#if defined(__linux__)
#include <sched.h>
#include <unistd.h>

int lockstep_remember_cores(struct lockstep_cores *cores)
{
    memset(cores, 0, sizeof *cores);
    cores->thread = (int)gettid();
    return sched_getaffinity(0, sizeof cores->bits, (cpu_set_t *)cores->bits) == 0;
}

void lockstep_restore_cores(const struct lockstep_cores *cores)
{
    (void)sched_setaffinity(cores->thread, sizeof cores->bits, (const cpu_set_t *)cores->bits);
}

int lockstep_tie_to_core(int core)
{
    struct lockstep_cores one = {0};
    if (core < 0 || (size_t)core >= 8 * sizeof one.bits)
        return 0;
    one.bits[core / 64] = (uint64_t)1 << core % 64;
    return sched_setaffinity(0, sizeof one.bits, (const cpu_set_t *)one.bits) == 0;
}

#else

int lockstep_remember_cores(struct lockstep_cores *cores)
{
    memset(cores, 0, sizeof *cores);
    return 0;
}

void lockstep_restore_cores(const struct lockstep_cores *cores) { (void)cores; }

int lockstep_tie_to_core(int core)
{
    (void)core;
    return 0;
}

#endif
