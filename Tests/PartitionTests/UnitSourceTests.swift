import Blueprint
import Foundation
import Partition
import Testing

/// Index ranges of each unit, written down independently, against what ranks read of checkpoints whose tensors are not
/// the program's weights: several weights in one, rows in groups, a tensor for each expert or one of all.
@Suite struct UnitSourceTests {
    static let folders = [
        "deepseek_v3-a-h72-i82-q7kv7-e10-bf16", "deepseek_v3-b-h96-i410-q12kv12-e8-bf16",
        "glm4_moe-a-h72-i82-q12kv2-e5-bf16", "glm4_moe-b-h96-i410-q6kv3-e10-bf16", "gpt_oss-a-h72-i82-q6kv3-e5-bf16",
        "mixtral-a-h72-i82-q6kv3-e5-bf16", "nemotron_h-a-h72-i82-q6kv3-bf16",
        "nemotron_h-b-h96-i410-q12kv2-e10-bf16", "olmo2-a-h72-i82-q6kv3-bf16", "phi3-a-h72-i82-q6kv3-bf16",
        "phi3-b-h96-i410-q6kv2-bf16", "qwen2_moe-a-h72-i82-q6kv3-e5-bf16", "qwen3_5-a-h72-i82-q6kv3-bf16",
        "qwen3_5-b-h96-i410-q12kv2-bf16", "qwen3_5_moe-a-h72-i41-q6kv3-e5-bf16",
        "qwen3_5_moe-b-h96-i50-q12kv2-e10-bf16", "qwen3_moe-a-h72-i82-q7kv1-e5-bf16",
        "qwen3_moe-b-h96-i410-q12kv2-e10-f32", "qwen3_next-a-h72-i82-q6kv3-e5-bf16",
        "qwen3_next-b-h96-i410-q12kv2-e10-bf16",
    ]

    /// What the reference says of all tensors.
    struct Table: Decodable {
        var tensors: [String: Tensor]
    }

    /// What the reference says of a tensor.
    struct Tensor: Decodable {
        var indices: UnitReferenceTests.Units.Tensor
        /// What its units are; nil where it has none.
        var axis: String?
        var unitCount: Int

        private enum CodingKeys: String, CodingKey {
            case axis
            case unitCount = "unit_count"
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            indices = try UnitReferenceTests.Units.Tensor(from: decoder)
            axis = try container.decodeIfPresent(String.self, forKey: .axis)
            unitCount = try container.decodeIfPresent(Int.self, forKey: .unitCount) ?? indices.units?.count ?? 0
        }
    }

    /// Where a checkpoint has a weight.
    struct Origin {
        let weight: Weight
        let source: Weight.Source
        /// The tensors' names: one, or one of each member.
        let names: [String]
        /// The dimensions that count rows, the last two of the tensor exchanged where the source says so.
        let counting: [Int]
        /// Rows from one member to the next in a tensor of all.
        let stride: Int
        /// The rows of a member that the weight has, in its order; where runs are transposed those are its columns.
        let rows: [Int]

        /// The first source whose tensors the table names; nil where there is none.
        init?(_ weight: Weight, _ tensors: [String: Tensor]) {
            func names(_ source: Weight.Source) -> [String] {
                guard source.hasTensorPerMember else { return [source.name] }
                return (0..<weight.memberCount).map(source.name(ofMember:))
            }
            let all = weight.sources.isEmpty ? [Weight.Source(weight.name, weight.storedShape)] : weight.sources
            let known = all.first { source in names(source).allSatisfy { tensors[$0] != nil } }
            guard let source = known else { return nil }
            var dimensions = source.shape
            if source.isTransposed { dimensions.swapAt(dimensions.count - 2, dimensions.count - 1) }
            if !weight.isVector { dimensions.removeLast() }
            let count = dimensions.reduce(1, *)
            let stride = source.hasTensorPerMember ? count : count / weight.memberCount
            let groupStride = stride / source.groupCount
            var rows: [Int] = []
            for group in 0..<source.groupCount {
                for run in source.runs.isEmpty ? [Weight.Source.Run(0, groupStride)] : source.runs {
                    for number in 0..<run.count { rows.append(group * groupStride + run.first + number * run.step) }
                }
            }
            self.weight = weight
            self.source = source
            self.names = names(source)
            self.counting = dimensions
            self.stride = stride
            self.rows = rows
        }

