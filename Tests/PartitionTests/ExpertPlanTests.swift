import Blueprint
import Partition
import Testing

/// How experts are shared out, and what follows from it, by figures that are worked out by hand.
@Suite struct ExpertPlanTests {
    /// Two layers of experts, of which a token chooses some, beside four query heads over two key-value heads.
    static func model(experts: Int, width: Int, chosen: Int = 2) throws -> Blueprint {
        try Blueprint(
            configuration: """
                {"architectures": ["Qwen3MoeForCausalLM"], "hidden_size": 64, "num_hidden_layers": 2,
                 "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "intermediate_size": 64,
                 "moe_intermediate_size": \(width), "num_experts": \(experts), "num_experts_per_tok": \(chosen),
                 "vocab_size": 320, "hidden_act": "silu", "max_position_embeddings": 512, "rope_theta": 10000}
                """)
    }

    static func mixtures(_ blueprint: Blueprint) -> [Experts] {
        blueprint.layers.flatMap(\.branches).compactMap { branch in
            if case .experts(let experts) = branch.mixer { experts } else { nil }
        }
    }

    static func mixture(_ blueprint: Blueprint) throws -> Experts { try #require(mixtures(blueprint).first) }

    private static func plan(
        _ blueprint: Blueprint, _ shares: [Double], _ cut: ExpertCut? = nil, way: Way = .sum,
        encoding: Encoding = .bf16
    ) throws -> Plan {
        let policy = Policy(shares: shares, way: way, context: 128, chunk: 32, experts: cut)
        return try Plan(blueprint, policy: policy) { $0.isVector ? .f32 : encoding }
    }

    @Test func expertsAreCutInsideWhereTheirChannelsMeetTheShares() throws {
        let blueprint = try Self.model(experts: 8, width: 96)
        let experts = try Self.mixture(blueprint)
        let plan = try Self.plan(blueprint, [1, 1, 1])
        #expect(plan.cut(of: experts) == .inside)
        #expect(plan.split(of: experts.axis).counts == [32, 32, 32])
        #expect(plan.split(of: experts.memberAxis).ranges == [0..<8, 0..<8, 0..<8])
        // Gate, up and down of 8 experts and 32 channels, the widths of which fill whole cache lines.
        let slice = plan.slice(of: experts.up.weight, rank: 1)
        #expect(slice.members == 0..<8 && slice.rows == 32..<64 && slice.elementCount == 8 * 32 * 64)
        #expect(plan.slice(of: experts.down.weight, rank: 1).columns == 32..<64)
        #expect(plan.slice(of: experts.router.weight, rank: 1).elementCount == 8 * 64)
    }

    /// Four groups of 128 columns give three ranks 2, 1 and 1, the slowest a half; of eight experts three.
    @Test func expertsAreWholeWhereTheirGroupsAreTooFew() throws {
        let blueprint = try Self.model(experts: 8, width: 512)
        let experts = try Self.mixture(blueprint)
        let encoding = try Resource.grouped(4, 128)
        // Cuts inside groups meet the shares: no rank has to hold whole experts.
        #expect(try Self.plan(blueprint, [1, 1, 1], encoding: encoding).cut(of: experts) == .inside)
        // Groups with offsets whose columns are padded are not cut.
        let offsets = try #require(Grouping(bits: 4, size: 128, scale: .bf16, hasOffsets: true))
        for (shares, cut) in [(8, ExpertCut.whole), (4, .inside), (3, .mixed)] {
            let shares = Array(repeating: 1.0, count: shares)
            let padded = Policy(shares: shares, cutting: .padded, context: 128, chunk: 32)
            let automatic = try Plan(blueprint, policy: padded) { $0.isVector ? .f32 : .grouped(offsets) }
            #expect(automatic.cut(of: experts) == cut, "\(shares)")
        }
        let whole = try Self.plan(blueprint, [1, 1, 1], .whole, encoding: encoding)
        #expect(whole.cut(of: experts) == .whole)
        #expect(whole.split(of: experts.memberAxis).counts == [3, 3, 2])
        #expect(whole.split(of: experts.axis).ranges == [0..<512, 0..<512, 0..<512])
        #expect(whole.slice(of: experts.down.weight, rank: 2).members == 6..<8)
        #expect(whole.scalesHeldTwice(of: experts.down.weight).count == 0)
    }

    @Test func whatATokenReadsOfExpertsIsThePartThatItChooses() throws {
        let blueprint = try Self.model(experts: 8, width: 128)
        let bytesPerExpert = 3 * 128 * 64 * 2
        for cut in ExpertCut.allCases {
            let plan = try Self.plan(blueprint, [2, 1, 1], cut)
            let read = (0..<3).reduce(0) { $0 + plan.expertByteCount(rank: $1, tokens: 1) }
            #expect(read == 2 * 2 * bytesPerExpert, "\(cut)")
            #expect(plan.expertByteCount(forwards: [1, 1]) == 2 * read)
            // Of eight experts so many tokens leave next to none out.
            let many = (0..<3).reduce(0) { $0 + plan.expertByteCount(rank: $1, tokens: 64) }
            #expect(many > 2 * 8 * bytesPerExpert * 999 / 1000 && many <= 2 * 8 * bytesPerExpert)
        }
    }

    /// In way gather two choices of 96 channels are brought together, then the width.
    @Test func exactPlansExchangeWhatIsChosen() throws {
        let blueprint = try Self.model(experts: 8, width: 96)
        for cut in ExpertCut.allCases {
            let plan = try Self.plan(blueprint, [2, 1, 1], cut, way: .gather)
            let attention = 4 * (4 * 16 + 64)
            let mixture = 4 * (2 * 96 + 64)
            // The embedding of one token, the order, and the candidates of three ranks.
            let rest = 4 * 64 + Plan.orderByteCount + 3 * Plan.candidateByteCount
            #expect(plan.decodingTraffic.byteCount == 2 * (attention + mixture) + rest, "\(cut)")
        }
    }

    @Test func moreRanksThanExpertsLeaveSomeWithoutAny() throws {
        let blueprint = try Self.model(experts: 2, width: 96)
        let plan = try Self.plan(blueprint, [1, 1, 1], .whole)
        let experts = try Self.mixture(blueprint)
        #expect(plan.split(of: experts.memberAxis).counts == [1, 1, 0])
        #expect(plan.slice(of: experts.up.weight, rank: 2).isEmpty)
        #expect(plan.remarks.contains { $0.hasPrefix("experts: rank 2 of 3 holds none") })
    }

    @Test func aCutOfExpertsThatThereAreNotIsRefused() throws {
        let blueprint = try Resource.model(heads: 4, keyValueHeads: 2, headSize: 16, mlpWidth: 64)
        let error = #expect(throws: PartitionError.self) { _ = try Self.plan(blueprint, [1, 1], .whole) }
        #expect(error == .expertsOfNone(.whole))
    }
}
