import Foundation
import HDF5
import Launching
import Testing
import Weights

extension LockstepTests {
    /// Weights files that are missing, incomplete, damaged, or something else.
    @Suite(.serialized) struct ModelFileTests {
        private let folder: TemporaryFolder

        init() throws { folder = try TemporaryFolder() }

        private func generate(_ model: String) throws -> Launch {
            try Launch.mpirun(ranks: 3, "lockstep", ["generate", "--model", model, "--prompt", "Alice was"], limit: 20)
        }

        private func expectAllRanks(_ model: String, fail message: String) throws {
            expectFailure(try generate(model), "lockstep: ranks 0-2 on \(Launch.host): \(model): \(message)\n")
        }

        /// Changes a copy of the embedded model through HDF5.
        private func changed(_ change: (borrowing HDF5Group) throws -> Void) throws -> String {
            let path = try Alice.copy(to: folder)
            let file = try HDF5File(opening: path, isWritable: true)
            try change(try file.root())
            try file.close()
            return path
        }

        @Test func aMissingFileIsNamed() throws {
            try expectAllRanks(
                folder.path("none.h5"),
                fail: "expected something readable, found 'No such file or directory'; "
                    + "check the path and its permissions")
        }

        @Test func whatIsNoWeightsFileIsRefused() throws {
            let notHDF5 = "expected a weights file, found a file that is not HDF5; make one with 'lockstep import'"
            try expectAllRanks(try folder.write("text.h5", "It is a text."), fail: notHDF5)
            try expectAllRanks(try folder.write("empty.h5", ""), fail: notHDF5)
            let other = folder.path("other.h5")
            try HDF5File(creating: other).close()
            try expectAllRanks(
                other,
                fail: "expected a weights file, found an HDF5 file of another program; make one with 'lockstep import'")
        }

        @Test func aFolderIsNoWeightsFile() throws {
            let path = try Alice.copyCheckpoint(to: folder)
            try expectAllRanks(
                path, fail: "expected a weights file, found a folder; make one with 'lockstep import'")
        }

        @Test(arguments: [100, 2048, 100_000, -4096, -1]) func aTruncatedFileIsRefused(length: Int) throws {
            let whole = try Data(contentsOf: URL(fileURLWithPath: Alice.embedded))
            let model = try folder.write("model.h5", whole.prefix(length > 0 ? length : whole.count + length))
            let launch = try generate(model)
            expectFailure(
                launch, "lockstep: ranks 0-2 on \(Launch.host): \(model): expected a complete weights file, found '")
            #expect(launch.errors.contains("'; import the checkpoint again\n"), "\(launch.errors)")
        }

        @Test func aMissingTensorIsNamed() throws {
            let name = "model.layers.2.mlp.up_proj.weight"
            let model = try changed { try $0.openGroup("tensors").remove(name) }
            try expectAllRanks(
                model,
                fail: "expected a complete weights file, found 'no '\(name)' among its tensors'; "
                    + "import the checkpoint again")
        }

        @Test func aTensorMissingWithItsChecksumsIsNoticed() throws {
            let name = "model.layers.2.mlp.up_proj.weight"
            let model = try changed { root in
                for group in ["tensors", "checksums"] { try root.openGroup(group).remove(name) }
            }
            try expectAllRanks(
                model,
                fail: "expected a complete weights file, found '46 of its 47 tensors'; import the checkpoint again")
        }

        @Test func aFileWithoutItsConfigurationIsRefused() throws {
            let model = try changed { try $0.openGroup("files").remove("config.json") }
            try expectAllRanks(
                model,
                fail: "expected a complete weights file, found 'no config.json in it'; import the checkpoint again")
        }

        @Test func anotherFormatVersionIsRefused() throws {
            let model = try changed { try $0.attributes().set("lockstep_format_version", to: 1) }
            try expectAllRanks(
                model, fail: "expected format version 2, found 1; import the checkpoint again with this program")
        }

        @Test(arguments: ["config.json", "tokenizer.json", "generation_config.json"])
        func aDamagedTextIsNamed(text: String) throws {
            let model = try changed { root in
                let dataset = try root.openGroup("files").openDataset(text)
                let space: [UInt8] = [0x20]
                try dataset.write(Hyperslab(0..<1), from: space.span.bytes)
            }
            let launch = try generate(model)
            expectFailure(launch, "lockstep: ranks 0-2 on \(Launch.host): \(model): \(text) is damaged: checksum ")
            #expect(launch.errors.contains(" found; import the checkpoint again\n"), "\(launch.errors)")
        }

        /// A copy of the embedded model with one bit of a tensor turned over.
        private func damaged(_ tensor: String) throws -> String {
            let path = try Alice.copy(to: folder)
            let file = try WeightsFile(path: path)
            let info = try #require(file.tensor(tensor))
            let start = try file.bytes(tensor, rows: 0..<(info.columns == 1 ? info.rows : 1), columns: 0..<info.columns)
            var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            // A tile's row is no longer than that; a vector is one column.
            let place = try #require(bytes.firstRange(of: Data(start.prefix(32))))
            bytes[place.lowerBound + 7] ^= 4
            return try folder.write("model.h5", bytes)
        }

        @Test(arguments: [
            ("model.layers.3.mlp.gate_proj.weight", "rank 0"), ("model.layers.0.self_attn.o_proj.weight", "rank 0"),
            ("model.norm.weight", "ranks 0-2"),
        ]) func aFlippedBitIsNoticedByTheRanksThatReadIt(tensor: String, ranks: String) throws {
            let model = try damaged(tensor)
            let launch = try generate(model)
            expectFailure(launch, "lockstep: \(ranks) on \(Launch.host): \(model): '\(tensor)' (row")
            #expect(launch.errors.contains("is damaged: checksum "), "\(launch.errors)")
            #expect(launch.errors.contains(" found; import the checkpoint again\n"), "\(launch.errors)")
        }

        @Test func aFlippedBitOnOneHostIsNamedWithRankAndHost() throws {
            let model = try damaged("model.norm.weight")
            let program = Launch.product("lockstep")
            let launch = try Launch.mpirun(
                [
                    .init(ranks: 2, program: program, ["generate", "--prompt", "Alice was"]),
                    .init(ranks: 1, program: program, ["generate", "--prompt", "Alice was", "--model", model]),
                ], limit: 20)
            expectFailure(launch, "lockstep: rank 2 on \(Launch.host): \(model): 'model.norm.weight' (row")
        }

        @Test func showFindsAFlippedBit() throws {
            let tensor = "model.layers.0.self_attn.o_proj.weight"
            let model = try damaged(tensor)
            let launch = try lockstep(["show", model, "--verify"])
            #expect(launch.status == 1)
            #expect(launch.errors.hasPrefix("\(model): '\(tensor)' (row"), "\(launch.errors)")
            #expect(launch.errors.occurrences(of: "is damaged: checksum") == 1)
            #expect(!launch.output.contains("every checksum holds"))
        }
    }
}
