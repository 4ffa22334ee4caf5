import Blueprint

extension WeightsFile {
    /// What the file holds, in short.
    public var summary: WeightsSummary {
        var encodings: [Encoding: WeightsSummary.Total] = [:]
        for info in tensors { encodings[info.encoding, default: WeightsSummary.Total()].add(info) }
        return WeightsSummary(
            path: path, sourceName: sourceName, sourceHash: sourceHash, modelHash: modelHash,
            programVersion: programVersion, tensorCount: tensors.count,
            parameterCount: tensors.reduce(0) { $0 + $1.elementCount }, encodings: encodings,
            texts: Checkpoint.Text.allCases.filter { texts[$0] != nil })
    }
}
