import Blueprint
import Foundation
import Partition
import Testing

/// Plans of published mixtures of experts and hybrids, held against a computation that shares no code with the program:
/// `Resources/field/make_mixture_plans.py`.
@Suite struct MixturePlanTests {
    /// A model on a cluster.
    struct Row: Decodable, Sendable {
        /// What depends on the encoding; nil where the model has none of it.
        struct Part: Decodable, Sendable {
            /// Query heads of the first attention of each window, in order of the layers.
            var queries: [[Int]]
            /// The key-value heads that they read, first and end.
            var keyValues: [[[Int]]]
            /// Heads with states of the first recurrent mixer.
            var states: [Int]?
            /// The heads that they read, first and end.
            var covered: [[Int]]?
            /// Channels of the first mixture's experts, where each is cut inside.
            var channels: [Int]?
            /// Channels of its shared expert.
            var shared: [Int]?
            /// Channels of the first MLP that is no part of a mixture.
            var mlp: [Int]?
        }

        var model: String
        var shares: [Double]
        var vocabulary: [Int]
        /// Experts of the first mixture, where ranks hold whole ones.
        var experts: [Int]?
        var bf16: Part
        var q4g32: Part
        var q4g64: Part
        var q4g128: Part
    }

    static let models = [
        "Mixtral-8x7B", "Qwen3-30B-A3B", "Qwen3-235B-A22B", "GLM-4.5-Air", "gpt-oss-20b", "gpt-oss-120b",
        "DeepSeek-V3", "Qwen3-Next-80B-A3B", "Qwen3.5-122B-A10B", "Nemotron-H-8B",
    ]

    static func rows() throws -> [Row] {
        try JSONDecoder().decode([Row].self, from: Resource.data("field/mixture_plans.json"))
    }

    @Test func everyModelHasTheClustersOfTheTable() throws {
        let rows = try Self.rows()
        #expect(rows.count == 81 && Set(rows.map(\.model)) == Set(Self.models))
    }

    @Test(arguments: models)
    func everyClusterIsPlannedAsInTheTable(model: String) throws {
        let blueprint = try FieldPlanTests.blueprint(model)
        for row in try Self.rows() where row.model == model {
            try Self.check(blueprint, row, .bf16, row.bf16)
            for (size, part) in [(32, row.q4g32), (64, row.q4g64), (128, row.q4g128)] {
                try Self.check(blueprint, row, Resource.grouped(4, size), part)
            }
            try Self.checkWholeExperts(blueprint, row)
        }
    }

    private static func check(
        _ blueprint: Blueprint, _ row: Row, _ encoding: Encoding, _ part: Row.Part
    ) throws {
        let plan = try plan(blueprint, row, encoding, .inside)
        let name = "\(row.model), \(row.shares), \(encoding.name)"
        let mixers = Mixers(blueprint)
        #expect(mixers.attentions.map { plan.split(of: $0.queryAxis).counts } == part.queries, "\(name)")
        #expect(mixers.attentions.map { borders(plan, $0.keyValueAxis) } == part.keyValues, "\(name)")
        #expect(mixers.recurrence.map { plan.split(of: $0.axis).counts } == part.states, "\(name)")
        #expect(mixers.recurrence.map { borders(plan, $0.coveredAxis) } == part.covered, "\(name)")
        #expect(mixers.experts.map { plan.split(of: $0.axis).counts } == part.channels, "\(name)")
        #expect(mixers.experts?.shared.map { plan.split(of: $0.axis).counts } == part.shared, "\(name)")
        #expect(mixers.mlp.map { plan.split(of: $0.axis).counts } == part.mlp, "\(name)")
        #expect(plan.split(of: blueprint.vocabularyAxis).counts == row.vocabulary, "\(name)")
        if let experts = mixers.experts {
            let all = row.shares.map { _ in experts.memberAxis.count }
            #expect(plan.split(of: experts.memberAxis).counts == all, "\(name)")
        }
    }

    /// Whole experts: their number, all channels of each, and the shared one cut as ever.
    private static func checkWholeExperts(_ blueprint: Blueprint, _ row: Row) throws {
        guard let experts = Mixers(blueprint).experts else {
            #expect(row.experts == nil, "\(row.model)")
            return
        }
        let plan = try plan(blueprint, row, .bf16, .whole)
        let name = "\(row.model), \(row.shares), whole experts"
        #expect(plan.split(of: experts.memberAxis).counts == row.experts, "\(name)")
        #expect(plan.split(of: experts.axis).counts == row.shares.map { _ in experts.axis.count }, "\(name)")
        #expect(experts.shared.map { plan.split(of: $0.axis).counts } == row.bf16.shared, "\(name)")
    }

    private static func plan(
        _ blueprint: Blueprint, _ row: Row, _ encoding: Encoding, _ experts: ExpertCut
    ) throws -> Plan {
        let cut = blueprint.hasExperts ? experts : nil
        let policy = Policy(shares: row.shares, context: 8192, cache: .f16, experts: cut)
        return try Plan(blueprint, policy: policy) { $0.isVector ? .f32 : encoding }
    }

    private static func borders(_ plan: Plan, _ axis: Axis) -> [[Int]] {
        plan.split(of: axis).ranges.map { [$0.lowerBound, $0.upperBound] }
    }

    /// The first mixers of each kind in a model.
    private struct Mixers {
        /// One for each window.
        var attentions: [Attention]
        var recurrence: Recurrence?
        var experts: Experts?
        var mlp: MLP?

        init(_ blueprint: Blueprint) {
            var windows: Set<Int?> = []
            attentions = Resource.attentions(blueprint).filter { windows.insert($0.window).inserted }
            for mixer in blueprint.layers.flatMap(\.branches).map(\.mixer) {
                switch mixer {
                case .attention: break
                case .mlp(let found): mlp = mlp ?? found
                case .experts(let found): experts = experts ?? found
                case .deltaNet, .stateSpace: recurrence = recurrence ?? mixer.recurrence
                }
            }
        }
    }
}
