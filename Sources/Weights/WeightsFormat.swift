import Blueprint
import HDF5

/// The names and rules that reader and writer of weights files share.
///
/// Each array of a tensor is a dataset of the tensor's name: the numbers, or the values of grouped ones, in the group
/// `tensors`, the other parts in groups of their own. Beside each of these groups are two of checksums.
enum WeightsFormat {
    static let version = 2

    static let files = "files"
    static let groups = [files] + Grouping.Part.allCases.flatMap { [data($0), checksums($0), bandChecksums($0)] }

    static let versionAttribute = "lockstep_format_version"
    static let programAttribute = "program_version"
    static let sourceAttribute = "source_name"
    static let sourceHashAttribute = "source_hash"
    static let modelHashAttribute = "model_hash"
    static let tensorCountAttribute = "tensor_count"
    static let rowsPerPanelAttribute = "rows_per_panel"
    static let columnsPerPanelAttribute = "columns_per_panel"
    static let rowsPerBandAttribute = "rows_per_band"
    static let textHashAttribute = "xxh64"

    static let bitsAttribute = "bits"
    static let groupSizeAttribute = "group_size"
    static let scaleAttribute = "scale"
    static let offsetsAttribute = "has_offsets"
    static let columnsAttribute = "columns"

    /// The group of a part's datasets.
    static func data(_ part: Grouping.Part) -> String {
        switch part {
        case .values: "tensors"
        case .highBits: "high_bits"
        case .scales: "scales"
        case .offsets: "offsets"
        case .superScales: "super_scales"
        case .superOffsets: "super_offsets"
        }
    }

    /// The group of the checksums of a part's panels.
    static func checksums(_ part: Grouping.Part) -> String {
        part == .values ? "checksums" : "\(data(part))_checksums"
    }

    /// The group of the checksums of a part's bands.
    static func bandChecksums(_ part: Grouping.Part) -> String {
        part == .values ? "band_checksums" : "\(data(part))_band_checksums"
    }

    /// The type of a part's elements.
    static func elementType(_ part: Grouping.Part, of encoding: Encoding) -> HDF5ElementType {
        switch (encoding, part) {
        case (.plain(let scalar), _): elementType(scalar)
        case (.grouped, .values), (.grouped, .highBits): .unsigned8
        case (.grouped, .superScales), (.grouped, .superOffsets): .float16
        case (.grouped(let grouping), .scales), (.grouped(let grouping), .offsets):
            switch grouping.scale {
            case .f16: .float16
            case .bf16: .bfloat16
            case .f32: .float32
            case .nested: .signed8
            }
        }
    }

    private static func elementType(_ scalar: Scalar) -> HDF5ElementType {
        switch scalar {
        case .f32: .float32
        case .bf16: .bfloat16
        case .f16: .float16
        }
    }

    /// The encoding of numbers that stand each by itself.
    static func scalar(_ elementType: HDF5ElementType) -> Scalar? {
        switch elementType {
        case .float32: .f32
        case .bfloat16: .bf16
        case .float16: .f16
        case .unsigned8, .signed8, .unsigned64, .signed64: nil
        }
    }

    /// The hash that two ranks compare before they load: equal where config.json and every tensor's name, shape,
    /// encoding, panels, bands and checksums are.
    static func modelHash(configuration: String, tensors: [(info: TensorInfo, checksums: [Checksums])]) -> UInt64 {
        var material = Array(configuration.utf8)
        for (info, checksums) in tensors.sorted(by: { $0.info.name < $1.info.name }) {
            material += Array("\0\(info.name)\0\(info.shape)\0\(info.encoding.name)\0".utf8)
            for (part, checksums) in zip(info.parts, checksums) {
                let grid = part.grid
                material += Array("\(grid.rowsPerPanel)x\(grid.columnsPerPanel)x\(grid.rowsPerBand ?? 0)\0".utf8)
                for checksum in checksums.panels + checksums.bands {
                    unsafe withUnsafeBytes(of: checksum.littleEndian) { unsafe material.append(contentsOf: $0) }
                }
            }
        }
        return XXH64.hash(material)
    }
}
