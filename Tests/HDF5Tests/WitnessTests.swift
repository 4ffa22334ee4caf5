import Foundation
import HDF5
import Launching
import Testing

@Suite struct WitnessTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test(.enabled(if: Witness.hasDump, "h5dump is not installed"))
    func dumpShowsTheNumbersOfEveryType() throws {
        let path = folder.path("numbers.h5")
        try writeNumbers(path)
        let expected = [
            "float32": "1.5, -0.25, 3, 65504", "float16": "1.5, -0.25, 3, 65504", "bfloat16": "1.5, -0.25, 3, 65536",
            "unsigned8": "1, 2, 3, 255", "unsigned64": "1, 2, 3, 18446744073709551615", "signed64": "1, -2, 3, -4",
            "signed8": "1, -2, 127, -128",
        ]
        for (name, numbers) in expected {
            let dump = try Witness.run("h5dump", ["-y", "-d", "/\(name)", path])
            #expect(dump.status == 0)
            let found = dump.output.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
            #expect(found.contains(numbers), "\(name): \(dump.output)")
        }
    }

    @Test(.enabled(if: Witness.hasDump, "h5dump is not installed"))
    func dumpShowsTheAttributes() throws {
        let path = folder.path("attributes.h5")
        let file = try HDF5File(creating: path)
        try file.root().attributes().set("version", to: 1)
        try file.root().attributes().set("name", to: "qwen3")
        try file.close()
        let output = try Witness.run("h5dump", ["-A", path]).output
        #expect(output.contains("(0): 1\n"))
        #expect(output.contains("(0): \"qwen3\"\n"))
        #expect(output.contains("CSET H5T_CSET_UTF8"))
    }

    /// A small file may state such extents: chunks that nobody wrote need no room.
    @Test(
        .enabled(if: Witness.hasPython, "python3 with h5py is not installed"),
        arguments: ["(2**62, 1)", "(2**61, 3)", "(2**40, 2**22)", "(1, 2**61)"])
    func extentsBeyondAllNumbersOfBytesAreRefused(extents: String) throws {
        let path = folder.path("extents.h5")
        let program = """
            import h5py, sys
            with h5py.File(sys.argv[1], "w") as file:
                file.create_dataset("values", \(extents), "<f4", chunks=(1, 1))
            """
        let made = try Witness.run("python3", ["-c", program, path])
        try #require(made.status == 0, "\(made.output)")
        let file = try HDF5File(opening: path)
        let error = try #require(throws: HDF5Error.self) { _ = try file.root().openDataset("values") }
        #expect(error.description.contains("expected elements of fewer than 2^63 bytes"), "\(error)")
    }

    @Test(.enabled(if: Witness.hasPython, "python3 with h5py is not installed"))
    func pythonReadsTheSameNumbersAndAttributes() throws {
        let path = folder.path("numbers.h5")
        try writeNumbers(path)
        let program = """
            import h5py, sys
            with h5py.File(sys.argv[1]) as f:
                for name in sorted(f): print(name, [float(v) for v in f[name][:]])
                print(f.attrs['version'], f.attrs['name'].decode(), f.attrs['real'])
            """
        let outcome = try Witness.run("python3", ["-c", program, path])
        #expect(
            outcome.output == """
                bfloat16 [1.5, -0.25, 3.0, 65536.0]
                float16 [1.5, -0.25, 3.0, 65504.0]
                float32 [1.5, -0.25, 3.0, 65504.0]
                signed64 [1.0, -2.0, 3.0, -4.0]
                signed8 [1.0, -2.0, 127.0, -128.0]
                unsigned64 [1.0, 2.0, 3.0, 1.8446744073709552e+19]
                unsigned8 [1.0, 2.0, 3.0, 255.0]
                7 Größe 0.5

                """)
    }

    @Test(.enabled(if: Witness.hasPython, "python3 with h5py is not installed"))
    func textsThatPythonWroteAreRead() throws {
        let path = folder.path("python.h5")
        let program = """
            import h5py, numpy, sys
            with h5py.File(sys.argv[1], 'w') as f:
                f.attrs['variable'] = 'Größe'
                f.attrs['fixed'] = numpy.bytes_('Größe'.encode())
                f.attrs['empty'] = ''
            """
        #expect(try Witness.run("python3", ["-c", program, path]).status == 0)
        let attributes = try HDF5File(opening: path).root().attributes()
        #expect(try attributes.text("variable") == "Größe")
        #expect(try attributes.text("fixed") == "Größe")
        #expect(try attributes.text("empty") == "")
    }

    private func writeNumbers(_ path: String) throws {
        let file = try HDF5File(creating: path)
        try write(file, .float32, [1.5, -0.25, 3, 65504] as [Float])
        // Bit patterns by hand: sign, exponent and fraction of 1.5, -0.25, 3 and the last one.
        try write(file, .float16, [0x3e00, 0xb400, 0x4200, 0x7bff] as [UInt16])
        try write(file, .bfloat16, [0x3fc0, 0xbe80, 0x4040, 0x4780] as [UInt16])
        try write(file, .unsigned8, [1, 2, 3, 255] as [UInt8])
        try write(file, .signed8, [1, -2, 127, -128] as [Int8])
        try write(file, .unsigned64, [1, 2, 3, .max] as [UInt64])
        try write(file, .signed64, [1, -2, 3, -4] as [Int64])
        try file.root().attributes().set("version", to: 7)
        try file.root().attributes().set("name", to: "Größe")
        try file.root().attributes().set("real", to: 0.5)
        try file.close()
    }

    private func write<Value: BitwiseCopyable>(
        _ file: borrowing HDF5File, _ elementType: HDF5ElementType, _ values: [Value]
    ) throws {
        let dataset = try file.root().createDataset(elementType.rawValue, elementType, shape: [values.count])
        try dataset.write(Hyperslab(0..<values.count), from: values.span.bytes)
    }
}
