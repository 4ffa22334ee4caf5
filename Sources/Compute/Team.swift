internal import CKernels
internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Darwin)
internal import Darwin
#endif

/// What the threads of a pool share.
///
/// The work is written before the round number rises and read after; it stays until the last member has finished.
/// Who is about to sleep says so first and then looks again; who brings news looks for sleepers afterwards. Both in one
/// total order, so that one of the two sees the other.
@safe final class Team: @unchecked Sendable {
    private let round = Atomic<UInt32>(0)
    private let unfinished = Atomic<Int>(0)
    private let sleepers = Atomic<Int>(0)
    private let callerSleeps = Atomic<Bool>(false)
    private let isDismissed = Atomic<Bool>(false)

    private var part: lockstep_part?
    private var work: UnsafeRawPointer?
    private var threads = 1

    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let workReady = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let workDone = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    /// A thread spins for so long before it sleeps: longer than the serial gaps of a step and than a sleeper takes to
    /// wake. One that slept sooner would come to its next work after the others, who would then fall asleep in turn.
    private static let patienceNanoseconds: UInt64 = 1_000_000
    /// It spins for so long only while other programs want the cores: who sleeps is the first to get one back.
    private static let crowdedPatienceNanoseconds: UInt64 = 50_000
    /// How long that is believed after a member has kept the caller waiting.
    private static let crowdedNanoseconds: UInt64 = 20_000_000
    private let crowdedUntil = Atomic<UInt64>(0)

    init() {
        unsafe lock.initialize(to: pthread_mutex_t())
        unsafe workReady.initialize(to: pthread_cond_t())
        unsafe workDone.initialize(to: pthread_cond_t())
        unsafe pthread_mutex_init(lock, nil)
        unsafe pthread_cond_init(workReady, nil)
        unsafe pthread_cond_init(workDone, nil)
    }

    deinit {
        unsafe pthread_cond_destroy(workDone)
        unsafe pthread_cond_destroy(workReady)
        unsafe pthread_mutex_destroy(lock)
        unsafe workDone.deallocate()
        unsafe workReady.deallocate()
        unsafe lock.deallocate()
    }

    /// Runs all parts of the work: part 0 here, the others on the members.
    func run(_ part: lockstep_part, _ work: UnsafeRawPointer, threads: Int) {
        guard threads > 1 else { return unsafe part(work, 0, 1) }
        unsafe self.part = part
        unsafe self.work = work
        self.threads = threads
        unfinished.store(threads - 1, ordering: .relaxed)
        announce()
        unsafe part(work, 0, Int32(truncatingIfNeeded: threads))
        awaitMembers()
    }

    /// Ends all members.
    func dismiss() {
        isDismissed.store(true, ordering: .relaxed)
        announce()
    }

    /// A member's life.
    func serve(index: Int) {
        var seen: UInt32 = 0
        while true {
            awaitRound(after: seen)
            seen &+= 1
            if isDismissed.load(ordering: .relaxed) { return }
            unsafe part?(work, Int32(truncatingIfNeeded: index), Int32(truncatingIfNeeded: threads))
            let left = unfinished.subtract(1, ordering: .sequentiallyConsistent).newValue
            if left == 0, callerSleeps.load(ordering: .sequentiallyConsistent) {
                unsafe wake(workDone)
            }
        }
    }

    private func announce() {
        round.add(1, ordering: .sequentiallyConsistent)
        if sleepers.load(ordering: .sequentiallyConsistent) > 0 {
            unsafe wake(workReady)
        }
    }

    private func awaitRound(after seen: UInt32) {
        if spin(while: { round.load(ordering: .acquiring) == seen }) { return }
        unsafe pthread_mutex_lock(lock)
        sleepers.add(1, ordering: .sequentiallyConsistent)
        while round.load(ordering: .sequentiallyConsistent) == seen {
            unsafe pthread_cond_wait(workReady, lock)
        }
        sleepers.subtract(1, ordering: .relaxed)
        unsafe pthread_mutex_unlock(lock)
    }

    private func awaitMembers() {
        if spin(while: { unfinished.load(ordering: .acquiring) != 0 }) { return }
        crowdedUntil.store(Self.nanoseconds() &+ Self.crowdedNanoseconds, ordering: .relaxed)
        unsafe pthread_mutex_lock(lock)
        callerSleeps.store(true, ordering: .sequentiallyConsistent)
        while unfinished.load(ordering: .sequentiallyConsistent) != 0 {
            unsafe pthread_cond_wait(workDone, lock)
        }
        callerSleeps.store(false, ordering: .relaxed)
        unsafe pthread_mutex_unlock(lock)
    }

    private func wake(_ condition: UnsafeMutablePointer<pthread_cond_t>) {
        unsafe pthread_mutex_lock(lock)
        unsafe pthread_cond_broadcast(condition)
        unsafe pthread_mutex_unlock(lock)
    }

    /// Looks on for a limited time; true when the condition has ended.
    @inline(__always)
    private func spin(while isWaiting: () -> Bool) -> Bool {
        for _ in 0..<64 {
            guard isWaiting() else { return true }
            lockstep_pause()
        }
        let start = Self.nanoseconds()
        let isCrowded = start < crowdedUntil.load(ordering: .relaxed)
        let end = start &+ (isCrowded ? Self.crowdedPatienceNanoseconds : Self.patienceNanoseconds)
        repeat {
            for _ in 0..<64 {
                guard isWaiting() else { return true }
                lockstep_pause()
            }
        } while Self.nanoseconds() < end
        return false
    }

    private static func nanoseconds() -> UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }
}
