import Blueprint
import Compute
import Foundation
import Launching
import Partition
import Testing
import Weights

/// What ranks hold of a model, at several numbers of them, against the whole.
@Suite struct ShardTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private static let shares: [[Double]] = [[1], [3, 2], [5, 3, 2], [1, 2, 1, 1], [4, 1, 2, 1, 3]]

    /// Cuts of heads and of single channels: on borders of groups, inside them, and inside bytes.
    @Test(arguments: GroupedModel.groupings, shares)
    func groupedSlicesAreThosePartsOfTheWhole(grouping: Grouping, shares: [Double]) throws {
        let model = GroupedModel(grouping: grouping)
        try model.write(to: folder.path("model.h5"))
        let tensors = Dictionary(try model.all().map { ($0.name, $0) }) { $1 }
        let file = try WeightsFile(path: folder.path("model.h5"))
        for way in Way.allCases {
            for cutting in Cutting.allCases {
                let plan: Plan
                do {
                    plan = try self.plan(file, shares, way, cutting)
                } catch PartitionError.paddedGroup {
                    // No integers beside offsets stand for zero, see RefusalTests.
                    #expect(cutting == .padded && grouping.hasOffsets && shares.count > 1)
                    continue
                }
                for rank in shares.indices {
                    let shard = try shard(file, plan, rank, threads: rank % 3 + 1)
                    for weight in plan.blueprint.weights where !weight.isVector {
                        let (slice, tensor) = (plan.slice(of: weight, rank: rank), try #require(tensors[weight.name]))
                        let isEqual = areEqual(shard.matrix(weight), slice, tensor)
                        #expect(isEqual, "\(grouping.name) \(way) \(cutting) \(weight.name) \(slice)")
                    }
                }
            }
        }
    }

    /// Whoever is fast or slow, every thread's rows of every matrix are loaded once, one's own first.
    @Test func threadsTakeWhatOthersHaveNotBegun() throws {
        let turns = LoadingTurns(matrices: 5, threads: 3)
        var taken = [turns.next(of: 2), turns.next(of: 0), turns.next(of: 2)].compactMap { $0 }
        #expect(taken.map(\.matrix) == [0, 0, 1] && taken.map(\.owner) == [2, 0, 2])
        while let turn = turns.next(of: 1) { taken.append(turn) }
        try #require(taken.count == 15)
        #expect(taken[3..<8].map(\.matrix) == [0, 1, 2, 3, 4] && taken[3..<8].allSatisfy { $0.owner == 1 })
        // The thread with most before it is helped first, from its end.
        #expect(taken[8].matrix == 4 && taken[8].owner == 0)
        #expect(Set(taken.map { $0.matrix * 3 + $0.owner }).count == 15)
        #expect((0..<3).allSatisfy { turns.next(of: $0) == nil })
    }

    private func areEqual(_ matrix: Matrix, _ slice: Slice, _ tensor: GroupedTensor) -> Bool {
        guard matrix.rows == slice.heldRows, matrix.columns == slice.heldColumns else { return false }
        return (0..<matrix.rows).allSatisfy { row in
            let expected = (0..<matrix.columns).map { column -> Float in
                guard row < slice.rows.count, column < slice.columns.count else { return 0 }
                return Float(tensor.element(slice.rows.lowerBound + row, slice.columns.lowerBound + column))
            }
            return matrix.floats(row: row) == expected
        }
    }

    @Test(arguments: ["BF16", "F32", "F16"], shares)
    func plainSlicesAreThosePartsOfTheWhole(type: String, shares: [Double]) throws {
        var model = SampleModel.large
        model.types = [type]
        let (source, path) = (try TemporaryFolder(), folder.path("model.h5"))
        try model.write(to: source)
        _ = try Importer.run(
            source: source.path(""), destination: path, encoding: .keep, programVersion: "0", threads: 2)
        let file = try WeightsFile(path: path)
        let tensors = Dictionary(try model.tensors().map { ($0.weight.name, $0) }) { $1 }
        for way in Way.allCases {
            for cutting in Cutting.allCases {
                let plan = try plan(file, shares, way, cutting)
                for rank in shares.indices {
                    let shard = try shard(file, plan, rank, threads: rank % 4 + 1)
                    for weight in plan.blueprint.weights where !weight.isVector {
                        let (slice, tensor) = (plan.slice(of: weight, rank: rank), try #require(tensors[weight.name]))
                        let isEqual = areEqual(shard.matrix(weight), slice, tensor)
                        #expect(isEqual, "\(way) \(cutting) \(weight.name) \(slice)")
                    }
                }
            }
        }
    }

    private func areEqual(_ matrix: Matrix, _ slice: Slice, _ tensor: SampleModel.Tensor) -> Bool {
        let size = tensor.encoding.bytesPerElement
        return unsafe matrix.withRowBytes(0..<matrix.rows) { bytes, rowByteStride in
            (0..<matrix.rows).allSatisfy { row in
                var expected = [UInt8](repeating: 0, count: rowByteStride)
                if row < slice.rows.count {
                    let start =
                        ((slice.rows.lowerBound + row) * tensor.weight.columns + slice.columns.lowerBound) * size
                    expected.replaceSubrange(
                        0..<slice.columns.count * size, with: tensor.bytes[start..<start + slice.columns.count * size])
                }
                return unsafe expected.elementsEqual(bytes[row * rowByteStride..<(row + 1) * rowByteStride])
            }
        }
    }

    @Test func theArenaIsFullAndTheBytesReadAreThoseOfThePanels() throws {
        for grouping in GroupedModel.groupings {
            try GroupedModel(grouping: grouping).write(to: folder.path("model.h5"))
            let file = try WeightsFile(path: folder.path("model.h5"))
            for way in Way.allCases {
                let plan = try plan(file, [5, 3, 2], way, .uneven)
                for rank in 0..<3 {
                    let byteCount = try Shard.byteCount(plan: plan, rank: rank, file: file)
                    #expect(byteCount == plan.holdings(rank: rank).weightByteCount)
                    let arena = try Arena(byteCount: byteCount)
                    var seen: [(Int, Int)] = []
                    let shard = try Shard(file: file, plan: plan, rank: rank, arena: arena) { seen.append(($0, $1)) }
                    #expect(arena.usedByteCount == byteCount)
                    let expected = plan.blueprint.weights.reduce((matrices: 0, vectors: 0)) { total, weight in
                        let slice = plan.slice(of: weight, rank: rank)
                        let count =
                            file.tensor(weight.name)?.byteCount(reading: slice.rows, columns: slice.columns) ?? 0
                        return weight.isVector
                            ? (total.matrices, total.vectors + count) : (total.matrices + count, total.vectors)
                    }
                    #expect(shard.byteCountRead == expected.matrices + expected.vectors)
                    #expect(seen.map(\.0) == seen.map(\.0).sorted())
                    #expect(seen.last?.0 == expected.matrices && seen.last?.1 == expected.matrices)
                }
            }
        }
    }

    @Test func anArenaWithoutRoomIsSaid() throws {
        try GroupedModel(grouping: try #require(GroupedModel.groupings.first)).write(to: folder.path("model.h5"))
        let file = try WeightsFile(path: folder.path("model.h5"))
        let plan = try plan(file, [1], .sum, .uneven)
        // Too little for the first matrix, and for a vector after some of them.
        for part in [16, 2] {
            let arena = try Arena(byteCount: try Shard.byteCount(plan: plan, rank: 0, file: file) / part)
            let error = #expect(throws: WeightsError.self) {
                _ = try Shard(file: file, plan: plan, rank: 0, arena: arena)
            }
            #expect(error?.description.hasPrefix("arena: expected ") == true)
        }
    }

    @Test(arguments: [1, 2, 5])
    func damageIsReportedFromWhateverThreadMeetsIt(threads: Int) throws {
        let model = SampleModel.large
        let (source, path) = (try TemporaryFolder(), folder.path("model.h5"))
        try model.write(to: source)
        _ = try Importer.run(source: source.path(""), destination: path, encoding: .keep, programVersion: "0")
        let whole = try folder.bytes("model.h5")
        for tensor in try model.tensors() where tensor.weight.name.contains("_proj") {
            let row = tensor.weight.rows * 2 / 3
            let needle = tensor.bytes[row * tensor.weight.columns * 2..<(row * tensor.weight.columns + 16) * 2]
            var damaged = whole
            damaged[try #require(place(of: Array(needle), in: whole)) + 5] ^= 0x10
            try folder.write("model.h5", damaged)
            let file = try WeightsFile(path: path)
            let plan = try plan(file, [1], .sum, .uneven)
            let error = #expect(throws: WeightsError.self) { _ = try shard(file, plan, 0, threads: threads) }
            #expect(error?.description.contains("'\(tensor.weight.name)' (row") == true)
        }
    }

    private func plan(_ file: WeightsFile, _ shares: [Double], _ way: Way, _ cutting: Cutting) throws -> Plan {
        let encodings = file.encodings
        return try Plan(
            Blueprint(configuration: file.config),
            policy: Policy(shares: shares, way: way, cutting: cutting, context: 64)
        ) { encodings[$0.name] ?? .f32 }
    }

    private func shard(_ file: WeightsFile, _ plan: Plan, _ rank: Int, threads: Int) throws -> Shard {
        let arena = try Arena(byteCount: try Shard.byteCount(plan: plan, rank: rank, file: file))
        return try Shard(file: file, plan: plan, rank: rank, arena: arena, pool: Pool(threads: threads))
    }
}
