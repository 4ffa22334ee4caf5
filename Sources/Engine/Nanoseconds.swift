import Glibc

/// What clocks say, in nanoseconds.
package enum Nanoseconds {
    /// Since some moment that the ranks of a host have in common.
    static func now() -> Int64 { read(CLOCK_MONOTONIC) }

    /// That processors have spent on all threads of this process.
    package static func processor() -> Int64 { read(CLOCK_PROCESS_CPUTIME_ID) }

    /// What one call of ``processor()`` takes; the kernel is asked each time, unlike for ``now()``.
    static func costOfProcessor() -> Int64 {
        let (start, calls) = (now(), 64)
        for _ in 0..<calls { _ = processor() }
        return (now() - start) / Int64(calls)
    }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
