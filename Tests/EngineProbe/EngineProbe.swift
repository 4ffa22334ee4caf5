import Blueprint
import Engine
import Foundation
import MPI
import Partition
import Weights

/// Runs the models of a folder in every way asked for, and prints a JSON object per case.
///
/// Of several shares the second ones are tried in every variation. Arguments: the folder; the shares to try,
/// `5:3:2,1:1:1`; threads; chunk; the instruction set, or `best`; the
/// cache's encoding; how much products may round. Or the one argument `meetings`, for ``MeetingsProbe``.
@main
struct EngineProbe {
    static func main() {
        let arguments = CommandLine.arguments
        if arguments[1] == "meetings" { Job.run(deadline: 60) { world in try MeetingsProbe.run(on: world) } }
        let shares = arguments[2].split(separator: ",").map { $0.split(separator: ":").compactMap { Double($0) } }
        if arguments[1].hasSuffix(".h5") {
            Job.run(deadline: 60) { world in
                try MemoryProbe.run(
                    model: arguments[1], shares: shares[0], way: Way(rawValue: arguments[3]) ?? .sum, on: world)
            }
        }
        if arguments[5] != "best" { setenv("LOCKSTEP_ISA", arguments[5], 1) }
        Job.run(deadline: 60) { world in
            let names = try FileManager.default.contentsOfDirectory(atPath: arguments[1])
                .filter { $0.hasSuffix(".h5") }.sorted()
            for name in names {
                let path = "\(arguments[1])/\(name.dropLast(3))"
                let golden = try Golden(path: "\(path).safetensors")
                for (number, share) in shares.enumerated() {
                    let isVaried = shares.count == 1 || number == 1
                    for (way, cutting, cut) in try Self.cases(of: "\(path).h5", isVaried: isVaried) {
                        var request = Request(
                            modelPath: "\(path).h5", shares: .perRank(share), way: way, cutting: cutting,
                            context: 300)
                        request.experts = cut
                        request.threads = Int(arguments[3])
                        request.chunk = Int(arguments[4]) ?? 256
                        request.cache = CacheEncoding(rawValue: arguments[6]) ?? .f32
                        request.math = Math(rawValue: arguments[7]) ?? .precise
                        try run(request, named: String(name.dropLast(3)), golden, on: world)
                    }
                }
            }
        }
    }

    /// Both ways, of varied cases with both cuttings and every way to share out experts, where the model has any.
    private static func cases(of path: String, isVaried: Bool) throws -> [(Way, Cutting, ExpertCut?)] {
        let hasExperts = try Model(path: path).blueprint.hasExperts
        let cuts: [ExpertCut?] = hasExperts && isVaried ? ExpertCut.allCases : [nil]
        return Way.allCases.flatMap { way in
            (isVaried ? Cutting.allCases : [.uneven]).flatMap { cutting in cuts.map { (way, cutting, $0) } }
        }
    }

    private static func run(
        _ request: Request, named name: String, _ golden: Golden, on world: Communicator
    ) throws {
        let session = try Session.open(request, on: world, version: "probe")
        var stages: [Int: [Float]] = [:]
        var ranksAgree = true
        session.observe { layersDone, hidden, areSame in
            ranksAgree = ranksAgree && areSame
            stages[layersDone, default: []] += hidden
        }
        let result = try session.run { session in
            var logits: [Float] = []
            try session.logits(golden.prompt) { _, rows in logits += rows }
            let recorded = stages
            let scores = try session.score(golden.text)
            let generation = try session.generate(
                golden.prompt, limit: golden.greedy.count, sampling: .greedy, endTokens: []
            ) { _ in true }
            return Result(
                model: name, request, session, golden, logits: logits, stages: recorded, scores: scores,
                generation: generation, goesBack: try goesBack(golden, session))
        }
        guard var result else { return }
        result.ranksAgree = ranksAgree
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        print(String(decoding: try encoder.encode(result), as: UTF8.self))
    }
}

/// Keeps a sequence in the middle, goes on, goes back, and goes on again.
private func goesBack(_ golden: Golden, _ session: Session) throws -> Bool {
    _ = try session.generate(golden.prompt, limit: 1, sampling: .greedy, endTokens: []) { _ in true }
    try session.keepSequence()
    let next = Array(golden.text.prefix(4))
    let first = try session.choices(after: next)
    _ = try session.choices(after: [7, 3])
    try session.takeBack()
    return try session.choices(after: next) == first
}

