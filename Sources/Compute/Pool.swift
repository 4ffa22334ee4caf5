internal import CKernels

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Darwin)
internal import Darwin
#endif

/// A fixed team of threads that runs one piece of work at a time; the caller is thread 0.
///
/// Threads wait for work by spinning for a while, then sleep, see `Team`. Results never depend on their number.
/// Only one thread may call `run` at a time, and not from inside `run`. The threads end when the pool goes.
@safe public final class Pool: @unchecked Sendable {
    /// Threads, the caller included; at least one.
    public let threads: Int

    private let team: Team
    private let handles: [pthread_t]
    private var callerCores: lockstep_cores?
    // [threads, LOCKSTEP_TAKEN]
    private let taken: UnsafeMutablePointer<UInt32>

    /// What the process was given, remembered by its first pool, before any thread is tied; nil where it is not known.
    fileprivate static let coresAtStart: lockstep_cores? = {
        var cores = lockstep_cores()
        guard unsafe lockstep_remember_cores(&cores) != 0 else { return nil }
        cores.thread = 0  // whichever thread takes it over
        return cores
    }()

    /// Starts `threads` - 1 threads, or as many as the system allows.
    ///
    /// - Parameter cores: the core of each thread, the caller's first, to which they are tied for as long as the pool
    ///   lives; nil to leave that to the system, also where another pool has tied the caller. What the system refuses
    ///   changes nothing but speed.
    public init(threads: Int, cores: [Int]? = nil) {
        precondition(cores.map { $0.count >= threads } ?? true, "There is a core for every thread.")
        _ = Self.coresAtStart
        let team = Team()
        var handles: [pthread_t] = []
        while handles.count + 1 < threads {
            let index = handles.count + 1
            guard let handle = Member(index: index, core: cores?[index], team: team).start() else { break }
            handles.append(handle)
        }
        self.team = team
        self.handles = handles
        self.threads = handles.count + 1
        let count = self.threads * Int(LOCKSTEP_TAKEN)
        unsafe taken = UnsafeMutableRawPointer.allocate(
            byteCount: count * MemoryLayout<UInt32>.size, alignment: Int(LOCKSTEP_TAKEN) * MemoryLayout<UInt32>.size
        ).initializeMemory(as: UInt32.self, repeating: 0, count: count)
        guard let core = cores?.first else { return }
        var remembered = lockstep_cores()
        if unsafe lockstep_remember_cores(&remembered) != 0 { callerCores = remembered }
        _ = lockstep_tie_to_core(Int32(clamping: core))
    }

    deinit {
        team.dismiss()
        for handle in handles { pthread_join(handle, nil) }
        unsafe taken.deallocate()
        if var callerCores { unsafe lockstep_restore_cores(&callerCores) }
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

    /// A thread's part of some rows, cut at multiples of `block`, as kernels cut them.
    func rows(_ count: Int, block: Int, thread: Int) -> Range<Int> {
        let blocks = (count + block - 1) / block
        return min(count, blocks * thread / threads * block)..<min(count, blocks * (thread + 1) / threads * block)
    }

    /// Counts of what is taken of each thread's rows, for the next work; all zero.
    func nothingTaken() -> UnsafeMutablePointer<UInt32> {
        // A product of at most three matrices counts in as many words.
        for thread in 0..<threads {
            for matrix in 0..<3 { unsafe taken[thread * Int(LOCKSTEP_TAKEN) + matrix] = 0 }
        }
        return unsafe taken
    }

    /// Runs a kernel's parts, one on each thread. Allocates nothing.
    func run(_ part: lockstep_part, _ work: UnsafeRawPointer) {
        unsafe team.run(part, work, threads: threads)
    }
}

/// A thread of a team, as it is handed to the system.
private final class Member: Sendable {
    let index: Int
    let core: Int?
    let team: Team

    init(index: Int, core: Int?, team: Team) {
        self.index = index
        self.core = core
        self.team = team
    }

    /// Ties the calling thread to its core; without one it may run on any, although it began where its maker is tied.
    private func chooseCores() {
        if let core {
            _ = lockstep_tie_to_core(Int32(clamping: core))
        } else if var cores = Pool.coresAtStart {
            unsafe lockstep_restore_cores(&cores)
        }
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
                member.chooseCores()
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
