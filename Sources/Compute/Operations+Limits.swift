internal import CKernels

/// What the machine can do at best, measured with the threads that do the work.
extension Operations {
    /// Memory that has been written, all of it handed out: pages that never were are all the same page of zeros.
    ///
    /// Throws `ComputeError.noMemory` when the memory is not there.
    public func writtenArena(byteCount: Int) throws(ComputeError) -> Arena {
        let lines = max(1, byteCount / 64)
        let arena = try Arena(byteCount: lines * 64)
        let memory = try arena.buffer(rows: lines, columns: 16)
        // Who reads them writes them.
        pool.run { thread in
            let rows = pool.rows(lines, block: 64, thread: thread)
            memory.rows(rows).withMutableSpan(rows: rows.count) { span in
                for index in span.indices { span[index] = Float(index % 1000) }
            }
        }
        return arena
    }

    /// Bytes per second of one reading of bytes `range` of what an arena has handed out, which should be several times
    /// the last cache, in so many streams; see ``read(_:_:streams:)``.
    public func readBandwidth(of arena: Arena, _ range: Range<Int>, streams: Int) -> Double {
        let duration = ContinuousClock().measure { read(arena, range, streams: streams) }
        return Double(range.count / 64 * 64) / (duration / .seconds(1))
    }

    /// In how many streams this is the fastest, by the median of `repeats` readings: of noisy figures the fastest of
    /// all is a matter of luck.
    ///
    /// - Parameter meet: is called before each reading: ranks that wait for each other in it read at the same time.
    public func fastestStreams<Failure: Error>(
        of arena: Arena, _ range: Range<Int>, repeats: Int = 3, meet: () throws(Failure) -> Void
    ) throws(Failure) -> Int {
        var readings = [[Double]](repeating: [], count: Self.readingStreams.count)
        // In turn, so that a slow moment meets every manner.
        for _ in 0..<max(1, repeats) {
            for (manner, streams) in Self.readingStreams.enumerated() {
                try meet()
                readings[manner].append(readBandwidth(of: arena, range, streams: streams))
            }
        }
        let medians = readings.map { $0.sorted()[$0.count / 2] }
        return Self.readingStreams[medians.indices.max { medians[$0] < medians[$1] } ?? 0]
    }

    /// Numbers of streams among which ``read(_:_:streams:)`` may be the fastest: memory gives several more than one.
    private static let readingStreams = [1, 4, 8]

    /// Reads what an arena has handed out from the start of `range`, a multiple of 64, as many whole lines as it has,
    /// all threads together, each in so many streams: 1, 4 or 8.
    public func read(_ arena: Arena, _ range: Range<Int>, streams: Int = 4) {
        precondition(Self.readingStreams.contains(streams), "There is a loop for the number of streams.")
        var digests = [UInt64](repeating: 0, count: pool.threads * 8)
        unsafe digests.withUnsafeMutableBufferPointer { digests in
            let work = unsafe lockstep_read(
                instruction_set: instructionSet.code, streams: Int32(streams), lines: arena.start(of: range),
                count: range.count / 64, digests: digests.baseAddress)
            unsafe run(lockstep_read_part, work, elements: .max)
        }
    }

    /// The multiplications and additions per second that all threads together do in registers, at best; nil where the
    /// processor has no instruction for it. Takes about `seconds`: the longer, the surer is a moment without
    /// disturbance.
    public func measurePeak(_ factors: Factors, seconds: Double = 0.1) -> Double? {
        let operations = lockstep_peak_operations(instructionSet.code, factors.code(instructionSet))
        guard operations > 0 else { return nil }
        var rounds = 1 << 12
        var elapsed = 0.0
        while elapsed < Self.shortRunSeconds / 4 {
            rounds *= 2
            elapsed = run(rounds: rounds, factors)
        }
        rounds = max(1, Int(Double(rounds) * Self.shortRunSeconds / elapsed))
        let runs = max(1, Int(seconds / Self.shortRunSeconds))
        let best = (0..<runs).map { _ in run(rounds: rounds, factors) }.min() ?? elapsed
        return Double(operations) * Double(rounds) * Double(pool.threads) / best
    }

    // One of several so short runs is disturbed by nobody.
    private static let shortRunSeconds = 2.5e-3

    private func run(rounds: Int, _ factors: Factors) -> Double {
        var digests = [UInt64](repeating: 0, count: pool.threads * 8)
        return ContinuousClock().measure {
            unsafe digests.withUnsafeMutableBufferPointer { digests in
                let work = unsafe lockstep_peak(
                    instruction_set: instructionSet.code, kind: factors.code(instructionSet), rounds: rounds,
                    digests: digests.baseAddress)
                unsafe run(lockstep_peak_part, work, elements: .max)
            }
        } / .seconds(1)
    }
}
