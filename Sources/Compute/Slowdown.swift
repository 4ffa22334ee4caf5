internal import CKernels

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Darwin)
internal import Darwin
#endif

/// Makes a machine look slow: each thread keeps its core busy after its part of a kernel, until it has taken some times
/// as long as the part. Results stay the same bits.
public struct Slowdown: Sendable {
    /// How many times as long a kernel takes; from 1 on.
    public let factor: Double
    /// Nanoseconds of processor time that the calling thread has taken.
    private let processorTime: @Sendable () -> UInt64

    /// Kernels that take `factor` times as long, 1 or more.
    ///
    /// Processor time counts, not time on the clock: what other programs take of a core is not taken several times.
    public init(factor: Double) { self.init(factor: factor, processorTime: Self.threadTime) }

    /// The same by another clock.
    package init(factor: Double, processorTime: @escaping @Sendable () -> UInt64) {
        precondition(factor >= 1 && factor.isFinite, "A slow machine takes at least as long.")
        self.factor = factor
        self.processorTime = processorTime
    }

    /// Does work on the calling thread, then keeps its core busy.
    package func prolong<R>(_ work: () -> R) -> R {
        let start = processorTime()
        let result = work()
        let nanoseconds = Double(processorTime() - start) * factor
        while Double(processorTime() - start) < nanoseconds {}
        return result
    }

    /// Gives a kernel and its part to `run`, which calls the part on every thread.
    func prolong(
        _ part: @escaping lockstep_part, _ work: UnsafeRawPointer, run: (lockstep_part, UnsafeRawPointer) -> Void
    ) {
        var prolonged = unsafe Prolonged(part: part, work: work, slowdown: self)
        unsafe withUnsafePointer(to: &prolonged) { prolonged in
            unsafe run(
                { prolonged, thread, threads in
                    guard let kernel = unsafe prolonged?.assumingMemoryBound(to: Prolonged.self) else { return }
                    unsafe kernel.pointee.slowdown.prolong {
                        unsafe kernel.pointee.part(kernel.pointee.work, thread, threads)
                    }
                }, prolonged)
        }
    }

    /// What the threads need to know.
    @unsafe private struct Prolonged {
        let part: lockstep_part
        let work: UnsafeRawPointer
        let slowdown: Slowdown
    }

    private static func threadTime() -> UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }
}
