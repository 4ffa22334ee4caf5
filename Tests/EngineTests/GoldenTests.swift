import Blueprint
import Compute
import Foundation
import Launching
import Testing
import Weights

/// Every model of the reference folder, at every number of ranks, against the reference implementation and itself.
@Suite(.serialized, .enabled(if: Launch.isPossible, "\(Launch.reasonToSkip)"))
struct GoldenTests {
    /// Equal shares, then uneven ones; the last leave ranks without heads.
    private static let shares = [
        1: ["1"], 2: ["1:1", "3:1", "1:9"], 3: ["1:1:1", "5:3:2", "1:20:2"], 4: ["1:1:1:1", "4:3:2:1", "1:1:8:1"],
        5: ["1:1:1:1:1", "5:3:2:1:1", "1:2:9:2:1"],
    ]

    @Test(arguments: 1...5)
    func everyModelGivesTheReferencesLogitsAndTokens(ranks: Int) throws {
        let cases = try Self.outcomes(ranks: ranks)
        #expect(try Reference.folders() == Self.models)
        #expect(cases.count == Self.caseCount(Self.models, shares: Self.shares[ranks]?.count ?? 0))
        for outcome in cases {
            #expect(outcome.logitsError <= 5e-4, "\(outcome)")
            #expect(outcome.hiddenError <= 5e-4, "\(outcome)")
            #expect(outcome.meanTextError <= 1e-4, "\(outcome)")
            #expect(outcome.textError <= 2e-3, "\(outcome)")
            #expect(outcome.greedyAgrees, "\(outcome)")
            #expect(outcome.ranksAgree, "\(outcome)")
            #expect(outcome.goesBack, "\(outcome)")
        }
    }

    @Test(arguments: 1...5)
    func aTokenExchangesWhatThePlanSays(ranks: Int) throws {
        for outcome in try Self.outcomes(ranks: ranks) {
            #expect(outcome.collectives == outcome.plannedCollectives, "\(outcome)")
            #expect(outcome.bytes == outcome.plannedBytes, "\(outcome)")
            #expect(ranks > 1 ? outcome.bytes > 0 : outcome.bytes == 0, "\(outcome)")
            #expect(outcome.bytesRead >= outcome.plannedBytesRead, "\(outcome)")
        }
    }

    /// What a cache rounds off each key and value, relative to the element or of q8 to the greatest of 32, moves the
    /// mean log-probability of a text by less than as much: errors of either sign average out over tokens. Where seven
    /// layers read one key-value head whose keys are normed, by less than twice as much.
    @Test(arguments: [(CacheEncoding.bf16, 0x1p-9), (.f16, 0x1p-12), (.q8, 1.0 / 254)])
    func smallerCachesMoveTheMeanLossByLessThanTheyRoundOff(cache: CacheEncoding, rounding: Double) throws {
        let outcomes = try Self.run(Reference.representative, ranks: 2, shares: ["3:1"], cache: cache)
        #expect(outcomes.count == Self.caseCount(Reference.representative, shares: 1))
        for outcome in outcomes {
            #expect(outcome.ranksAgree, "\(outcome)")
            guard !Self.isMixture(outcome.model) else {
                #expect(outcome.meanTextError <= Self.largestShiftOfChoices, "\(cache) \(outcome)")
                continue
            }
            let (mean, largest) = Self.isSensitive(outcome.model) ? (2.0, 150.0) : (1, 50)
            #expect(outcome.meanTextError <= mean * rounding + 1e-4, "\(cache) \(outcome)")
            #expect(outcome.textError <= largest * rounding + 2e-3, "\(cache) \(outcome)")
        }
        #expect(outcomes.contains { $0.logitsError > 1e-5 }, "Rounding must be seen.")
    }

    /// Inputs of products are rounded to bf16, or to bytes in steps of 1/127 of the greatest of 32. Through all layers
    /// logits move by less than 50 times as much, of the sensitive model 100, in units of their spread; over a text
    /// errors average out.
    @Test(arguments: InstructionSet.supported)
    func fastMathMovesLogitsAndLossesLittle(instructionSet: InstructionSet) throws {
        func run(_ math: Math) throws -> [GoldenOutcome] {
            try Self.run(
                Reference.representative, ranks: 2, shares: ["3:1"], instructionSet: instructionSet.rawValue,
                math: math)
        }
        let (outcomes, precise) = (try run(.fast), try run(.precise))
        #expect(outcomes.count == Self.caseCount(Reference.representative, shares: 1))
        #expect(outcomes.map(\.model) == precise.map(\.model) && outcomes.map(\.way) == precise.map(\.way))
        for (outcome, precise) in zip(outcomes, precise) {
            #expect(outcome.ranksAgree, "\(outcome)")
            guard outcome.way == "sum", let rounding = Self.rounding(outcome.model, instructionSet) else {
                #expect(outcome.bits == precise.bits, "\(outcome)")
                continue
            }
            guard !Self.isMixture(outcome.model) else {
                #expect(outcome.meanTextError <= Self.largestShiftOfChoices, "\(outcome)")
                continue
            }
            let (most, ofText, mean) = Self.isSensitive(outcome.model) ? (100.0, 250.0, 4.0) : (50, 100, 3)
            #expect(outcome.logitsError <= most * rounding, "\(outcome)")
            #expect(outcome.hiddenError <= most * rounding, "\(outcome)")
            #expect(outcome.textError <= ofText * rounding, "\(outcome)")
            #expect(outcome.meanTextError <= mean * rounding, "\(outcome)")
            #expect(outcome.logitsError > 1e-4, "Rounding must be seen: \(outcome)")
        }
    }

