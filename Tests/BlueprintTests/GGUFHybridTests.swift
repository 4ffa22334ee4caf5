import Blueprint
import Testing

/// GGUF files of models whose layers have states.
@Suite struct GGUFHybridTests {
    private typealias Members = [String: ConfigurationValue?]

    /// Two layers of Qwen 3.5, of which the second has an attention, with some keys and tensors replaced or removed.
    private func qwen(
        _ family: String = "qwen35", _ changes: Members = [:], shapes: [String: [Int]?] = [:]
    ) throws -> GGUFModel {
        var all: [String: [Int]?] = ["token_embd.weight": [100, 64], "output_norm.weight": [64]]
        let stateful: [String: [Int]] = [
            "attn_qkv.weight": [96, 64], "attn_gate.weight": [48, 64], "ssm_alpha.weight": [6, 64],
            "ssm_beta.weight": [6, 64], "ssm_conv1d.weight": [96, 4], "ssm_a": [6], "ssm_dt.bias": [6],
            "ssm_norm.weight": [8], "ssm_out.weight": [64, 48],
        ]
        let attention: [String: [Int]] = [
            "attn_q.weight": [128, 64], "attn_k.weight": [32, 64], "attn_v.weight": [32, 64],
            "attn_output.weight": [64, 64], "attn_q_norm.weight": [16], "attn_k_norm.weight": [16],
        ]
        for (layer, own) in [stateful, attention].enumerated() {
            for (name, shape) in own { all["blk.\(layer).\(name)"] = shape }
            for name in ["attn_norm", "post_attention_norm"] { all["blk.\(layer).\(name).weight"] = [64] }
            for name in ["gate", "up"] { all["blk.\(layer).ffn_\(name).weight"] = [96, 64] }
            all["blk.\(layer).ffn_down.weight"] = [64, 96]
        }
        let members: Members = [
            "context_length": .integer(4096), "embedding_length": .integer(64), "block_count": .integer(2),
            "feed_forward_length": .integer(96), "attention.head_count": .integer(4),
            "attention.head_count_kv": .integer(2), "attention.key_length": .integer(16),
            "attention.value_length": .integer(16), "attention.layer_norm_rms_epsilon": .real(1e-6),
            "rope.freq_base": .real(1e7), "rope.dimension_count": .integer(4),
            "rope.dimension_sections": .array([.integer(1), .integer(1), .integer(0), .integer(0)]),
            "ssm.conv_kernel": .integer(4), "ssm.state_size": .integer(8), "ssm.group_count": .integer(3),
            "ssm.time_step_rank": .integer(6), "ssm.inner_size": .integer(48), "full_attention_interval": .integer(2),
        ]
        return try model(family, members.merging(changes) { $1 }, all.merging(shapes) { $1 })
    }

    /// Four layers of Nemotron H: a state space, an MLP or experts, an attention and a state space.
    private func nemotron(
        _ family: String = "nemotron_h", _ changes: Members = [:], shapes: [String: [Int]?] = [:]
    ) throws -> GGUFModel {
        var all: [String: [Int]?] = [
            "token_embd.weight": [100, 64], "output_norm.weight": [64], "output.weight": [100, 64],
        ]
        for layer in 0..<4 { all["blk.\(layer).attn_norm.weight"] = [64] }
        for layer in [0, 3] {
            let own: [String: [Int]] = [
                "ssm_in.weight": [116, 64], "ssm_conv1d.weight": [80, 4], "ssm_conv1d.bias": [80], "ssm_a": [4, 1],
                "ssm_d": [4, 1], "ssm_dt.bias": [4], "ssm_norm.weight": [2, 16], "ssm_out.weight": [64, 32],
            ]
            for (name, shape) in own { all["blk.\(layer).\(name)"] = shape }
        }
        all["blk.1.ffn_up.weight"] = [96, 64]
        all["blk.1.ffn_down.weight"] = [64, 96]
        for (name, rows) in ["q": 64, "k": 32, "v": 32] { all["blk.2.attn_\(name).weight"] = [rows, 64] }
        all["blk.2.attn_output.weight"] = [64, 64]
        let members: Members = [
            "context_length": .integer(1 << 20), "embedding_length": .integer(64), "block_count": .integer(4),
            "feed_forward_length": Self.numbers(0, 96, 0, 0), "attention.head_count": .integer(4),
            "attention.head_count_kv": Self.numbers(0, 0, 2, 0), "attention.key_length": .integer(16),
            "attention.value_length": .integer(16), "attention.layer_norm_rms_epsilon": .real(1e-5),
            "attention.layer_norm_epsilon": .real(1e-5), "vocab_size": .integer(100), "rope.freq_base": .real(10_000),
            "rope.dimension_count": .integer(12), "rope.scaling.finetuned": .boolean(false),
            "ssm.conv_kernel": .integer(4), "ssm.state_size": .integer(12), "ssm.group_count": .integer(2),
            "ssm.time_step_rank": .integer(4), "ssm.inner_size": .integer(32),
        ]
        return try model(family, members.merging(changes) { $1 }, all.merging(shapes) { $1 })
    }

