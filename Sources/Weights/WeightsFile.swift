import HDF5

/// A weights file that is open for reading: one model, its texts, its tensors.
///
/// The file is HDF5: group `tensors` holds a dataset per tensor under its checkpoint name, group `checksums` the XXH64
/// of every panel under the same name, group `band_checksums` those of bands, group `files` the texts as bytes. Use it
/// from one thread at a time.
public final class WeightsFile {
    /// Where the file is.
    public let path: String
    /// The version of the program that wrote it.
    public let programVersion: String
    /// The name of the checkpoint that it was made from.
    public let sourceName: String
    /// A hash that tells that checkpoint from others, in hexadecimal; see ``Checkpoint/hash()``.
    public let sourceHash: String
    /// A hash over config.json and every tensor's name, shape, encoding and checksums, in hexadecimal.
    public let modelHash: String
    /// The tensors, in the order of their names.
    public let tensors: [TensorInfo]
    /// The verbatim texts that the file holds.
    public let texts: [Checkpoint.Text: String]

    private let file: HDF5File
    private let contents: [String: WeightsContents.Tensor]
    let staging: StagingBuffer

    /// Opens a file and checks that it is a weights file of this version, with everything that it announces.
    public init(path: String) throws(WeightsError) {
        let file = try reading(path) { () throws(HDF5Error) in try HDF5File(opening: path) }
        let contents = try WeightsContents(file, path: path)
        self.path = path
        programVersion = contents.programVersion
        sourceName = contents.sourceName
        sourceHash = contents.sourceHash
        modelHash = contents.modelHash
        texts = contents.texts
        tensors = contents.tensors.map(\.info)
        self.contents = Dictionary(uniqueKeysWithValues: contents.tensors.map { ($0.info.name, $0) })
        let largest = contents.tensors.map(\.info.panelByteCount).max() ?? 0
        staging = StagingBuffer(byteCount: max(8 << 20, largest))
        self.file = file
    }

    /// config.json.
    public var config: String { texts[.configuration] ?? "" }
    /// generation_config.json.
    public var generationConfig: String? { texts[.generation] }
    /// tokenizer.json.
    public var tokenizer: String? { texts[.tokenizer] }
    /// tokenizer_config.json.
    public var tokenizerConfig: String? { texts[.tokenizerConfiguration] }
    /// The chat template, wherever the checkpoint had it.
    public var chatTemplate: String? { texts[.chatTemplate] }

    /// The tensor of this name, nil when there is none.
    public func tensor(_ name: String) -> TensorInfo? { contents[name]?.info }

    /// Opens a tensor for reading.
    func open(_ name: String) throws(WeightsError) -> TensorReader {
        guard let tensor = contents[name] else { throw .unknownTensor(path: path, name: name) }
        let dataset = try reading(path) { () throws(HDF5Error) in
            try file.root().openGroup(WeightsFormat.tensors).openDataset(name)
        }
        return TensorReader(
            path: path, info: tensor.info, checksums: tensor.checksums, dataset: dataset, staging: staging)
    }
}
