/// The four normalization forms, with the tables of Unicode 9 that the reference library uses.
///
/// The algorithm is that of Unicode Standard Annex 15: decompose, order the marks, compose.
struct UnicodeNormalization: Sendable {
    let isCompatibility: Bool
    let composes: Bool

    func normalize(_ text: [UInt32]) -> [UInt32] {
        // Below these bounds every scalar is normalized and none is a mark.
        let bound: UInt32 = isCompatibility ? 0xA0 : composes ? 0x300 : 0xC0
        if text.allSatisfy({ $0 < bound }) { return text }
        var result: [UInt32] = []
        result.reserveCapacity(text.count)
        for scalar in text { decompose(scalar, into: &result) }
        order(&result)
        return composes ? compose(result) : result
    }

    private func decompose(_ scalar: UInt32, into result: inout [UInt32]) {
        if scalar < 0xA0 {
            result.append(scalar)
        } else if Hangul.syllables.contains(scalar) {
            Hangul.decompose(scalar, into: &result)
        } else if isCompatibility, let mapping = Self.tables.compatibility[scalar] {
            result.append(contentsOf: mapping)
        } else if let mapping = Self.tables.canonical[scalar] {
            result.append(contentsOf: mapping)
        } else {
            result.append(scalar)
        }
    }

    /// Sorts each run of marks by combining class, keeping the order within a class.
    private func order(_ text: inout [UInt32]) {
        var start = 0
        while start < text.count {
            guard Self.combiningClass(text[start]) != 0 else {
                start += 1
                continue
            }
            var marks: [(combiningClass: UInt8, index: Int, scalar: UInt32)] = []
            var end = start
            while end < text.count, Self.combiningClass(text[end]) != 0 {
                marks.append((Self.combiningClass(text[end]), end, text[end]))
                end += 1
            }
            if marks.count > 1 {
                marks.sort { ($0.combiningClass, $0.index) < ($1.combiningClass, $1.index) }
                for (offset, mark) in marks.enumerated() { text[start + offset] = mark.scalar }
            }
            start = end
        }
    }

    private func compose(_ text: [UInt32]) -> [UInt32] {
        var result: [UInt32] = []
        result.reserveCapacity(text.count)
        var starter: Int?
        var lastClass: UInt8 = 0
        for scalar in text {
            let combiningClass = Self.combiningClass(scalar)
            // A mark composes with its starter unless one of the same or a higher class stands between.
            if let starter, lastClass < combiningClass || result.count == starter + 1,
                let composite = Self.composite(result[starter], scalar)
            {
                result[starter] = composite
                continue
            }
            if combiningClass == 0 { starter = result.count }
            lastClass = combiningClass
            result.append(scalar)
        }
        return result
    }

    private static func combiningClass(_ scalar: UInt32) -> UInt8 {
        scalar < 0x300 ? 0 : tables.combiningClass[scalar]
    }

    private static func composite(_ first: UInt32, _ second: UInt32) -> UInt32? {
        Hangul.compose(first, second) ?? tables.composites[UInt64(first) << 32 | UInt64(second)]
    }

    private static let tables = Tables()

    private struct Tables {
        let combiningClass = ScalarTable(runs: CombiningClassData.packed)
        var canonical: [UInt32: [UInt32]] = [:]
        var compatibility: [UInt32: [UInt32]] = [:]
        var composites: [UInt64: UInt32] = [:]

        init() {
            var numbers = PackedNumbers(DecompositionData.packed)
            var scalar: UInt32 = 0
            var composing: [(scalar: UInt32, mapping: [UInt32])] = []
            while let distance = numbers.next(), let kind = numbers.next() {
                scalar += UInt32(distance)
                let mapping = (0..<kind / 3).compactMap { _ in numbers.next().map(UInt32.init) }
                if kind % 3 == 2 {
                    compatibility[scalar] = mapping
                } else {
                    canonical[scalar] = mapping
                    if kind % 3 == 0 { composing.append((scalar, mapping)) }
                }
            }
            // Short mappings first: a longer one composes its first two scalars before the third.
            for (scalar, mapping) in composing.sorted(by: { $0.mapping.count < $1.mapping.count }) {
                let first = mapping.dropFirst().dropLast().reduce(mapping[0]) { first, second in
                    composites[UInt64(first) << 32 | UInt64(second)] ?? first
                }
                composites[UInt64(first) << 32 | UInt64(mapping[mapping.count - 1])] = scalar
            }
        }
    }
}

/// The syllables that are composed by arithmetic (The Unicode Standard, section 3.12).
private enum Hangul {
    static let syllables: ClosedRange<UInt32> = 0xAC00...0xD7A3
    private static let leading: UInt32 = 0x1100
    private static let vowel: UInt32 = 0x1161
    private static let trailing: UInt32 = 0x11A7

    static func decompose(_ syllable: UInt32, into result: inout [UInt32]) {
        let index = syllable - syllables.lowerBound
        result.append(leading + index / 588)
        result.append(vowel + index % 588 / 28)
        if index % 28 != 0 { result.append(trailing + index % 28) }
    }

    static func compose(_ first: UInt32, _ second: UInt32) -> UInt32? {
        if (leading..<leading + 19).contains(first), (vowel..<vowel + 21).contains(second) {
            return syllables.lowerBound + ((first - leading) * 21 + (second - vowel)) * 28
        }
        if syllables.contains(first), (first - syllables.lowerBound) % 28 == 0,
            (trailing + 1..<trailing + 28).contains(second)
        {
            return first + (second - trailing)
        }
        return nil
    }
}