    private static func numbers(_ numbers: Int...) -> ConfigurationValue {
        .array(numbers.map(ConfigurationValue.integer))
    }

    private func model(_ family: String, _ members: Members, _ shapes: [String: [Int]?]) throws -> GGUFModel {
        var metadata: [String: ConfigurationValue] = ["general.architecture": .string(family)]
        for (key, value) in members { metadata["\(family).\(key)"] = value }
        return try GGUFModel(metadata: metadata, shapes: shapes.compactMapValues { $0 })
    }

    private func blueprint(_ model: GGUFModel) throws -> Blueprint { try Blueprint(configuration: model.configuration) }

    private func reason(_ make: () throws -> GGUFModel) throws -> String {
        try #require(#expect(throws: BlueprintError.self) { _ = try blueprint(make()) }).reason
    }

    /// The mixer of each branch in few words.
    private func kinds(_ model: GGUFModel) throws -> [String] {
        try blueprint(model).layers.flatMap(\.branches).map { branch in
            switch branch.mixer {
            case .attention: "attention"
            case .mlp: "mlp"
            case .experts: "experts"
            case .deltaNet: "delta net"
            case .stateSpace: "state space"
            }
        }
    }

    /// Expects the file to have everything that the blueprint asks for, in the blueprint's shapes, and nothing else.
    private func expectComplete(_ model: GGUFModel) throws {
        var used: Set<String> = []
        for weight in try blueprint(model).weights {
            let name = try #require(weight.sourceNames.first { model.sources[$0] != nil }, "\(weight.name)")
            used.insert(name)
            let shape = weight.sources.first { $0.name == name }?.shape ?? weight.shape
            #expect(model.sources[name]?.shape == shape, "\(weight.name)")
        }
        #expect(used == Set(model.sources.keys))
    }

    @Test func deltaNetsAndAttentionsTakeTurns() throws {
        let model = try qwen()
        #expect(try kinds(model) == ["delta net", "mlp", "attention", "mlp"])
        try expectComplete(model)
        let blueprint = try blueprint(model)
        #expect(blueprint.isTied && blueprint.attentions[0].outputGate != nil)
        #expect(blueprint.attentions[0].rotary == Rotary(size: 4, theta: 1e7))
        #expect(blueprint.finalNorm.addend == 1)
        guard case .deltaNet(let net) = blueprint.layers[0].branches[0].mixer else { return }
        let recurrence = net.recurrence
        #expect(recurrence.axis.count == 6 && recurrence.coveredAxis.count == 3 && recurrence.kernelSize == 4)
        #expect(recurrence.headSize == 8 && recurrence.stateSize == 8)
        let all = try self.blueprint(qwen("qwen35", ["rope.dimension_count": nil]))
        #expect(all.attentions[0].rotary.size == 16)
    }

    @Test func aFileMaySayOfEveryLayerWhetherItHasStates() throws {
        let flags = [false, true, true].map(ConfigurationValue.boolean)
        let model = try qwen("qwen35", ["attention.recurrent_layers": .array(flags)])
        let types = ConfigurationValue.array([.string("full_attention"), .string("linear_attention")])
        #expect(model.configuration.contains("\"layer_types\": \(types)"))
        let reason = try reason { try qwen("qwen35", ["attention.recurrent_layers": .array([.boolean(true)])]) }
        #expect(reason.contains("'qwen35.attention.recurrent_layers' to have 2 elements"), "\(reason)")
    }

