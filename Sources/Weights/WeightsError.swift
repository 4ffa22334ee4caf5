import HDF5
import Partition

/// What can go wrong between a checkpoint and a weights file; the texts read `where: expected, found; what to do`.
public enum WeightsError: Error, Hashable, Sendable {
    /// The operating system didn't open or read a file or folder.
    case unreadable(path: String, reason: String)
    /// The operating system didn't write a file.
    case unwritable(path: String, reason: String)
    /// What a path leads to isn't what it is given for.
    case badPath(path: String, expected: String, found: String)
    /// There is no checkpoint at a path.
    case notCheckpoint(path: String, found: String, advice: String)
    /// A file or folder isn't what its place asks for.
    case malformed(location: String, expected: String, found: String)
    /// Pieces of the checkpoint are absent.
    case absent(path: String, what: String, names: [String])
    /// Of the files that make up the weights some are absent; `found` are those of their kind that there are.
    case absentParts(path: String, names: [String], found: [String])
    /// The folder has weights only in files of kinds that aren't read.
    case otherWeights(path: String, names: [String])
    /// The checkpoint holds tensors that nothing computes with.
    case unexpectedTensors(path: String, names: [String])
    /// A tensor's shape isn't what config.json asks for.
    case shapeMismatch(location: String, found: [Int], expected: [Int])
    /// A tensor's elements are of a type that can't be imported.
    case unsupportedElements(location: String, found: String)
    /// A tensor's elements are of a type that isn't read from this kind of file.
    case unreadElements(location: String, known: String, found: String)
    /// A tensor can't be turned from its encoding into the one that is asked for.
    case noConversion(location: String, from: String, to: String)
    /// Different encodings are asked for embedding and head, which are one matrix.
    case tiedHead(embedding: String, head: String)
    /// config.json describes no model that is implemented; `reason` is the blueprint's message.
    case unsupportedModel(path: String, reason: String)
    /// The tokenizer is broken, or there are tokens that the model has not; `reason` says where.
    case unsupportedTokens(path: String, reason: String)
    /// An import was asked to stop.
    case stopped(path: String)
    /// The disk hasn't the room; the counts are nil when the system doesn't say.
    case diskFull(path: String, neededByteCount: Int?, availableByteCount: Int?)
    /// The file is not a weights file.
    case notWeightsFile(path: String, found: String)
    /// The file is not one of logits.
    case notLogitsFile(path: String, found: String)
    /// The file has another format version.
    case otherVersion(path: String, found: Int, known: Int)
    /// The file is truncated or its structure is damaged.
    case broken(path: String, reason: String)
    /// The stored bytes of a panel or text are not those that were written.
    case damaged(path: String, what: String, stored: String, computed: String)
    /// There is no tensor of this name.
    case unknownTensor(path: String, name: String)
    /// A slice or its buffer doesn't fit the tensor.
    case badSlice(location: String, expected: String, found: String)
    /// The arena hasn't the room for a slice; `reason` is the arena's message.
    case noPlace(reason: String)
}

