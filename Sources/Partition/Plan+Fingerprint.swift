import Blueprint

extension Plan {
    /// A hash of all that ranks must agree on, in hexadecimal: splits, way, cutting, wire, context, cache, chunk, math,
    /// and each weight's name, shape and encoding.
    public var fingerprint: String {
        var hash = FowlerNollVo()
        hash.add(
            "plan 4 \(policy.way.rawValue) \(policy.cutting.rawValue) \(policy.wire.rawValue) \(policy.context) "
                + "\(policy.cache.rawValue) \(policy.chunk) \(policy.math.rawValue)")
        let axes = splits.keys.sorted {
            ($0.kind.rawValue, $0.layer ?? -1, $0.count) < ($1.kind.rawValue, $1.layer ?? -1, $1.count)
        }
        for axis in axes {
            let ranges = split(of: axis).ranges.map { "\($0.lowerBound)-\($0.upperBound)" }
            hash.add("\(axis.kind.rawValue) \(axis.layer ?? -1) \(axis.count) \(ranges.joined(separator: " "))")
        }
        for weight in blueprint.weights {
            hash.add("\(weight.name) \(weight.storedShape) \(encoding(of: weight).name)")
        }
        let digits = String(hash.value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// The 64-bit FNV-1a hash of lines of text.
///
/// Fowler, Noll, Vo and Eastlake, The FNV Non-Cryptographic Hash Algorithm.
private struct FowlerNollVo {
    private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

    mutating func add(_ line: String) {
        for byte in line.utf8 { add(byte) }
        add(UInt8(ascii: "\n"))
    }

    private mutating func add(_ byte: UInt8) {
        value = (value ^ UInt64(byte)) &* 0x100_0000_01b3
    }
}