        /// Whether the source gives each row of a member.
        var isComplete: Bool { rows.count == (source.transposesRuns ? weight.columns : weight.rows) }

        /// The indices, along each dimension of the tensor as it is stored, that a slice of the weight has of it; nil
        /// where it has nothing of it.
        func block(_ slice: Slice, of name: String) -> [Set<Int>]? {
            var members = slice.members.map { $0 * stride }
            if source.hasTensorPerMember {
                members = slice.members.contains { names[$0] == name } ? [0] : []
            }
            let (taken, across) =
                source.transposesRuns ? (slice.columns, slice.rows) : (slice.rows, slice.columns)
            guard !members.isEmpty, !taken.isEmpty, !across.isEmpty else { return nil }
            var block = Array(repeating: Set<Int>(), count: counting.count)
            for member in members {
                for row in taken {
                    var rest = member + rows[row]
                    for dimension in counting.indices.reversed() {
                        block[dimension].insert(rest % counting[dimension])
                        rest /= counting[dimension]
                    }
                }
            }
            // Each combination of the indices is there, and each once.
            #expect(block.reduce(1) { $0 * $1.count } == members.count * taken.count, "\(weight.name) in \(name)")
            if !weight.isVector { block.append(Set(across)) }
            if source.isTransposed { block.swapAt(block.count - 2, block.count - 1) }
            return block
        }
    }

    /// A mixer, and the weights that are in each tensor of it.
    struct Part {
        let mixer: Mixer
        let origins: [String: [Origin]]

        init(_ mixer: Mixer, _ tensors: [String: Tensor]) throws {
            var origins: [String: [Origin]] = [:]
            for weight in mixer.weights {
                let origin = try #require(Origin(weight, tensors), "the table has no tensors of \(weight.name)")
                try #require(origin.isComplete, "\(weight.name)")
                for name in origin.names { origins[name, default: []].append(origin) }
            }
            self.mixer = mixer
            self.origins = origins
        }

        /// The axis whose units the table means; nil where the mixer has none of that name.
        func axis(_ name: String) -> Axis? {
            switch (mixer, name) {
            case (.attention(let attention), "q_head"): attention.queryAxis
            case (.mlp(let mlp), "ffn"): mlp.axis
            case (.experts(let experts), "moe_ffn"): experts.axis
            case (.experts(let experts), "shared_ffn"): experts.shared?.axis
            case (.deltaNet(let net), "v_head"): net.recurrence.axis
            case (.stateSpace(let space), "ssm_group"): space.recurrence.coveredAxis
            default: nil
            }
        }

        /// Whether ranks have whole units of the table: groups of heads with states may be cut inside.
        func hasWholeUnits(_ plan: Plan) -> Bool {
            if case .stateSpace(let space) = mixer { !plan.exchangesSquares(space) } else { true }
        }
    }

    /// What a rank needs of a tensor.
    struct Need {
        var dimension: Int
        /// Along that dimension.
        var indices: Set<Int>
        /// Along the first dimension of a tensor of all experts; nil for all of any other.
        var experts: Range<Int>?
    }

