import Glibc

/// What a path leads to, links followed.
enum PathKind {
    case file
    case folder
    /// A device, a pipe or a socket.
    case special

    /// Asks the operating system; nil where there is nothing, or where it doesn't say.
    init?(of path: String) {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        self.init(status)
    }

    /// Reads what the operating system said.
    init(_ status: stat) {
        self =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .file
            case S_IFDIR: .folder
            default: .special
            }
    }
}
