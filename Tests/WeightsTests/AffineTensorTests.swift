import Blueprint
import Foundation
import Launching
import Testing
import Weights

/// Matrices that mlx 0.32 quantised, with what it makes of them in float32; `Resources/affine/make.py` made the file.
@Suite struct AffineTensorTests {
    private static let forms = [2, 3, 4, 5, 6, 8].flatMap { bits in
        [32, 64, 128].flatMap { size in
            (bits == 4 || bits == 8 ? ["f16", "bf16", "f32"] : ["bf16"]).map { (bits: bits, size: size, scale: $0) }
        }
    }

    private static let microscaled = "\"mxfp4\": {\"mode\": \"mxfp4\", \"bits\": 4, \"group_size\": 32}"

    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test func elementsAreThoseOfTheLibrary() throws {
        let resource = Bundle.module.bundleURL.appending(path: "Resources/affine/model.safetensors")
        try folder.write("model.safetensors", Array(try Data(contentsOf: resource)))
        let exceptions = Self.forms.map {
            "\"q\($0.bits).g\($0.size).\($0.scale)\": {\"bits\": \($0.bits), \"group_size\": \($0.size)}"
        }
        try write(quantization: exceptions + [Self.microscaled])
        let tensors = try Checkpoint(folder.path("")).tensors()
        #expect(tensors.count == 2 * Self.forms.count + 2)
        for form in Self.forms {
            let path = "q\(form.bits).g\(form.size).\(form.scale)"
            let tensor = try #require(tensors["\(path).weight"])
            let scale = try #require(Grouping.Scale(rawValue: form.scale))
            let grouping = Grouping(bits: max(4, form.bits), size: form.size, scale: scale, hasOffsets: true)
            #expect(try tensor.encoding == grouping.map(Encoding.grouped))
            #expect(tensor.shape == [3, 256])
            let expected = try #require(tensors["\(path).expected"])
            let found = try Self.widened(tensor, rows: 0..<3)
            let differences = zip(found, try Self.widened(expected, rows: 0..<3)).map { abs($0 - $1) }
            // The library rounds the product before the sum: only products of 24 bits or fewer come out alike.
            let bound = scale == .f32 ? Float(0.5).ulp : 0
            #expect(differences.count == 3 * 256 && differences.allSatisfy { $0 <= bound }, "\(path)")
            #expect(Set(found).count > min(3 * 256, (3 * 256 / form.size) << form.bits) / 2)
            #expect(try Self.widened(tensor, rows: 1..<2) == Array(found[256..<512]), "\(path)")
        }
        let (floats, expected) = (try #require(tensors["mxfp4.weight"]), try #require(tensors["mxfp4.expected"]))
        #expect(try floats.encoding == Grouping.microscaled.map(Encoding.grouped))
        #expect(try Self.widened(floats, rows: 0..<3) == Self.widened(expected, rows: 0..<3))
        #expect(try Self.widened(floats, rows: 1..<2) == Self.widened(expected, rows: 1..<2))
    }

    @Test func floatsOfFourBitsThatDoNotFitTogetherAreRefused() throws {
        let sound: [(String, String, [Int], Int)] = [
            ("mxfp4.weight", "U32", [2, 8], 64), ("mxfp4.scales", "U8", [2, 2], 4),
        ]
        #expect(try refusal(sound, Self.microscaled) == nil)
        var changed = sound
        changed[1] = ("mxfp4.scales", "F16", [2, 2], 8)
        #expect(
            try refusal(changed, Self.microscaled)?.contains(
                "'mxfp4.scales': expected a matrix of U8, as of mxfp4, found [2, 2] of F16") == true)
        changed[1] = ("mxfp4.scales", "U8", [2, 3], 6)
        #expect(
            try refusal(changed, Self.microscaled)?
                .contains("'mxfp4.scales': expected [2, 2], for the words beside it, [2, 8], found [2, 3]") == true)
        changed = [("mxfp4.weight", "U8", [2, 32], 64), sound[1]]
        #expect(try refusal(changed, Self.microscaled)?.contains("expected a matrix of U32, as of mxfp4") == true)
        changed = [("mxfp4.weight", "U32", [0, 1 << 62], 0), ("mxfp4.scales", "U8", [0, 1 << 60], 0)]
        #expect(try refusal(changed, Self.microscaled)?.contains("expected fewer words in a row") == true)
        changed = [sound[0]]
        changed.append(("mxfp4.biases", "F16", [2, 2], 8))
        #expect(try refusal(changed + [sound[1]], Self.microscaled) == nil)
    }

    @Test func whatDoesNotFitTogetherIsRefused() throws {
        let sound: [(String, String, [Int], Int)] = [
            ("m.weight", "U32", [2, 8], 64), ("m.scales", "F16", [2, 2], 8), ("m.biases", "F16", [2, 2], 8),
        ]
        #expect(try refusal(sound) == nil)
        var changed = sound
        changed[2] = ("m.other", "F16", [2, 2], 8)
        #expect(try refusal(changed)?.contains("the tensors that belong to 'm.scales': 'm.biases', found none") == true)
        changed = sound
        changed[2] = ("m.biases", "BF16", [2, 2], 8)
        #expect(try refusal(changed)?.contains("'m.biases': expected the type of the scales, F16, found BF16") == true)
        changed = sound
        changed[1] = ("m.scales", "F16", [2, 1], 4)
        #expect(
            try refusal(changed)?
                .contains(
                    "'m.scales': expected [2, 2], for the words beside it, [2, 8], and groups of 32 columns of 4 bits, "
                        + "as config.json says, found [2, 1]") == true)
        changed = sound
        changed[0] = ("m.weight", "I32", [2, 8], 64)
        #expect(try refusal(changed)?.contains("'m.weight': expected integers packed in U32") == true)
        changed = sound
        changed[0] = ("m.weight", "U32", [2, 7], 56)
        #expect(
            try refusal(changed)?
                .contains("rows of whole groups of 32 columns of 4 bits, as config.json says, found 7 words") == true)
        let threeBits = "\"m\": {\"bits\": 3, \"group_size\": 32}"
        #expect(
            try refusal(changed, threeBits)?
                .contains("rows of whole groups of 32 columns of 3 bits, as config.json says, found 7 words") == true)
        for missing in [["m.scales"], ["m.scales", "m.biases"]] {
            changed = sound.filter { !missing.contains($0.0) }
            #expect(
                try refusal(changed)?.contains("the tensors that belong to 'm.weight': 'm.scales', found none") == true)
        }
        changed = sound
        changed[0] = ("m.weight", "U32", [0, 1 << 60], 0)
        #expect(
            try refusal(changed)?.contains("'m.weight': expected fewer words in a row, found [0, \(1 << 60)]") == true)
        #expect(try refusal(sound, "\"m\": false")?.contains("as config.json has 'm' not quantised") == true)
    }

    private func refusal(
        _ tensors: [(name: String, type: String, shape: [Int], count: Int)], _ members: String...
    ) throws -> String? {
        let text = SafetensorsText(
            tensors.map { ($0.name, $0.type, $0.shape, [UInt8](repeating: 17, count: $0.count)) })
        try folder.write("model.safetensors", text.bytes)
        try write(quantization: members)
        do throws(WeightsError) {
            _ = try Checkpoint(folder.path("")).tensors()
            return nil
        } catch {
            return error.description
        }
    }

    private func write(quantization members: [String]) throws {
        let all = (["\"bits\": 4", "\"group_size\": 32"] + members).joined(separator: ", ")
        try folder.write("config.json", "{\"quantization\": {\(all)}}")
    }

    /// Rows as float32.
    static func widened(_ tensor: any CheckpointTensor, rows: Range<Int>) throws -> [Float] {
        let (encoding, columns) = (try tensor.encoding, tensor.shape[1])
        let converter = try #require(RowConversion.converter(from: encoding, to: .f32))
        let parts = unsafe encoding.parts.map {
            UnsafeMutableRawBufferPointer.allocate(
                byteCount: rows.count * encoding.rowByteCount(of: $0, columns: columns), alignment: 64)
        }
        defer { for unsafe part in unsafe parts { unsafe part.deallocate() } }
        try unsafe tensor.read(rows: rows, into: parts)
        var floats = [Float](repeating: .nan, count: rows.count * columns)
        unsafe floats.withUnsafeMutableBytes { target in
            _ = unsafe converter.convert(
                rowCount: rows.count, columns: columns, from: parts.map { UnsafeRawBufferPointer($0) }, to: [target])
        }
        return floats
    }
}
