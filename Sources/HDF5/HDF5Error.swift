/// What can go wrong with an HDF5 file; the texts read `where: expected, found; what to do`.
public enum HDF5Error: Error, Hashable, Sendable, CustomStringConvertible {
    /// The operating system didn't open the file; `reason` is its own message.
    case cannotOpen(path: String, reason: String)
    /// A folder is where the file should be.
    case isFolder(path: String)
    /// The file is there but its contents aren't HDF5.
    case notHDF5(path: String)
    /// The library refused `call`; `reason` is the innermost message of its error stack.
    case refused(location: String, call: String, reason: String)
    /// A group, dataset or attribute isn't there.
    case missing(location: String, name: String)
    /// Something is stored as another type than asked for.
    case typeMismatch(location: String, expected: String, found: String)
    /// A slab or a buffer doesn't fit the dataset.
    case shapeMismatch(location: String, expected: String, found: String)

    /// The message for a person, one line.
    public var description: String {
        switch self {
        case .cannotOpen(let path, let reason):
            "\(path): expected a file that can be opened, found '\(reason)'; check the path and its permissions"
        case .isFolder(let path):
            "\(path): expected a file, found a folder; check the path"
        case .notHDF5(let path):
            "\(path): expected an HDF5 file, found something else; check the path, or write the file again"
        case .refused(let location, let call, let reason):
            "\(location): \(call) failed with '\(reason)'; the file may be damaged or truncated, write it again"
        case .missing(let location, let name):
            "\(location): expected '\(name)', found nothing of that name; write the file again"
        case .typeMismatch(let location, let expected, let found):
            "\(location): expected \(expected), found \(found); write the file again"
        case .shapeMismatch(let location, let expected, let found):
            "\(location): expected \(expected), found \(found); ask for a part that the dataset has"
        }
    }
}
