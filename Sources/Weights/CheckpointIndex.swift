import JSON

/// `model.safetensors.index.json`: which part holds which tensor.
struct CheckpointIndex {
    static let name = "model.safetensors.index.json"

    let partOfTensor: [String: String]

    init(_ path: String) throws(WeightsError) {
        let value = try JSONValue(try InputFile.text(path), at: path)
        guard case .object(let members) = value["weight_map"] else {
            throw .malformed(location: path, expected: "an object 'weight_map'", found: "none")
        }
        var partOfTensor: [String: String] = [:]
        for member in members {
            guard let part = member.value.text, !part.isEmpty, !part.contains("/"), part != ".." else {
                throw .malformed(
                    location: path, expected: "a file name for '\(member.key)'", found: member.value.json)
            }
            guard partOfTensor.updateValue(part, forKey: member.key) == nil else {
                throw .malformed(location: path, expected: "every tensor once", found: "'\(member.key)' twice")
            }
        }
        self.partOfTensor = partOfTensor
    }
}
