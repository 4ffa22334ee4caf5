/// Random numbers that are the same on every machine.
///
/// Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators, 2014.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// From 1/2 to 3/2.
    mutating func factor() -> Double { 0.5 + Double(next() >> 11) * 0x1p-53 }

    /// From 0 to `bound`, which is not reached.
    mutating func index(below bound: Int) -> Int { Int(next() % UInt64(bound)) }
}