/// What a case came to.
private struct Result: Encodable {
    var model: String
    var ranks: Int
    var way: String
    var cutting: String
    var experts: String?
    var logitsError: Double
    var hiddenError: Double
    var textError: Double
    var meanTextError: Double
    var greedyAgrees: Bool
    var ranksAgree = true
    /// Whether a sequence that was kept chooses the same tokens again when it goes back.
    var goesBack: Bool
    var bits: String
    var collectives: Int
    var plannedCollectives: Int
    var bytes: Int
    var plannedBytes: Int
    var bytesRead: Int
    var plannedBytesRead: Int

    init(
        model: String, _ request: Request, _ session: Session, _ golden: Golden, logits: [Float],
        stages: [Int: [Float]], scores: [TokenScore], generation: Session.Generation, goesBack: Bool
    ) {
        self.goesBack = goesBack
        self.model = model
        ranks = session.rankCount
        way = request.way.rawValue
        cutting = request.cutting.rawValue
        experts = request.experts?.rawValue
        logitsError = golden.relativeError(logits, golden.logits)
        hiddenError =
            golden.hidden.enumerated().map { golden.relativeError(stages[$0.offset] ?? [], $0.element) }
            .max() ?? .infinity
        let differences = zip(scores, golden.losses).map { -$0.logProbability - Double($1) }
        textError = differences.map { abs($0) }.max() ?? .infinity
        meanTextError = abs(differences.reduce(0, +)) / Double(differences.count)
        greedyAgrees = generation.tokens == golden.greedy
        bits = Self.hash(logits.map { UInt64($0.bitPattern) } + scores.map(\.logProbability.bitPattern))
        let steps = generation.tokens.count - 1
        // Watching the stream costs a collective of 16 bytes at each of its places.
        let watched = golden.hidden.count
        collectives = generation.decodingTraffic.collectives - steps * watched
        bytes = generation.decodingTraffic.byteCount - 16 * steps * watched
        plannedCollectives = steps * session.plan.decodingTraffic.collectives
        plannedBytes = steps * session.plan.decodingTraffic.byteCount
        bytesRead = session.loading.byteCountOfAll
        plannedBytesRead = (0..<ranks).reduce(0) { $0 + session.plan.holdings(rank: $1).fileByteCount }
    }

    private static func hash(_ words: [UInt64]) -> String {
        String(words.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ $1) &* 0x100_0000_01B3 }, radix: 16)
    }
}

/// The outputs of the reference implementation for one model.
private struct Golden {
    let prompt: [Int]
    let text: [Int]
    let greedy: [Int]
    let logits: [Float]  // [prompt, vocabulary]
    let hidden: [[Float]]  // [layers + 1][prompt, width]
    let losses: [Float]  // [text - 1]

    init(path: String) throws {
        let file = try SafetensorsFile(path)
        func words(_ name: String) throws -> (words: [UInt32], shape: [Int]) {
            guard let tensor = file.tensors.first(where: { $0.name == name }) else {
                throw CocoaError(.fileReadCorruptFile)
            }
            let bytes = try file.bytes(tensor.byteRange)
            let words = stride(from: 0, to: bytes.count, by: 4).map { start in
                (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[start + $1]) << (8 * $1) }
            }
            return (words, tensor.shape)
        }
        func integers(_ name: String) throws -> [Int] { try words(name).words.map { Int(Int32(bitPattern: $0)) } }
        func floats(_ name: String) throws -> [Float] { try words(name).words.map { Float(bitPattern: $0) } }
        prompt = try integers("prompt.input_ids")
        text = try integers("text.input_ids")
        greedy = try integers("greedy.ids")
        logits = try floats("prompt.logits")
        losses = try floats("text.nll")
        let stages = try words("prompt.hidden")
        let size = stages.shape[1] * stages.shape[2]
        hidden = (0..<stages.shape[0]).map { stage in
            stages.words[stage * size..<(stage + 1) * size].map { Float(bitPattern: $0) }
        }
    }

    /// The largest difference in units of the reference's standard deviation.
    func relativeError(_ found: [Float], _ reference: [Float]) -> Double {
        guard found.count == reference.count else { return .infinity }
        let values = reference.map { Double($0) }
        let mean = values.reduce(0, +) / Double(values.count)
        let spread = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)).squareRoot()
        let largest = zip(found, values).map { abs(Double($0) - $1) }.max() ?? 0
        return found.contains { !$0.isFinite } ? .infinity : largest / spread
    }
}
