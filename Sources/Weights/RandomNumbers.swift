import Blueprint

/// Numbers that are told by their place.
struct RandomNumbers: Sendable {
    private let seed: UInt64

    init(seed: UInt64, weight: Int) {
        self.seed = SplitMix.mixed(seed &+ SplitMix.mixed(UInt64(truncatingIfNeeded: weight) &+ 1))
    }

    /// From -1 to 1.
    func number(row: Int, column: Int) -> Float {
        let word = word(rowSeed(row), column / 4)
        return Self.number(word, column % 4)
    }

    /// The numbers of some columns of a row times `scale`, from the start of `floats` on.
    func draw(row: Int, columns: Range<Int>, scale: Float, into floats: inout [Float]) {
        let rowSeed = rowSeed(row)
        var column = columns.lowerBound
        var index = 0
        while column < columns.upperBound {
            let bits = word(rowSeed, column / 4)
            repeat {
                floats[index] = Self.number(bits, column % 4) * scale
                column += 1
                index += 1
            } while column % 4 != 0 && column < columns.upperBound
        }
    }

    /// Bytes of a row of one of several kinds of bytes that a weight has.
    func draw(row: Int, kind: Int, bytes: Range<Int>, into target: inout [UInt8]) {
        let rowSeed = SplitMix.mixed(rowSeed(row) &+ UInt64(truncatingIfNeeded: kind) &+ 1)
        for byte in bytes {
            target.append(UInt8(truncatingIfNeeded: word(rowSeed, byte / 8) >> UInt64(byte % 8 * 8)))
        }
    }

    private func rowSeed(_ row: Int) -> UInt64 { SplitMix.mixed(seed ^ UInt64(truncatingIfNeeded: row)) }

    /// Four numbers of 16 bits.
    private func word(_ rowSeed: UInt64, _ index: Int) -> UInt64 {
        SplitMix.mixed(rowSeed &+ UInt64(truncatingIfNeeded: index) &* SplitMix.gamma)
    }

    private static func number(_ word: UInt64, _ index: Int) -> Float {
        Float(Int16(truncatingIfNeeded: word >> (16 * UInt64(index)))) * 0x1p-15
    }
}
