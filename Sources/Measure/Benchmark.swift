import Blueprint
import Compute
public import Engine
import Partition

/// How fast a model runs, beside what its machines could do.
public struct Benchmark: Sendable {
    /// Tokens of the prompt.
    public var promptCount: Int
    /// Tokens decoded after it.
    public var generateCount: Int
    /// Tokens in one forward after the prompt; 1 is decoding.
    public var batches: [Int]
    /// How often everything is measured.
    public var repeats: Int

    /// Measurements of these sizes.
    public init(promptCount: Int, generateCount: Int, batches: [Int], repeats: Int) {
        self.promptCount = promptCount
        self.generateCount = generateCount
        self.batches = batches
        self.repeats = repeats
    }

    /// Positions that the cache needs.
    public var context: Int { promptCount + batches.reduce(0) { $0 + $1 * stepCount(batch: $1) } }

    /// Forwards of so many tokens that are measured one after another.
    func stepCount(batch: Int) -> Int { max(1, (generateCount + batch - 1) / batch) }

    /// Checks the output, measures the machines, then the model, then the machines again; to be called on every rank.
    ///
    /// Reading, and for predictions computing, is measured before and after every repetition of every test as well: on
    /// a shared machine they change within seconds, and a test is held against what could be done around it.
    ///
    /// - Parameters:
    ///   - model: what the report calls the model.
    ///   - isPredicted: whether there is a profile to predict from; the same on every rank.
    /// - Returns: the report on rank 0, nil on the others.
    public func run(_ session: Session, model: String, isPredicted: Bool = false) throws -> BenchmarkReport? {
        let check = try OutputCheck.run(session)
        let errors = session.isLead ? try session.measureErrors() : []
        try Self.check(errors)
        let before = try session.measureMachines()
        let tests = try measure(
            session, readingToo: isPredicted || BenchmarkReport.readsMemory(session.plan), peaksToo: isPredicted)
        let after = try session.measureMachines()
        guard let check else { return nil }
        let machines = Machine.best(before, after)
        return BenchmarkReport(
            model: model, plan: session.plan, loading: session.loading, check: check, errors: errors,
            machines: machines, tests: tests,
            predictions: tests.map { test in session.costModel.map(test.prediction) },
            departures: session.costModel.map { costModel in
                costModel.profile.departures(
                    readings: tests.flatMap(\.readings) + [before, after].map { $0.map(\.readBandwidth) },
                    peaks: tests.flatMap(\.peaks) + [before, after].map { $0.map(\.peaks) })
            })
    }

    /// Refuses products that are further from the exact ones than rounding explains: those of a wrong kernel.
    package static func check(_ errors: [EncodingError]) throws(MeasureError) {
        for error in errors {
            // Sums of float32 stay below 1e-6, input rounded to 8 bits below 5e-3; what is not a number passes neither.
            let bound = error.math == Math.precise.rawValue ? 1e-5 : 1e-2
            guard error.error.meanSquare <= bound else {
                throw .wrongOutput(
                    expected: "\(error.math) products with \(error.encoding) weights to differ from exact ones by "
                        + "\(Figure.scientific(bound)) of their size at most",
                    found: Figure.scientific(error.error.meanSquare))
            }
        }
    }

    /// On every rank; the timings are there on rank 0.
    private func measure(_ session: Session, readingToo: Bool, peaksToo: Bool) throws -> [TimedTest] {
        var tests = [TimedTest(kind: .prompt, batch: promptCount, firstPosition: 0, stepCount: 1)]
        var position = promptCount
        for batch in batches {
            let count = stepCount(batch: batch)
            tests.append(TimedTest(kind: .steps, batch: batch, firstPosition: position, stepCount: count))
            position += batch * count
        }
        func measureRates() throws -> MachineRates {
            try MachineRates(
                readBandwidths: readingToo ? session.measureReading() : nil,
                peaks: peaksToo ? session.measurePeaks() : nil)
        }
        var before = try measureRates()
        for _ in 0..<repeats {
            for index in tests.indices {
                if let timing = try session.run({ try time(tests[index], $0) }) { tests[index].timings.append(timing) }
                let after = try measureRates()
                tests[index].rates.append(before.mean(with: after))
                before = after
            }
        }
        return tests
    }

    /// One repetition.
    private func time(_ test: TimedTest, _ session: Session) throws -> Session.Timing {
        switch test.kind {
        case .prompt: return try session.timePrompt(tokens(0..<test.batch, session))
        case .steps:
            let chunks = (0..<test.stepCount).map { step in
                let first = test.firstPosition + step * test.batch
                return tokens(first..<first + test.batch, session)
            }
            return try session.timeSteps(chunks)
        }
    }

    private func tokens(_ positions: Range<Int>, _ session: Session) -> [Int] {
        Verification.defaultTokens(vocabulary: session.plan.blueprint.vocabulary, positions: positions)
    }
}

extension Machine {
    /// The better figures of two measurements of the same machines: another program, or the host of a virtual machine,
    /// only takes away. What a host's ranks read is of one moment.
    package static func best(_ some: [Machine], _ others: [Machine]) -> [Machine] {
        let readings = ordered([some, others].map { $0.map(\.readBandwidth) }, hosts: some.map(\.host))[1]
        return zip(readings, zip(some, others)).map { reading, both in
            var machine = both.0
            machine.readBandwidth = reading
            machine.peaks.merge(both.1.peaks) { max($0, $1) }
            return machine
        }
    }
}