    /// Whether a model is moved more than the others by what is rounded: the seven layers of one read one key-value
    /// head each, the other's queries and keys are both longer by a fifth as soon as it turns as long sequences do.
    private static func isSensitive(_ model: String) -> Bool {
        model.hasPrefix("gemma3-a") || model.hasPrefix("phi3-b")
    }

    /// Whether a model has experts: what is rounded may turn a choice between two that score alike, and with random
    /// weights these have nothing in common. Then single logits tell nothing, and the mean loss of a text little.
    private static func isMixture(_ model: String) -> Bool { model.contains(/-e\d+-|_moe-/) }

    private static let largestShiftOfChoices = 0.05

    /// What fast math rounds off of an input, nil where it leaves a model alone.
    ///
    /// A model's name says how its weights are stored.
    private static func rounding(_ model: String, _ instructionSet: InstructionSet) -> Double? {
        guard let dot = DotProduct.best(for: instructionSet), !model.hasSuffix("-f32") else { return nil }
        // The name says how the reference computed; its experts are published in four bits.
        guard model.hasSuffix("-bf16"), !model.hasPrefix("gpt_oss-b") else { return 1.0 / 254 }
        return dot.takesBFloats ? 0x1p-9 : nil
    }

    @Test func exactLogitsHaveTheSameBitsEverywhere() throws {
        var bits: [String: Set<String>] = [:]
        func add(_ outcomes: [GoldenOutcome]) {
            for outcome in outcomes where outcome.way == "gather" || outcome.ranks == 1 {
                bits[outcome.model, default: []].insert(outcome.bits)
            }
        }
        for ranks in 1...5 { add(try Self.outcomes(ranks: ranks)) }
        for threads in [2, 3] {
            add(try Self.run(Reference.representative, ranks: 1, shares: ["1"], threads: threads))
            add(try Self.run(Reference.representative, ranks: 2, shares: ["3:1"], threads: threads))
        }
        for chunk in [1, 7] {
            add(try Self.run(Reference.representative, ranks: 3, shares: ["5:3:2"], chunk: chunk))
        }
        for instructionSet in InstructionSet.supported {
            add(
                try Self.run(
                    Reference.representative, ranks: 3, shares: ["5:3:2"], instructionSet: instructionSet.rawValue))
        }
        try exactLogitsOfEveryCacheAgree()
        #expect(bits.keys.sorted() == Self.models)
        for (model, different) in bits { #expect(different.count == 1, "\(model): \(different)") }
    }

    private func exactLogitsOfEveryCacheAgree() throws {
        for cache in [CacheEncoding.bf16, .f16, .q8] {
            var bits: [String: Set<String>] = [:]
            for (ranks, shares, threads, chunk) in [(1, "1", 2, 16), (2, "3:1", 1, 7), (3, "5:3:2", 3, 300)] {
                for outcome in try Self.run(
                    Reference.representative, ranks: ranks, shares: [shares], threads: threads, chunk: chunk,
                    cache: cache)
                where outcome.way == "gather" { bits[outcome.model, default: []].insert(outcome.bits) }
            }
            #expect(bits.count == Reference.representative.count)
            for (model, different) in bits { #expect(different.count == 1, "\(cache) \(model): \(different)") }
        }
    }

    // MARK: - Running

    private static let models = Reference.names

    /// Two ways of each model and share, of one share with two cuttings, and of a mixture of experts with three cuts.
    private static func caseCount(_ models: [String], shares: Int) -> Int {
        models.reduce(0) { $0 + 2 * (shares - 1) + (isMixture($1) ? 12 : 4) }
    }
    private static let cache = OutcomeCache()

    /// One launch per number of ranks serves several tests.
    private static func outcomes(ranks: Int) throws -> [GoldenOutcome] {
        try cache.outcomes(ranks) { try run(models, ranks: ranks, shares: shares[ranks] ?? []) }
    }

    private static func run(
        _ models: [String], ranks: Int, shares: [String], threads: Int = 1, chunk: Int = 50,
        instructionSet: String = "best",
        cache: CacheEncoding = .f32, math: Math = .precise
    ) throws -> [GoldenOutcome] {
        let launch = try Launch.mpirun(
            ranks: ranks, "EngineProbe",
            [
                models == self.models ? try Reference.importedFolder() : try Reference.representativeFolder(),
                shares.joined(separator: ","), "\(threads)", "\(chunk)", instructionSet,
                cache.rawValue, math.rawValue,
            ],
            limit: 600)
        try #require(launch.status == 0, "\(launch.errors)")
        return try launch.output.split(separator: "\n").map {
            try JSONDecoder().decode(GoldenOutcome.self, from: Data($0.utf8))
        }
    }
}

/// What the probe says of a case.
struct GoldenOutcome: Decodable {
    var model: String
    var ranks: Int
    var way: String
    var cutting: String
    var logitsError: Double
    var hiddenError: Double
    var textError: Double
    var meanTextError: Double
    var greedyAgrees: Bool
    var ranksAgree: Bool
    var goesBack: Bool
    var bits: String
    var collectives: Int
    var plannedCollectives: Int
    var bytes: Int
    var plannedBytes: Int
    var bytesRead: Int
    var plannedBytesRead: Int
}

/// Outcomes that were computed already.
private final class OutcomeCache: @unchecked Sendable {
    private let lock = NSLock()
    private var known: [Int: [GoldenOutcome]] = [:]

    func outcomes(_ ranks: Int, _ compute: () throws -> [GoldenOutcome]) throws -> [GoldenOutcome] {
        try lock.withLock {
            if let outcomes = known[ranks] { return outcomes }
            let outcomes = try compute()
            known[ranks] = outcomes
            return outcomes
        }
    }
}
