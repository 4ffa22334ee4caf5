import Compute
import Foundation
import Synchronization
import Testing

@Suite struct PoolTests {
    @Test(arguments: [1, 2, 3, 5, 16])
    func everyThreadRunsOnceEachTime(threads: Int) {
        let pool = Pool(threads: threads)
        #expect(pool.threads == threads)
        let counts = (0..<threads).map { _ in Counter() }
        let rounds = 2000
        for round in 1...rounds {
            pool.run { thread in counts[thread].value.add(1, ordering: .relaxed) }
            guard counts.allSatisfy({ $0.value.load(ordering: .relaxed) == round }) else {
                Issue.record("Round \(round) returned before all threads had run.")
                return
            }
        }
    }

    @Test func sleepingThreadsWakeAgain() {
        let pool = Pool(threads: 3)
        let counter = Counter()
        for _ in 0..<50 {
            // Longer than threads spin.
            let start = ContinuousClock.now
            while ContinuousClock.now - start < .milliseconds(4) {}
            pool.run { _ in counter.value.add(1, ordering: .relaxed) }
        }
        #expect(counter.value.load(ordering: .relaxed) == 150)
    }

    @Test func theCallerWaitsForTheSlowest() {
        let pool = Pool(threads: 3)
        let counter = Counter()
        for round in 1...50 {
            pool.run { thread in
                let start = ContinuousClock.now
                while thread == 2, ContinuousClock.now - start < .milliseconds(4) {}
                counter.value.add(1, ordering: .relaxed)
            }
            #expect(counter.value.load(ordering: .relaxed) == 3 * round)
        }
    }

    @Test func poolsEndAndBeginAgain() {
        let counter = Counter()
        for threads in 1...100 {
            Pool(threads: threads % 6).run { _ in counter.value.add(1, ordering: .relaxed) }
        }
        #expect(counter.value.load(ordering: .relaxed) == (1...100).reduce(0) { $0 + max(1, $1 % 6) })
    }

    @Test func threadsRunOnTheirCoresAsLongAsThePoolLives() async {
        // On a thread of its own: other tests shall not find themselves tied.
        let outcome = await withCheckedContinuation { continuation in
            Thread {
                let before = allowedCores()
                var (inside, count) = ([[Int]](), 0)
                do {
                    let pool = Pool(threads: min(2, before.count), cores: Array(before.prefix(2)))
                    let found = Mutex<[Int: [Int]]>([:])
                    pool.run { thread in found.withLock { $0[thread] = allowedCores() } }
                    count = pool.threads
                    inside = (0..<count).map { thread in found.withLock { $0[thread] ?? [] } }
                }
                continuation.resume(returning: (before, inside, after: allowedCores()))
            }.start()
        }
        #expect(outcome.1 == outcome.0.prefix(2).map { [$0] })
        #expect(outcome.after == outcome.0)
    }

    @Test func threadsOfASecondPoolAreNotTiedWhereTheCallerIs() async {
        let outcome = await withCheckedContinuation { continuation in
            Thread {
                let before = allowedCores()
                let tied = Pool(threads: 1, cores: Array(before.prefix(1)))
                let pool = Pool(threads: 3)
                let found = Mutex<[Int: [Int]]>([:])
                pool.run { thread in found.withLock { $0[thread] = allowedCores() } }
                let inside = (0..<pool.threads).map { thread in found.withLock { $0[thread] ?? [] } }
                withExtendedLifetime(tied) { continuation.resume(returning: (before, inside)) }
            }.start()
        }
        #expect(outcome.1 == [Array(outcome.0.prefix(1)), outcome.0, outcome.0])
    }

    @Test func aCoreThatDoesNotExistChangesNothing() {
        let counter = Counter()
        Pool(threads: 2, cores: [1 << 20, 8191]).run { _ in counter.value.add(1, ordering: .relaxed) }
        #expect(counter.value.load(ordering: .relaxed) == 2)
    }

    @Test func twoPoolsRunSideBySide() async {
        await withTaskGroup(of: Int.self) { group in
            for _ in 0..<2 {
                group.addTask {
                    let counter = Counter()
                    let pool = Pool(threads: 3)
                    for _ in 0..<1000 { pool.run { _ in counter.value.add(1, ordering: .relaxed) } }
                    return counter.value.load(ordering: .relaxed)
                }
            }
            for await count in group { #expect(count == 3000) }
        }
    }
}

/// The cores that the calling thread may run on, as the kernel lists them.
private func allowedCores() -> [Int] {
    let status = (try? String(contentsOfFile: "/proc/thread-self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed_list:") } ?? ""
    return line.drop { !$0.isNumber }.split(separator: ",").flatMap { run in
        let ends = run.split(separator: "-").compactMap { Int($0) }
        return ends.count == 2 ? Array(ends[0]...ends[1]) : ends
    }
}

/// A number that threads share.
private final class Counter: Sendable {
    let value = Atomic(0)
}
