import HDF5

/// A weights file that is open for reading: one model, its texts, its tensors.
///
/// The file is HDF5. Group `tensors` holds a dataset per tensor under its checkpoint name: its numbers or, of a grouped
/// encoding, the integers; what the groups have besides is in `high_bits`, `scales`, `offsets`, `super_scales` and
/// `super_offsets` under the same name. Group `checksums` holds the XXH64 of every panel, `band_checksums` that of
/// bands, `scales_checksums` and so on those of the other parts, and `files` the texts as bytes. See ``PanelGrid``.
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

    private let file: InputFile
    private let contents: [String: WeightsContents.Tensor]

    /// Opens a file and checks that it is a weights file of this version, with everything that it announces.
    public init(path: String) throws(WeightsError) {
        try InputFile.refuseSpecial(path)
        let contents = try WeightsContents(
            try reading(path) { () throws(HDF5Error) in try HDF5File(opening: path) }, path: path)
        file = try InputFile(path)
        self.path = path
        programVersion = contents.programVersion
        sourceName = contents.sourceName
        sourceHash = contents.sourceHash
        modelHash = contents.modelHash
        texts = contents.texts
        tensors = contents.tensors.map(\.info)
        self.contents = Dictionary(uniqueKeysWithValues: contents.tensors.map { ($0.info.name, $0) })
        // A rank would keep what reading the lists took beside its slices.
        HDF5Memory.giveBack()
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

    /// The parts of a tensor, for reading; any number of threads may use them.
    func readers(of name: String) throws(WeightsError) -> [PartReader] {
        guard let tensor = contents[name] else { throw .unknownTensor(path: path, name: name) }
        return zip(tensor.info.parts, tensor.parts).map { stored, contents in
            PartReader(
                file: file, tensor: tensor.info, stored: stored, checksums: contents.checksums, start: contents.start)
        }
    }
}
