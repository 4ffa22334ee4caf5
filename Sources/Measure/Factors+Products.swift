package import Blueprint
package import Compute

extension Factors {
    /// What products of many tokens multiply on machines that have instructions for products of bf16, or tiles of them.
    package static func ofProducts(
        isGrouped: Bool, isBFloat: Bool, _ math: Math, hasBFloats: Bool, hasTiles: Bool
    ) -> Factors {
        switch math {
        case .precise: .f32
        case .fast where isGrouped: hasTiles ? .bf16 : .int8
        case .fast: isBFloat && hasBFloats ? .bf16 : .f32
        }
    }
}
