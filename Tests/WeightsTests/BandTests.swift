import Blueprint
import Foundation
import Launching
import Testing
import Weights

/// Rows out of tensors that are stored in tiles of columns.
@Suite struct BandTests {
    private let folder: TemporaryFolder
    private let model = SampleModel.large

    init() throws {
        folder = try TemporaryFolder()
        let source = try TemporaryFolder()
        try model.write(to: source)
        _ = try Importer.run(source: source.path(""), destination: path, encoding: .keep, programVersion: "0")
    }

    private var path: String { folder.path("model.h5") }

    /// Ten rows of tiles, of 112 rows each and the last of 96; `down_proj` has a last tile of 10 columns.
    private func tiled() throws -> [SampleModel.Tensor] {
        try model.tensors().filter { $0.weight.name.contains("o_proj") || $0.weight.name.contains("down_proj") }
    }

    private func read(
        _ file: WeightsFile, _ name: String, rows: Range<Int>, columns: Range<Int>
    ) throws -> (bytes: [UInt8], byteCount: Int) {
        var bytes = [UInt8](repeating: 0, count: rows.count * columns.count * 2)
        let byteCount = try unsafe bytes.withUnsafeMutableBytes { buffer in
            try unsafe file.read(name, rows: rows, columns: columns, into: buffer, rowByteStride: columns.count * 2)
        }
        return (bytes, byteCount)
    }

    @Test(arguments: [
        0..<1, 7..<9, 8..<16, 3..<550, 545..<561, 560..<561, 559..<1104, 1..<1103, 0..<560, 0..<1104, 1103..<1104,
    ]) func rowsAreThosePartsOfTheTensorAndWholeBandsAreRead(rows: Range<Int>) throws {
        let file = try WeightsFile(path: path)
        for tensor in try tiled() {
            let (name, width) = (tensor.weight.name, tensor.weight.columns)
            let (bytes, byteCount) = try read(file, name, rows: rows, columns: 0..<width)
            let isEqual = bytes == Array(tensor.bytes[rows.lowerBound * width * 2..<rows.upperBound * width * 2])
            #expect(isEqual, "\(name) rows \(rows)")
            // Of a row of tiles that the slice has in full all is read, of others only the bands.
            let filled = (width + 15) / 16 * 16
            let expected = stride(from: 0, to: 1104, by: 112).reduce(0) { total, top in
                let tile = top..<min(1104, top + 112)
                let part = rows.clamped(to: tile)
                guard !part.isEmpty, part != tile else { return total + (part.isEmpty ? 0 : 112 * filled) }
                return total + ((part.upperBound + 7) / 8 * 8 - part.lowerBound / 8 * 8) * filled
            }
            #expect(byteCount == expected * 2)
        }
    }

    @Test func bothCutsAtOnceReadTheCheaperOfBandsAndTiles() throws {
        let file = try WeightsFile(path: path)
        for tensor in try tiled() {
            let (name, width) = (tensor.weight.name, tensor.weight.columns)
            let grid = try #require(file.tensor(name)).panels
            for rows in [5..<21, 5..<500, 300..<900, 1..<1104] {
                for columns in [0..<1, 15..<17, 16..<48, 1..<width, width - 1..<width] {
                    let (bytes, byteCount) = try read(file, name, rows: rows, columns: columns)
                    let isEqual =
                        bytes == slice(tensor.bytes, columns: width, size: 2, rows: rows, columns: columns)
                    #expect(isEqual, "\(name) rows \(rows), columns \(columns)")
                    #expect(byteCount == 2 * grid.elementCount(reading: rows, columns: columns))
                    let tiles = (columns.upperBound + 15) / 16 - columns.lowerBound / 16
                    let bands = ((rows.upperBound + 7) / 8 * 8 - rows.lowerBound / 8 * 8) * ((width + 15) / 16 * 16)
                    // The last tiles are filled up by 16 rows.
                    let filling = 16 * ((width + 15) / 16 * 16)
                    #expect(byteCount <= 2 * min(bands + filling + 2 * 112 * 16, 10 * 112 * tiles * 16))
                }
            }
        }
    }

    /// One bit in each tile of one band: a slice with any row of that band is refused, the bands beside it are not.
    @Test func damageInEveryPieceOfABandIsFoundAndNamed() throws {
        let whole = try folder.bytes("model.h5")
        for tensor in try tiled() {
            let (name, width) = (tensor.weight.name, tensor.weight.columns)
            for column in stride(from: 0, to: width, by: 16) {
                let row = 560 + column % 7
                let element = (row * width + column) * 2
                let needle = tensor.bytes[element..<element + min(16, width - column) * 2]
                let start = try #require(place(of: Array(needle), in: whole))
                var damaged = whole
                damaged[start + 3] ^= 1
                try folder.write("model.h5", damaged)
                let file = try WeightsFile(path: path)
                let error = try #require(throws: WeightsError.self) {
                    try file.bytes(name, rows: 567..<600, columns: 0..<width)
                }
                #expect(
                    error.description.contains("'\(name)' (rows 560 to 567, columns 0 to \(width - 1)) is damaged"))
                for rows in [0..<560, 568..<1104] {
                    let bytes = try file.bytes(name, rows: rows, columns: 0..<width)
                    let isEqual =
                        bytes == Array(tensor.bytes[rows.lowerBound * width * 2..<rows.upperBound * width * 2])
                    #expect(isEqual)
                }
            }
        }
    }
}

/// What `firstRange(of:)` finds, without its minutes.
func place(of needle: [UInt8], in whole: [UInt8]) -> Int? {
    unsafe whole.withUnsafeBytes { whole in
        unsafe needle.withUnsafeBytes { needle in
            guard let start = whole.baseAddress, let sought = needle.baseAddress else { return nil }
            let places = 0...whole.count - needle.count
            return places.first { unsafe memcmp(start + $0, sought, needle.count) == 0 }
        }
    }
}
