/// Random numbers that are the same on every machine.
///
/// Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators, 2014.
public struct SplitMix: RandomNumberGenerator, Sendable {
    /// What is added to the state for each number: an odd one near 2^64 over the golden ratio.
    @inlinable
    public static var gamma: UInt64 { 0x9e37_79b9_7f4a_7c15 }

    @usableFromInline var state: UInt64

    /// The numbers that follow from a seed.
    public init(seed: UInt64) { state = seed }

    /// 64 random bits.
    @inlinable
    public mutating func next() -> UInt64 {
        state &+= Self.gamma
        return Self.mixed(state)
    }

    /// The finaliser: every bit of the result depends on every bit of `value`.
    @inlinable
    public static func mixed(_ value: UInt64) -> UInt64 {
        var bits = value
        bits = (bits ^ (bits >> 30)) &* 0xbf58_476d_1ce4_e5b9
        bits = (bits ^ (bits >> 27)) &* 0x94d0_49bb_1331_11eb
        return bits ^ (bits >> 31)
    }

    /// From 1/2 to 3/2.
    public mutating func factor() -> Double { 0.5 + Double(next() >> 11) * 0x1p-53 }

    /// From 0 to `bound`, which is not reached.
    public mutating func index(below bound: Int) -> Int { Int(next() % UInt64(bound)) }
}
