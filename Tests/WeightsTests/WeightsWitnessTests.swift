import Blueprint
import Foundation
import Launching
import Testing
import Weights

/// Other programs read a weights file without any help of ours.
@Suite struct WeightsWitnessTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test(.enabled(if: Witness.hasDump, "h5dump is not installed"))
    func dumpListsEveryTensorUnderItsName() throws {
        let (model, path) = try makeFile()
        let outcome = try Witness.run("h5dump", ["-n", path])
        #expect(outcome.status == 0)
        for tensor in try model.tensors() {
            #expect(outcome.output.contains("dataset    /tensors/\(tensor.weight.name)\n"))
            #expect(outcome.output.contains("dataset    /checksums/\(tensor.weight.name)\n"))
        }
        #expect(outcome.output.contains("dataset    /files/config.json\n"))
        let version = try Witness.run("h5dump", ["-a", "/lockstep_format_version", path])
        #expect(version.output.contains("(0): 2\n"))
    }

    @Test(.enabled(if: Witness.hasPython, "python3 with h5py is not installed"))
    func pythonReadsTheSameNumbersAndTexts() throws {
        let (model, path) = try makeFile()
        let program = """
            import h5py, sys
            with h5py.File(sys.argv[1]) as f:
                sys.stdout.write(f['files/config.json'][:].tobytes().decode())
                for name in sorted(f['tensors']):
                    values = f['tensors'][name][...].astype('float64')
                    print(name, list(values.shape), float(values.reshape(-1)[0]), float(values.reshape(-1)[-1]))
            """
        let outcome = try Witness.run("python3", ["-c", program, path])
        #expect(outcome.status == 0)
        var expected = model.config
        for tensor in try model.tensors().sorted(by: { $0.weight.name < $1.weight.name }) {
            let size = tensor.encoding.bytesPerElement
            let (first, last) = (number(tensor.bytes.prefix(size), tensor), number(tensor.bytes.suffix(size), tensor))
            expected += "\(tensor.weight.name) \(tensor.weight.shape) \(first) \(last)\n"
        }
        #expect(outcome.output == expected)
    }

    private func makeFile() throws -> (model: SampleModel, path: String) {
        let model = SampleModel(types: ["BF16", "F32", "F16"])
        let source = try TemporaryFolder()
        try model.write(to: source)
        let path = folder.path("model.h5")
        _ = try Importer.run(source: source.path(""), destination: path, encoding: .keep, programVersion: "0.0.1")
        return (model, path)
    }

    private func number(_ bytes: ArraySlice<UInt8>, _ tensor: SampleModel.Tensor) -> Double {
        let bits = bytes.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        switch tensor.encoding {
        case .f32: return Double(Float(bitPattern: bits))
        case .f16: return Double(Float16(bitPattern: UInt16(bits)))
        case .bf16: return Double(Float(bitPattern: bits << 16))
        }
    }
}
