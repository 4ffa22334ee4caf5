internal import CKernels

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Darwin)
internal import Darwin
#endif

/// A fixed team of threads that runs one piece of work at a time; the caller is thread 0.
///
/// Threads wait for work by spinning for some tens of microseconds, then sleep. Results never depend on their number.
/// Only one thread may call `run` at a time, and not from inside `run`. The threads end when the pool goes.
@safe public final class Pool: @unchecked Sendable {
    /// Threads, the caller included; at least one.
    public let threads: Int

    private let team: Team
    private let handles: [pthread_t]

    /// Starts `threads` - 1 threads, or as many as the system allows.
    public init(threads: Int) {
        let team = Team()
        var handles: [pthread_t] = []
        while handles.count + 1 < threads, let handle = Member(index: handles.count + 1, team: team).start() {
            handles.append(handle)
        }
        self.team = team
        self.handles = handles
        self.threads = handles.count + 1
    }

    deinit {
        team.dismiss()
        for handle in handles { pthread_join(handle, nil) }
    }

    /// Calls `body` once for every thread number, on that thread, and returns when all have returned.
    public func run(_ body: @Sendable (_ thread: Int) -> Void) {
        withoutActuallyEscaping(body) { body in
            unsafe withUnsafePointer(to: body) { body in
                unsafe run(
                    { context, thread, _ in
                        guard let context = unsafe context else { return }
                        unsafe context.assumingMemoryBound(to: (@Sendable (Int) -> Void).self).pointee(Int(thread))
                    }, body)
            }
        }
    }

    /// Runs a kernel's parts, one on each thread. Allocates nothing.
    func run(_ part: lockstep_part, _ work: UnsafeRawPointer) {
        unsafe team.run(part, work, threads: threads)
    }
}

/// A thread of a team, as it is handed to the system.
private final class Member: Sendable {
    let index: Int
    let team: Team

    init(index: Int, team: Team) {
        self.index = index
        self.team = team
    }

    /// Starts the thread; nothing when the system refuses.
    func start() -> pthread_t? {
        let context = unsafe Unmanaged.passRetained(self)
        var handle = pthread_t()
        let code = unsafe pthread_create(
            &handle, nil,
            { context in
                guard let context = unsafe context else { return nil }
                let member = unsafe Unmanaged<Member>.fromOpaque(context).takeRetainedValue()
                member.team.serve(index: member.index)
                return nil
            }, context.toOpaque())
        guard code == 0 else {
            unsafe context.release()
            return nil
        }
        return handle
    }
}
