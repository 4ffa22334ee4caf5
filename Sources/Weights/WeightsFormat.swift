import Blueprint
import HDF5

/// The names and rules that reader and writer of weights files share.
enum WeightsFormat {
    static let version = 1

    static let tensors = "tensors"
    static let checksums = "checksums"
    static let bandChecksums = "band_checksums"
    static let files = "files"
    static let groups = [tensors, checksums, bandChecksums, files]

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

    static func elementType(_ encoding: Scalar) -> HDF5ElementType {
        switch encoding {
        case .f32: .float32
        case .bf16: .bfloat16
        case .f16: .float16
        }
    }

    static func encoding(_ elementType: HDF5ElementType) -> Scalar? {
        switch elementType {
        case .float32: .f32
        case .bfloat16: .bf16
        case .float16: .f16
        case .unsigned8, .unsigned64, .signed64: nil
        }
    }

    /// The hash that two ranks compare before they load: equal where config.json and every tensor's name, shape,
    /// encoding, panels, bands and checksums are.
    static func modelHash(configuration: String, tensors: [(info: TensorInfo, checksums: Checksums)]) -> UInt64 {
        var material = Array(configuration.utf8)
        for (info, checksums) in tensors.sorted(by: { $0.info.name < $1.info.name }) {
            let panels = "\(info.panels.rowsPerPanel)x\(info.panels.columnsPerPanel)x\(info.panels.rowsPerBand ?? 0)"
            material += Array("\0\(info.name)\0\(info.shape)\0\(info.encoding.name)\0\(panels)\0".utf8)
            for checksum in checksums.panels + checksums.bands {
                unsafe withUnsafeBytes(of: checksum.littleEndian) { unsafe material.append(contentsOf: $0) }
            }
        }
        return XXH64.hash(material)
    }
}
