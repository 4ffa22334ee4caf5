import Blueprint
import Partition
import Testing

@Suite struct FingerprintTests {
    static func fingerprint(
        _ folder: String = "alice", changing change: (inout Policy) -> Void = { _ in },
        encoding: (Weight) -> Encoding = { _ in .bf16 }
    ) throws -> String {
        var policy = Policy(shares: [5, 3, 2], context: 64, chunk: 32)
        change(&policy)
        return try Plan(Resource.blueprint(folder), policy: policy, encoding: encoding).fingerprint
    }

    @Test func plansThatDifferWhereRanksMustAgreeHaveDifferentFingerprints() throws {
        let fingerprints = [
            try Self.fingerprint(),
            try Self.fingerprint { $0.way = .gather },
            try Self.fingerprint { $0.cutting = .padded },
            try Self.fingerprint { $0.wire = .bf16 },
            try Self.fingerprint { $0.wire = .q8 },
            try Self.fingerprint { $0.context = 65 },
            try Self.fingerprint { $0.chunk = 31 },
            try Self.fingerprint { $0.cache = .f16 },
            try Self.fingerprint { $0.math = .fast },
            try Self.fingerprint { $0.shares = [5, 2, 3] },
            try Self.fingerprint { $0.shares = [5, 3, 2, 1] },
            try Self.fingerprint("llama-a-h84-i82-q7kv1-f32"),
            try Self.fingerprint(encoding: { $0.isVector ? .f32 : .bf16 }),
            try Self.fingerprint(encoding: { $0.name == "model.layers.3.mlp.up_proj.weight" ? .f16 : .bf16 }),
        ]
        #expect(Set(fingerprints).count == fingerprints.count)
        #expect(fingerprints.allSatisfy { $0.count == 16 && $0.allSatisfy(\.isHexDigit) })
    }

    @Test func plansThatAgreeHaveTheSameFingerprint() throws {
        let fingerprint = try Self.fingerprint()
        #expect(try Self.fingerprint() == fingerprint)
        #expect(try Self.fingerprint { $0.shares = [0.5, 0.3, 0.2] } == fingerprint)
        #expect(try Self.fingerprint { $0.memoryByteCounts = [1 << 30, 1 << 30, 1 << 30] } == fingerprint)
        let exact = try Self.fingerprint { $0.way = .gather }
        #expect(try Self.fingerprint { ($0.way, $0.math) = (.gather, .fast) } == exact)
    }

    @Test func equalPlansAreEqualAndHashAlike() throws {
        let (first, second) = (try Resource.plan("alice", [5, 3, 2]), try Resource.plan("alice", [5, 3, 2]))
        #expect(first == second && first.hashValue == second.hashValue)
        #expect(try first != Resource.plan("alice", [5, 3, 2], .gather))
    }
}