extension WeightsError: CustomStringConvertible {
    /// The message for a person, one line.
    public var description: String {
        switch self {
        case .unreadable(let path, let reason):
            "\(path): expected something readable, found '\(reason)'; check the path and its permissions"
        case .unwritable(let path, let reason):
            "\(path): expected to write it, found '\(reason)'; check the path, its permissions and the disk"
        case .badPath(let path, let expected, let found):
            "\(path): expected \(expected), found \(found); give another path"
        case .notCheckpoint(let path, let found, let advice):
            "\(path): expected a checkpoint folder with config.json, or a GGUF file, found \(found); \(advice)"
        case .malformed(let location, let expected, let found):
            "\(location): expected \(expected), found \(found); download the checkpoint again"
        case .absent(let path, let what, let names):
            "\(path): expected \(what) \(Self.list(names)), found none; download the checkpoint again"
        case .absentParts(let path, let names, let found):
            "\(path): expected \(names.count == 1 ? "the part" : "the parts") \(Self.list(names)), "
                + "found \(found.isEmpty ? "none" : "only \(Self.list(found))"); download what is missing, "
                + "or give files back the names that they were published with"
        case .otherWeights(let path, let names):
            "\(path): expected weights in .safetensors files, found only \(Self.list(names)); "
                + "other kinds are not read, download the .safetensors files of this model"
        case .unexpectedTensors(let path, let names):
            "\(path): expected only tensors that config.json asks for, found also \(Self.list(names)); "
                + "this model computes something that is not implemented"
        case .shapeMismatch(let location, let found, let expected):
            "\(location) is \(found), the config says \(expected); download the checkpoint again"
        case .unsupportedElements(let location, let found):
            "\(location): expected elements in F32, F16 or BF16, found \(found); "
                + "use a checkpoint that is not quantised"
        case .unreadElements(let location, let known, let found):
            "\(location): expected elements in one of \(known), found \(found); use a file of these types only"
        case .noConversion(let location, let from, let to):
            "\(location): expected elements that can become \(to), found \(from); "
                + "keep it as it is (--encoding keep, and none for embedding and head), or import from a checkpoint "
                + "that is not quantised"
        case .tiedHead(let embedding, let head):
            "embedding and head: expected one encoding, as they are one matrix in this model, "
                + "found \(embedding) and \(head); ask for the same or for one of them only"
        case .unsupportedModel(let path, let reason), .unsupportedTokens(let path, let reason):
            "\(path)/\(reason)"
        case .stopped(let path):
            "\(path): expected to be finished, found a request to stop; import again"
        case .diskFull(let path, let needed, let available):
            "\(path): expected room for \(needed.map(Self.size) ?? "the file"), "
                + "found \(available.map(Self.size) ?? "a full disk"); free some space or choose another folder"
        case .notWeightsFile(let path, let found):
            "\(path): expected a weights file, found \(found); make one with 'lockstep import'"
        case .notLogitsFile(let path, let found):
            "\(path): expected a file of logits, found \(found); make one with 'lockstep score --logits'"
        case .otherVersion(let path, let found, let known):
            "\(path): expected format version \(known), found \(found); import the checkpoint again with this program"
        case .broken(let path, let reason):
            "\(path): expected a complete weights file, found '\(reason)'; import the checkpoint again"
        case .damaged(let path, let what, let stored, let computed):
            "\(path): \(what) is damaged: checksum \(stored) expected, \(computed) found; import the checkpoint again"
        case .unknownTensor(let path, let name):
            "\(path): expected a tensor '\(name)', found none; import the checkpoint again"
        case .badSlice(let location, let expected, let found):
            "\(location): expected \(expected), found \(found); ask for a part that the tensor has"
        case .noPlace(let reason):
            reason
        }
    }

    private static func list(_ names: [String]) -> String {
        let shown = names.prefix(5).map { "'\($0)'" }.joined(separator: ", ")
        return names.count > 5 ? "\(shown) and \(names.count - 5) more" : shown
    }

    private static func size(_ byteCount: Int) -> String { Figure.bytes(byteCount) }
}

/// Runs `body` and words what HDF5 reports about a weights file that is being read.
func reading<Result: ~Copyable>(
    _ path: String, _ body: () throws(HDF5Error) -> Result
) throws(WeightsError) -> Result {
    do { return try body() } catch {
        switch error {
        case .cannotOpen(let path, let reason): throw .unreadable(path: path, reason: reason)
        case .isFolder: throw .notWeightsFile(path: path, found: "a folder")
        case .notHDF5: throw .notWeightsFile(path: path, found: "a file that is not HDF5")
        case .missing(let location, let name): throw .broken(path: path, reason: "no '\(name)' in \(location)")
        case .refused(let location, let call, let reason):
            throw .broken(path: path, reason: "\(call) at \(location): \(reason)")
        case .typeMismatch(let location, let expected, let found),
            .shapeMismatch(let location, let expected, let found):
            throw .broken(path: path, reason: "\(location): expected \(expected), found \(found)")
        }
    }
}

/// Runs `body` and words what HDF5 reports about a weights file that is being written.
func writing<Result: ~Copyable>(
    _ path: String, _ body: () throws(HDF5Error) -> Result
) throws(WeightsError) -> Result {
    do { return try body() } catch { throw wordingOfWriting(error, path) }
}

/// What HDF5 reports about a weights file that is being written, in our words.
func wordingOfWriting(_ error: HDF5Error, _ path: String) -> WeightsError {
    guard case .refused(_, let call, let reason) = error else {
        return .unwritable(path: path, reason: error.description)
    }
    if reason.contains("No space left") || reason.contains("quota") {
        return .diskFull(path: path, neededByteCount: nil, availableByteCount: nil)
    }
    // Of all that the library says about a failed write, the system's message is what helps.
    let message = reason.split(separator: "error message = '").dropFirst().first?.prefix { $0 != "'" }
    return .unwritable(path: path, reason: message.map(String.init) ?? "\(call): \(reason)")
}
