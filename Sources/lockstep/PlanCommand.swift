import ArgumentParser
import Blueprint
import Engine
import Foundation
import Partition
import Weights

/// What each rank would hold and send.
struct PlanCommand: SoloCommand, ModelArgument {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Print what each rank would hold, compute and send. Needs neither mpirun nor weights.",
        discussion:
            "  lockstep plan model.h5 --ranks 3 --shares 5:3:2 --context 8192\n  lockstep plan config.json --ranks 5")

    @Argument(
        help: "A weights file, a config.json, a folder that holds one, or a GGUF file. Default: the embedded model.")
    var file: String?

    @Option(help: ArgumentHelp("The same, spelled as in the other commands.", valueName: "file"))
    var model: String?

    @Option(help: "The number of ranks. Default: as many as there are shares, limits or measured ranks, or one.")
    var ranks: Int?

    @OptionGroup var share: ShareOptions

    @Option(
        help: ArgumentHelp(
            """
            The memory of each rank, in rank order. Without --shares and --cluster equal parts are tried first, \
            then parts that follow memory. Default: no limits.
            """,
            valueName: "128GB:48GB"),
        transform: { try MemoryLimits(list: $0) })
    var memory: MemoryLimits?

    @OptionGroup var clusterOptions: ClusterOptions

    @Option(
        help: "Tokens that the cache holds. Default: the model's longest context, at most \(Request.defaultContext).")
    var context: Int?

    @Option(help: "How the cache stores keys and values: f32, bf16, f16 or q8. Default: as 'generate' does.")
    var cache: CacheEncoding?

    @Option(help: "The most tokens of a prompt in one forward pass.")
    var chunk: Int = 256

    @Option(help: "As in the other commands; fast needs a buffer more. Default: fast, with --exact precise.")
    var math: Math = .fast

    @OptionGroup(title: "Encodings, for a config.json or a checkpoint folder. Default: what it states, or bf16")
    var choices: EncodingOptions

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        let (blueprint, encodings) = try contents()
        let encoding = { (weight: Weight) in encodings[weight.name] ?? .bf16 }
        let profile = try clusterOptions.profile()
        let count = ranks ?? memory?.byteCounts.count
        let shares = try share.wanted()?.resolved(rankCount: count)
        let rankCount = shares?.count ?? count ?? profile?.ranks.count ?? 1
        let policy = policy(shares ?? Array(repeating: 1, count: rankCount), for: blueprint)
        let measured = try clusterOptions.cluster.flatMap { path in try profile?.first(rankCount, path: path) }
        let plan =
            switch (shares, measured) {
            case (.some, _):
                try Plan(blueprint, policy: measured.map(policy.limited) ?? policy, encoding: encoding)
            case (nil, let measured?):
                try Planner(blueprint, policy: policy, profile: measured, encoding: encoding).plan()
            case (nil, nil): try Plan(byMemory: blueprint, policy: policy, encoding: encoding)
            }
        let summary = measured.map { plan.summary($0) } ?? plan.summary
        if json { try Output.json(summary) } else { try Output.product(PlanReport(summary).text) }
    }

    private func policy(_ shares: [Double], for blueprint: Blueprint) -> Policy {
        Policy(
            shares: shares, way: share.way, cutting: share.split, wire: share.wire,
            context: context ?? min(blueprint.maximumContext, Request.defaultContext),
            cache: cache ?? (share.exact ? .f32 : .f16), chunk: chunk, math: math,
            experts: share.experts, memoryByteCounts: memory?.byteCounts)
    }

    /// What is planned.
    private enum Source {
        case weightsFile(String)
        /// A GGUF file, or a folder with one.
        case gguf(String)
        /// A folder with the weights of a checkpoint, or with nothing to plan by.
        case folder(String, hasWeights: Bool)
        case configuration(String)
    }

    private var source: Source {
        get throws {
            let path = try modelPath
            var isFolder: ObjCBool = false
            _ = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
            let stated = isFolder.boolValue ? "\(path)/config.json" : path
            let isStated = FileManager.default.fileExists(atPath: stated)
            if Checkpoint.isGGUF(path) { return .gguf(path) }
            guard isFolder.boolValue else {
                return path.hasSuffix(".json") ? .configuration(stated) : .weightsFile(path)
            }
            let hasWeights = Checkpoint.hasWeights(path)
            return hasWeights || !isStated ? .folder(path, hasWeights: hasWeights) : .configuration(stated)
        }
    }

    /// What the model computes, and how its weights are stored, by their names.
    private func contents() throws -> (Blueprint, [String: Encoding]) {
        switch try source {
        case .weightsFile(let path):
            let model = try Model(path: path)
            return (model.blueprint, model.file.encodings)
        case .gguf(let path):
            let checkpoint = try Checkpoint(path)
            let blueprint = try checkpoint.blueprint()
            return (blueprint, try encodings(of: blueprint, try checkpoint.encodings(of: blueprint), path))
        case .folder(let path, _):
            let checkpoint = try Checkpoint(path)
            let blueprint = try checkpoint.blueprint()
            let stored: [String: Encoding]
            do throws(WeightsError) {
                stored = try checkpoint.encodings(of: blueprint)
            } catch {
                Output.line("planned by what config.json says alone: \(error)")
                stored = [:]
            }
            return (blueprint, try encodings(of: blueprint, stored, path))
        case .configuration(let path):
            let text = String(decoding: try TextFile.bytes(path), as: UTF8.self)
            let blueprint = try blueprint(text, path)
            return (blueprint, try encodings(of: blueprint, [:], path))
        }
    }

    private func blueprint(_ configuration: String, _ path: String) throws -> Blueprint {
        do throws(BlueprintError) {
            return try Blueprint(configuration: configuration)
        } catch {
            throw InputError("\(path): \(error.reason)")
        }
    }

    /// What an import would make of the encodings that tensors have, or where none is known a configuration states.
    private func encodings(
        of blueprint: Blueprint, _ stored: [String: Encoding], _ path: String
    ) throws -> [String: Encoding] {
        let chosen = try choices.choices.resolved(for: blueprint)
        var encodings: [String: Encoding] = [:]
        for weight in blueprint.weights {
            let source = stored[weight.name] ?? blueprint.statedEncoding(of: weight) ?? .bf16
            encodings[weight.name] = try chosen.encoding(of: source, weight, at: "\(path): '\(weight.name)'")
        }
        return encodings
    }

    func validate() throws {
        try checkThatModelIsNamedOnce()
        if let ranks, !(1...4096).contains(ranks) {
            throw ValidationError("--ranks: expected 1 to 4096, found \(ranks); correct the option")
        }
        if let ranks, let memory, memory.byteCounts.count != ranks {
            throw ValidationError("\(PartitionError.memoryCount(expected: ranks, found: memory.byteCounts.count))")
        }
        try checkEncodings()
        do { if let ranks { _ = try share.shares?.resolved(rankCount: ranks) } } catch {
            throw ValidationError("\(error)")
        }
    }

    /// Refuses encodings where the weights have theirs.
    private func checkEncodings() throws {
        guard let option = choices.given.first else { return }
        switch try source {
        case .weightsFile(let path):
            throw ValidationError(
                "\(option): expected with a config.json, found with the weights file \(path), which has its own; "
                    + "leave it out, or import the checkpoint with it")
        case .gguf(let path): throw misplaced(option, "the GGUF checkpoint \(path), which has its own")
        case .folder(let path, hasWeights: false): throw misplaced(option, "the folder \(path), which has none")
        case .folder, .configuration: break
        }
    }

    private func misplaced(_ option: String, _ found: String) -> ValidationError {
        ValidationError("\(option): expected with a config.json, found with \(found); leave it out")
    }
}
