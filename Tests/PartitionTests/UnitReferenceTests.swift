import Blueprint
import Foundation
import Partition
import Testing

/// Index ranges of each unit, written down independently for every tensor of the reference checkpoints.
@Suite struct UnitReferenceTests {
    struct Units: Decodable {
        struct Tensor: Decodable {
            var role: String
            var dim: Int?
            /// `[offset, stride, length]`: unit `u` owns `length` indices from `offset + u * stride`.
            var unitSegments: [[Int]]?
            /// Where units do not follow each other: `[start, length]` of each segment of each unit.
            var units: [[[Int]]]?

            enum CodingKeys: String, CodingKey {
                case role, dim, units
                case unitSegments = "unit_segments"
            }

            /// The indices along `dim` that units need.
            func indices(_ range: Range<Int>) -> Set<Int> {
                var indices: Set<Int> = []
                for unit in range {
                    let segments = units?[unit] ?? (unitSegments ?? []).map { [$0[0] + unit * $0[1], $0[2]] }
                    for segment in segments { indices.formUnion(segment[0]..<segment[0] + segment[1]) }
                }
                return indices
            }
        }

        var tensors: [String: Tensor]
    }

    @Test(arguments: Resource.checkpoints)
    func slicesAreTheUnionsOfTheReferencesUnits(folder: String) throws {
        let reference = try JSONDecoder().decode(Units.self, from: Resource.data("\(folder)/tp_units.json"))
        let blueprint = try Resource.blueprint(folder)
        #expect(Set(reference.tensors.keys) == Set(blueprint.weights.map(\.name)))
        for shares in Resource.shares {
            let plan = try Resource.plan(of: blueprint, shares)
            for layer in blueprint.layers {
                for branch in layer.branches {
                    for weight in branch.mixer.weights {
                        let tensor = try #require(reference.tensors[weight.name])
                        for rank in shares.indices {
                            try Self.check(
                                plan, weight, tensor, units: plan.split(of: branch.mixer.axes[0])[rank], rank)
                        }
                    }
                }
            }
        }
    }

    private static func check(
        _ plan: Plan, _ weight: Weight, _ tensor: Units.Tensor, units: Range<Int>, _ rank: Int
    ) throws {
        let slice = plan.slice(of: weight, rank: rank)
        switch tensor.role {
        case "in": #expect(tensor.dim == 0 && Set(slice.rows) == tensor.indices(units), "\(weight.name)")
        case "out": #expect(tensor.dim == 1 && Set(slice.columns) == tensor.indices(units), "\(weight.name)")
        default: #expect(weight.distribution == .replicated, "\(weight.name) is \(tensor.role)")
        }
    }

    @Test(arguments: Resource.checkpoints)
    func rolesOutsideLayersAreThoseOfTheReference(folder: String) throws {
        let reference = try JSONDecoder().decode(Units.self, from: Resource.data("\(folder)/tp_units.json"))
        let blueprint = try Resource.blueprint(folder)
        for weight in [blueprint.embedding, blueprint.head] {
            #expect(reference.tensors[weight.name]?.role == "vocab")
            #expect(weight.distribution == .rows(blueprint.vocabularyAxis, perUnit: 1))
        }
        #expect(reference.tensors[blueprint.finalNorm.weight.name]?.role == "rep")
        #expect(blueprint.finalNorm.weight.distribution == .replicated)
    }
}