    @Test func valueHeadsOfOneKeyHeadAreNoNeighbours() throws {
        let sources = try qwen().sources
        func order(_ part: String) -> GGUFModel.RowOrder? { sources["model.layers.0.linear_attn.\(part)"]?.order }
        var heads = GGUFHeadOrder(groupCount: 3, groupSize: 2, headSize: 8)
        #expect(order("in_proj_z.weight") == .dealt(heads))
        #expect(sources["model.layers.0.linear_attn.out_proj.weight"]?.columnOrder == heads)
        heads.start = 48
        #expect(order("in_proj_qkv.weight") == .dealt(heads) && order("conv1d.weight") == .dealt(heads))
        let single = GGUFHeadOrder(groupCount: 3, groupSize: 2, headSize: 1)
        for part in ["in_proj_a.weight", "in_proj_b.weight", "A_log", "dt_bias"] {
            #expect(order(part) == .dealt(single), "\(part)")
        }
        #expect(sources["model.layers.0.linear_attn.A_log"]?.change == .logarithmOfNegative)
        #expect(sources["model.layers.0.linear_attn.norm.weight"]?.change == GGUFModel.ElementChange.none)
        for name in ["layers.0.input_layernorm", "layers.1.self_attn.k_norm", "norm"] {
            #expect(sources["model.\(name).weight"]?.change == .lessOne)
        }
        #expect(sources.values.filter { $0.columnOrder != nil }.count == 1)
        #expect(sources.values.filter { $0.order != .same }.count == 7)
        let even = try qwen("qwen35", ["ssm.group_count": .integer(6)], shapes: [:]).sources
        #expect(even.values.allSatisfy { $0.columnOrder == nil && $0.order == .same })
    }