    @Test(arguments: UnitSourceTests.folders)
    func ranksReadTheUnionsOfTheReferencesUnits(folder: String) throws {
        let tensors = try JSONDecoder().decode(Table.self, from: Resource.data("\(folder)/tp_units.json")).tensors
        let blueprint = try Resource.blueprint(folder)
        let parts = try blueprint.layers.flatMap(\.branches).map { try Part($0.mixer, tensors) }
        var covered: Set<String> = []
        for plan in try Self.plans(of: blueprint) {
            for part in parts { covered.formUnion(try Self.check(plan, part, tensors)) }
        }
        #expect(tensors.contains { $0.value.axis != nil && covered.contains($0.key) })
        covered.formUnion(try Self.checkOutsideMixers(blueprint, tensors))
        for (name, tensor) in tensors {
            let isIgnored = tensor.indices.role == "ignore"
            #expect(covered.contains(name) != isIgnored, "\(name)")
            #expect(blueprint.ignores(name) == isIgnored, "\(name)")
        }
    }

    /// Checks every tensor of a mixer, and returns the names of those of which each rank has whole units.
    private static func check(_ plan: Plan, _ part: Part, _ tensors: [String: Tensor]) throws -> Set<String> {
        if case .experts(let experts) = part.mixer { #expect(plan.cut(of: experts) == plan.policy.experts) }
        var covered: Set<String> = []
        for (name, origins) in part.origins {
            let tensor = try #require(tensors[name])
            let shape = origins[0].source.shape
            #expect(origins.allSatisfy { $0.source.shape == shape }, "\(name)")
            let isExact = tensor.axis == nil || part.hasWholeUnits(plan)
            for rank in 0..<plan.rankCount {
                let slices = origins.map { plan.slices(of: $0.weight, rank: rank) }
                #expect(slices.allSatisfy { $0.count == slices[0].count })
                for number in slices[0].indices {
                    let need = try need(of: name, tensor, plan, part, rank, run: number)
                    let place = "\(name), rank \(rank) of \(plan.policy.shares)"
                    let blocks = zip(origins, slices).compactMap { $0.block($1[number], of: name) }
                    try check(blocks, need, shape, isExact: isExact, place)
                }
            }
            if isExact { covered.insert(name) }
        }
        return covered
    }

    /// Checks what a rank has of a tensor: of experts, of those that are cut alike.
    private static func check(
        _ blocks: [[Set<Int>]], _ need: Need, _ shape: [Int], isExact: Bool, _ place: String
    ) throws {
        try #require(blocks.allSatisfy { $0.count == shape.count && need.dimension < shape.count }, "\(place)")
        let found = blocks.reduce(into: Set<Int>()) { $0.formUnion($1[need.dimension]) }
        #expect(isExact ? found == need.indices : found.isSubset(of: need.indices), "\(place)")
        for dimension in shape.indices where dimension != need.dimension {
            let all = dimension == 0 ? need.experts ?? 0..<shape[0] : 0..<shape[dimension]
            #expect(blocks.allSatisfy { $0[dimension] == Set(all) }, "\(place), dimension \(dimension)")
        }
    }

    private static func need(
        of name: String, _ tensor: Tensor, _ plan: Plan, _ part: Part, _ rank: Int, run: Int
    ) throws -> Need {
        guard ["in", "out"].contains(tensor.indices.role) else {
            #expect(["rep", "once"].contains(tensor.indices.role), "\(name)")
            return try needOfAll(name, plan, part, rank)
        }
        let axis = try #require(part.axis(tensor.axis ?? ""), "\(name)")
        try #require(axis.count == tensor.unitCount, "\(name)")
        let dimension = try #require(tensor.indices.dim, "\(name)")
        guard case .experts(let experts) = part.mixer, axis == experts.axis else {
            return Need(dimension: dimension, indices: tensor.indices.indices(plan.split(of: axis)[rank]))
        }
        let run = plan.runs(of: experts, rank: rank)[run]
        let (members, units) = (run.members, tensor.indices.indices(run.channels))
        if let number = expert(of: name) {
            return Need(dimension: dimension, indices: members.contains(number) ? units : [])
        }
        return Need(dimension: dimension, indices: members.isEmpty ? [] : units, experts: members)
    }

    /// All of a tensor. The latents that all heads read are nothing to a rank without heads: those may be left out.
    private static func needOfAll(_ name: String, _ plan: Plan, _ part: Part, _ rank: Int) throws -> Need {
        let origins = try #require(part.origins[name])
        let isReplicated = origins.allSatisfy { $0.weight.isReplicated }
        if !isReplicated {
            guard case .attention(let attention) = part.mixer, attention.latent != nil else {
                Issue.record("\(name) is not replicated")
                return Need(dimension: 0, indices: Set(0..<origins[0].source.shape[0]))
            }
        }
        let isNeeded = isReplicated || !plan.split(of: part.mixer.axes[0])[rank].isEmpty
        return Need(dimension: 0, indices: isNeeded ? Set(0..<origins[0].source.shape[0]) : [])
    }

    /// The number of the expert whose tensor has that name; nil for a tensor of all.
    private static func expert(of name: String) -> Int? {
        let words = name.split(separator: ".")
        guard let place = words.firstIndex(of: "experts"), place + 1 < words.count else { return nil }
        return Int(words[place + 1])
    }

    /// Checks the norms of the stream, the embedding and the head, and returns their names.
    private static func checkOutsideMixers(
        _ blueprint: Blueprint, _ tensors: [String: Tensor]
    ) throws -> Set<String> {
        let branches = blueprint.layers.flatMap(\.branches)
        let norms = branches.flatMap { [$0.norm, $0.postNorm] }.compactMap { $0 } + [blueprint.finalNorm]
        let (replicated, vocabulary) = (norms.flatMap(\.weights), [blueprint.embedding, blueprint.head])
        for weight in replicated {
            #expect(tensors[weight.name]?.indices.role == "rep", "\(weight.name)")
            #expect(weight.isReplicated, "\(weight.name)")
        }
        for weight in vocabulary {
            #expect(tensors[weight.name]?.indices.role == "vocab", "\(weight.name)")
            #expect(weight.distribution == .rows(blueprint.vocabularyAxis, perUnit: 1), "\(weight.name)")
        }
        return Set((replicated + vocabulary).map(\.name))
    }

    /// Plans for several ranks, with every cut of experts; where there are state spaces also plans that cut them
    /// between groups, whatever is faster.
    private static func plans(of blueprint: Blueprint) throws -> [Plan] {
        let mixers = blueprint.layers.flatMap(\.branches).map(\.mixer)
        var hasExperts = false
        var spaces: [Recurrence] = []
        for mixer in mixers {
            switch mixer {
            case .experts: hasExperts = true
            case .stateSpace(let space): spaces.append(space.recurrence)
            case .attention, .mlp, .deltaNet: break
            }
        }
        let cuts: [ExpertCut?] = hasExperts ? ExpertCut.allCases : [nil]
        var policies: [Policy] = []
        for shares in Resource.shares where (2...7).contains(shares.count) {
            for cut in cuts {
                let context = min(64, blueprint.maximumContext)
                var policy = Policy(shares: shares, context: context, chunk: 32, experts: cut)
                policies.append(policy)
                guard !spaces.isEmpty else { continue }
                for space in spaces {
                    let groups = counts(space.coveredAxis.count, shares)
                    policy.counts[space.axis] = groups.map { $0 * space.groupSize }
                }
                policies.append(policy)
            }
        }
        return try policies.map { policy in try Plan(blueprint, policy: policy) { $0.isVector ? .f32 : .bf16 } }
    }

    /// Units of each rank, by shares.
    private static func counts(_ unitCount: Int, _ shares: [Double]) -> [Int] {
        let all = shares.reduce(0, +)
        var (counts, sum, dealt): ([Int], Double, Int) = ([], 0, 0)
        for share in shares {
            sum += share
            let border = Int((Double(unitCount) * sum / all).rounded())
            counts.append(border - dealt)
            dealt = border
        }
        return counts
    }
}
