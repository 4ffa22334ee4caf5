/// What can go wrong before a computation starts. Computing itself does not fail.
public enum ComputeError: Error, CustomStringConvertible, Equatable {
    /// The instruction set that was asked for is unknown, or this machine does not have it.
    case unsupportedInstructionSet(String, supported: [String])
    /// The operating system did not give the arena's memory.
    case noMemory(byteCount: Int, reason: String)
    /// The arena is too small for what is asked of it.
    case arenaFull(what: String, byteCount: Int, usedByteCount: Int, capacity: Int)
    /// A dimension is negative, or a size is too large to count.
    case badShape(String)

    /// `where: expected, found; what to do`.
    public var description: String {
        switch self {
        case .unsupportedInstructionSet(let name, let supported):
            "LOCKSTEP_ISA: expected one of \(supported.joined(separator: ", ")), which this machine has, "
                + "found '\(name)'; name one of them or leave the variable unset"
        case .noMemory(let byteCount, let reason):
            "arena: expected \(byteCount) bytes from the system, found: \(reason); "
                + "give this rank a smaller share or a shorter context"
        case .arenaFull(let what, let byteCount, let usedByteCount, let capacity):
            "arena: expected \(byteCount) bytes for \(what), "
                + "found \(capacity - usedByteCount) free of \(capacity) bytes; "
                + "size the arena as the sum of its parts' byte counts"
        case .badShape(let shape):
            "arena: expected dimensions from zero up whose bytes can be counted, found \(shape); correct the shape"
        }
    }
}
