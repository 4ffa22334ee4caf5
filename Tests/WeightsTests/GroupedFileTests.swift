import Blueprint
import Foundation
import HDF5
import Launching
import Testing
import Weights

/// Grouped tensors in a weights file.
@Suite struct GroupedFileTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private var path: String { folder.path("model.h5") }

    @Test(arguments: GroupedModel.groupings, [1, 3])
    func everyPartComesBackBitForBit(grouping: Grouping, threads: Int) throws {
        let model = GroupedModel(grouping: grouping)
        try model.write(to: path, threads: threads)
        let file = try WeightsFile(path: path)
        for tensor in try model.all() {
            let info = try #require(file.tensor(tensor.name))
            #expect(info.encoding == tensor.encoding)
            #expect(info.shape == tensor.shape)
            #expect(info.byteCount == tensor.byteCount)
            for (index, part) in tensor.encoding.parts.enumerated() {
                let bytes = try file.bytes(
                    tensor.name, part: part, rows: 0..<tensor.rows, columns: 0..<tensor.columns)
                let isEqual = bytes == tensor.parts[index]
                #expect(isEqual, "\(tensor.name) \(part)")
            }
        }
        #expect(try file.verifyAll().isEmpty)
    }

    @Test func anImportsBitsDoNotDependOnItsThreads() throws {
        let model = GroupedModel(grouping: GroupedModel.groupings[0])
        try model.write(to: path, threads: 1)
        let hash = try WeightsFile(path: path).modelHash
        try model.write(to: path, threads: 4)
        #expect(try WeightsFile(path: path).modelHash == hash)
    }

    @Test(.enabled(if: Witness.hasPython, "python3 with h5py is not installed"), arguments: GroupedModel.groupings)
    func pythonComputesTheSameNumbersFromTheDatasets(grouping: Grouping) throws {
        let model = GroupedModel(grouping: grouping)
        try model.write(to: path)
        let tensors = try model.all().filter { $0.shape.count == 2 }
        for tensor in [tensors[0], tensors[4], tensors[7]] {
            let output = folder.path("elements.f32")
            let outcome = try Witness.run("python3", ["-c", Self.program, path, tensor.name, output])
            #expect(outcome.status == 0, "\(outcome.output)")
            let found = try folder.bytes("elements.f32")
            let expected = (0..<tensor.rows).flatMap { row in
                (0..<tensor.columns).map { Float(tensor.element(row, $0)).bitPattern }
            }
            let isEqual =
                found == expected.flatMap { bits in (0..<4).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) } }
            #expect(isEqual, "\(tensor.name)")
        }
    }

    private static let program = """
        import h5py, numpy, sys
        with h5py.File(sys.argv[1]) as f:
            name = sys.argv[2]
            values, about = f['tensors'][name][:], f['tensors'][name].attrs
            bits, size, columns = int(about['bits']), int(about['group_size']), int(about['columns'])
            def spread(group, count):
                return numpy.repeat(f[group][name][:].astype('float64'), count, axis=1)[:, :columns]
            def fields(bytes, width):
                parts = [(bytes >> shift) & ((1 << width) - 1) for shift in range(0, 8, width)]
                return numpy.stack(parts, axis=-1).reshape(len(bytes), -1)[:, :columns].astype('int64')
            integers = fields(values, min(bits, 8) if bits == 8 else 4)
            if bits in (5, 6): integers = integers | fields(f['high_bits'][name][:], bits - 4) << 4
            scale = spread('scales', size)
            nested = about['scale'] in (b'nested', 'nested')
            if nested: scale = scale * spread('super_scales', 256)
            if about['has_offsets']:
                offset = spread('offsets', size)
                if nested: offset = offset * spread('super_offsets', 256)
                elements = scale * integers + offset
            else: elements = scale * (integers - (1 << bits - 1)) + 0.0
            elements.astype('float32').tofile(sys.argv[3])
        """

    @Test(arguments: GroupedModel.groupings)
    func damageInEveryPartIsFoundAndNamed(grouping: Grouping) throws {
        try GroupedModel(grouping: grouping).write(to: path)
        let groups: [Grouping.Part: (group: String, words: String)] = [
            .values: ("tensors", "values"), .highBits: ("high_bits", "high bits"), .scales: ("scales", "scales"),
            .offsets: ("offsets", "offsets"), .superScales: ("super_scales", "super-scales"),
            .superOffsets: ("super_offsets", "super-offsets"),
        ]
        let whole = try folder.bytes("model.h5")
        for part in grouping.parts {
            for name in ["model.layers.0.mlp.down_proj.weight", "model.layers.0.mlp.up_proj.weight"] {
                let (group, words) = try #require(groups[part])
                let range = try HDF5File(opening: path).root().openGroup(group).openDataset(name).byteRange()
                var damaged = whole
                damaged[range.lowerBound + range.count / 3] ^= 4
                try folder.write("model.h5", damaged)
                let file = try WeightsFile(path: path)
                let damages = try file.verifyAll()
                #expect(damages.count == 1)
                #expect(damages.first?.description.contains("the \(words) of '\(name)' (row") == true)
                #expect(damages.first?.description.contains("is damaged: checksum") == true)
                let info = try #require(file.tensor(name))
                let error = #expect(throws: WeightsError.self) {
                    try file.bytes(name, part: part, rows: 0..<info.rows, columns: 0..<info.columns)
                }
                #expect(error?.description.contains("the \(words) of '\(name)'") == true)
            }
        }
    }

    @Test func aMissingPartIsNamed() throws {
        let model = GroupedModel(grouping: GroupedModel.groupings[0])
        try model.write(to: path)
        let name = "model.layers.0.mlp.up_proj.weight"
        for groups in [["scales"], ["scales_checksums"], ["scales", "scales_checksums"]] {
            try model.write(to: path)
            let file = try HDF5File(opening: path, isWritable: true)
            for group in groups { try file.root().openGroup(group).remove(name) }
            try file.close()
            let error = #expect(throws: WeightsError.self) { _ = try WeightsFile(path: path) }
            #expect(error?.description.contains("no '\(name)' among its scales") == true)
        }
    }
}