    @Test func anOrderOfHeadsHasEveryPlaceOnce() {
        for (start, groups, size, head) in [(0, 3, 2, 4), (5, 2, 3, 1), (4, 1, 4, 2), (7, 4, 1, 3)] {
            var order = GGUFHeadOrder(groupCount: groups, groupSize: size, headSize: head)
            order.start = start
            let places = (0..<order.count).map(order.place)
            #expect(places.sorted() == Array(0..<order.count))
            #expect(Array(places.prefix(start)) == Array(0..<start))
            for index in 0..<order.count {
                let length = order.runLength(from: index)
                #expect(length > 0 && index + length <= order.count)
                #expect(places[index..<index + length].elementsEqual(places[index]..<places[index] + length))
            }
            // In the file the first head of each group comes first.
            for group in 0..<groups { #expect(places[start + group * size * head] == start + group * head) }
            let elements = order.ofElements(3)
            #expect(elements.count == 3 * order.count)
            #expect((0..<elements.count).allSatisfy { elements.place(of: $0) == 3 * places[$0 / 3] + $0 % 3 })
        }
    }

    @Test func layersThatPredictFurtherTokensAreLeftOut() throws {
        let further: [String: [Int]?] = ["blk.2.attn_norm.weight": [64], "blk.2.nextn.eh_proj.weight": [64, 128]]
        let changes: Members = ["block_count": .integer(3), "nextn_predict_layers": .integer(1)]
        let model = try qwen("qwen35", changes, shapes: further)
        #expect(try model.configuration == qwen().configuration)
        let added = Set(model.sources.keys).subtracting(try qwen().sources.keys)
        #expect(added == ["mtp.2.attn_norm.weight", "mtp.2.nextn.eh_proj.weight"])
        #expect(try added.allSatisfy(blueprint(model).ignores))
        let reason = try reason { try qwen("qwen35", ["nextn_predict_layers": .integer(2)]) }
        #expect(reason.contains("'qwen35.nextn_predict_layers' to be less than 'block_count', 2"), "\(reason)")
    }

    /// The tensors of experts of both layers, and none of MLPs.
    private var mixtureShapes: [String: [Int]?] {
        var shapes: [String: [Int]?] = [:]
        for prefix in ["blk.0.ffn_", "blk.1.ffn_"] {
            for name in ["gate", "up", "down"] { shapes["\(prefix)\(name).weight"] = .some(nil) }
            for (kind, count) in [("exps", [5]), ("shexp", [])] {
                for name in ["gate", "up"] { shapes["\(prefix)\(name)_\(kind).weight"] = count + [32, 64] }
                shapes["\(prefix)down_\(kind).weight"] = count + [64, 32]
            }
            shapes["\(prefix)gate_inp.weight"] = [5, 64]
            shapes["\(prefix)gate_inp_shexp.weight"] = [64]
        }
        return shapes
    }

    private let mixtureKeys: Members = [
        "expert_count": .integer(5), "expert_used_count": .integer(2), "expert_feed_forward_length": .integer(32),
        "expert_shared_feed_forward_length": .integer(32),
    ]

    @Test(arguments: [nil, ConfigurationValue.integer(96)])
    func mixturesMayLeaveTheWidthOfMLPsOut(width: ConfigurationValue?) throws {
        let keys = mixtureKeys.merging(["feed_forward_length": width]) { $1 }
        let model = try qwen("qwen35moe", keys, shapes: mixtureShapes)
        #expect(try kinds(model) == ["delta net", "experts", "attention", "experts"])
        try expectComplete(model)
        let width = try reason { try qwen("qwen35", ["feed_forward_length": nil]) }
        #expect(width.contains("'qwen35.feed_forward_length'"), "\(width)")
    }

    @Test func projectionsMayBeInOneTensorOrInTwo() throws {
        var shapes = mixtureShapes
        for name in ["ssm_alpha", "ssm_beta"] { shapes["blk.0.\(name).weight"] = .some(nil) }
        shapes["blk.0.ssm_ba.weight"] = [12, 64]
        let newer = try qwen("qwen3next", mixtureKeys, shapes: shapes)
        #expect(try kinds(newer) == ["delta net", "experts", "attention", "experts"])
        #expect(newer.sources.values.allSatisfy { $0.order == .same && $0.columnOrder == nil })
        try expectComplete(newer)
        for name in ["attn_qkv", "attn_gate"] { shapes["blk.0.\(name).weight"] = .some(nil) }
        shapes["blk.0.ssm_in.weight"] = [144, 64]
        let older = try qwen("qwen3next", mixtureKeys, shapes: shapes)
        #expect(older.sources["model.layers.0.linear_attn.in_proj_qkvz.weight"]?.name == "blk.0.ssm_in.weight")
        try expectComplete(older)
        #expect(try blueprint(older) == blueprint(newer))
    }

    @Test func deltaNetsThatDoNotFitAreRefused() throws {
        let heads = try reason { try qwen("qwen35", ["ssm.time_step_rank": .integer(4)]) }
        #expect(heads.contains("found 48, 4 and 3"), "\(heads)")
        let channels = try reason { try qwen("qwen35", ["ssm.inner_size": .integer(49)]) }
        #expect(channels.contains("'ssm.inner_size' to be a multiple of 'ssm.time_step_rank'"), "\(channels)")
        #expect(try reason { try qwen("qwen35", ["ssm.state_size": nil]) }.contains("'qwen35.ssm.state_size'"))
        let rows = try reason { try qwen("qwen35", [:], shapes: ["blk.0.attn_gate.weight": [40, 64]]) }
        #expect(rows.contains("'blk.0.attn_gate.weight' to have 48 rows or columns for 6 heads of 8"), "\(rows)")
        let columns = try reason { try qwen("qwen35", [:], shapes: ["blk.0.ssm_out.weight": [64, 40]]) }
        #expect(columns.contains("'blk.0.ssm_out.weight' to have 48"), "\(columns)")
    }

    @Test func numbersOfLayersSayWhatTheyAre() throws {
        let model = try nemotron()
        #expect(try kinds(model) == ["state space", "mlp", "attention", "state space"])
        try expectComplete(model)
        let blueprint = try blueprint(model)
        #expect(blueprint.maximumContext == 1 << 20 && blueprint.attentions[0].keyValueHeads == 2)
        #expect(model.sources["backbone.layers.3.mixer.norm.weight"]?.shape == [32])
        #expect(model.sources["backbone.layers.3.mixer.D"]?.shape == [4])
        let further: Members = [
            "block_count": .integer(5), "nextn_predict_layers": .integer(1),
            "attention.head_count_kv": Self.numbers(0, 0, 2, 0, 2),
            "feed_forward_length": Self.numbers(0, 96, 0, 0, 96),
        ]
        let tensors: [String: [Int]?] = ["blk.4.attn_norm.weight": [64], "blk.4.nextn.eh_proj.weight": [64, 128]]
        let longer = try nemotron("nemotron_h", further, shapes: tensors)
        #expect(longer.configuration == model.configuration)
        #expect(longer.sources.keys.filter { !model.sources.keys.contains($0) }.allSatisfy(blueprint.ignores))
    }

    @Test func expertsWithSigmoidsHaveNoGate() throws {
        let shapes: [String: [Int]?] = [
            "blk.1.ffn_up.weight": nil, "blk.1.ffn_down.weight": nil, "blk.1.ffn_gate_inp.weight": [5, 64],
            "blk.1.exp_probs_b.bias": [5], "blk.1.ffn_up_exps.weight": [5, 32, 64],
            "blk.1.ffn_down_exps.weight": [5, 64, 32], "blk.1.ffn_up_shexp.weight": [40, 64],
            "blk.1.ffn_down_shexp.weight": [64, 40],
        ]
        let keys: Members = [
            "expert_count": .integer(5), "expert_used_count": .integer(2), "expert_feed_forward_length": .integer(32),
            "expert_shared_feed_forward_length": .integer(40), "expert_shared_count": .integer(1),
            "expert_weights_norm": .boolean(true), "expert_weights_scale": .real(2.5),
            "expert_group_count": .integer(1), "expert_group_used_count": .integer(1),
            "feed_forward_length": Self.numbers(0, 32, 0, 0),
        ]
        let model = try nemotron("nemotron_h_moe", keys, shapes: shapes)
        #expect(try kinds(model) == ["state space", "experts", "attention", "state space"])
        try expectComplete(model)
        guard case .experts(let experts) = try blueprint(model).layers[1].branches[0].mixer else { return }
        #expect(experts.gate == nil && experts.axis.count == 32 && experts.shared?.axis.count == 40)
        let router = experts.router
        #expect(router.scoring == .sigmoid && router.isNormalized && router.factor == 2.5 && router.chosenCount == 2)
        let gating = try reason {
            try nemotron("nemotron_h_moe", keys.merging(["expert_gating_func": .integer(1)]) { $1 }, shapes: shapes)
        }
        #expect(gating.contains("'nemotron_h_moe.expert_gating_func' to be 2, found 1"), "\(gating)")
        let latent = try reason {
            try nemotron("nemotron_h_moe", keys.merging(["moe_latent_size": .integer(16)]) { $1 }, shapes: shapes)
        }
        #expect(latent.contains("'nemotron_h_moe.moe_latent_size'"), "\(latent)")
    }

    @Test func layersThatDifferOtherwiseAreRefused() throws {
        func reason(_ key: String, _ value: ConfigurationValue) throws -> String {
            try self.reason { try nemotron("nemotron_h", [key: value]) }
        }
        let widths = try reason("feed_forward_length", Self.numbers(80, 96, 0, 0))
        #expect(widths.contains("'nemotron_h.feed_forward_length' to be one number, and 0 for layers"), "\(widths)")
        let both = try reason("feed_forward_length", Self.numbers(0, 96, 96, 0))
        #expect(both.contains("found layer 2 with both"), "\(both)")
        let short = try reason("attention.head_count_kv", Self.numbers(0, 0, 2))
        #expect(short.contains("'nemotron_h.attention.head_count_kv' to be numbers from 0 to"), "\(short)")
        let negative = try reason("attention.head_count_kv", Self.numbers(0, 0, -2, 0))
        #expect(negative.contains("'nemotron_h.attention.head_count_kv'"), "\(negative)")
        let channels = try reason("ssm.inner_size", .integer(33))
        #expect(channels.contains("'ssm.inner_size' to be a multiple of 'ssm.time_step_rank', 4"), "\(channels)")
    }
}
