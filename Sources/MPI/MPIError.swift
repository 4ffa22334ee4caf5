internal import CMPI

/// What can go wrong between ranks.
public enum MPIError: Error, Equatable {
    /// A function of the MPI library returned an error code.
    case call(function: String, reason: String)

    /// A vector is longer than a collective with parts can address.
    case tooLong(function: String, count: Int)

    /// The MPI library cannot be used by two threads at a time, which the watchdog needs.
    case threadsUnsupported

    /// The system refused what the watchdog needs.
    case watchdog(reason: String)

    /// All ranks of a communicator know of this failure and throw the same error; `reporter`, a rank of the whole job,
    /// prints it.
    case agreed(message: String, reporter: Int)
}

extension MPIError: CustomStringConvertible {
    /// The message for the user: where, what was expected and found, what to do.
    public var description: String {
        switch self {
        case .call(let function, let reason):
            """
            \(function): expected success, found '\(reason)'; \
            check that all ranks run the same program and reach each other
            """
        case .tooLong(let function, let count):
            """
            \(function): expected at most \(Int32.max) elements in all parts together, found \(count); \
            exchange the vector in several pieces
            """
        case .threadsUnsupported:
            """
            MPI_Init_thread: expected MPI_THREAD_MULTIPLE, found less; \
            use an MPI library that was built with thread support
            """
        case .watchdog(let reason):
            "watchdog: expected to start its thread, found '\(reason)'; raise the limits for threads and open files"
        case .agreed(let message, _):
            message
        }
    }
}

/// Turns a return code of the MPI library into an error.
func check(_ function: StaticString, _ code: Int32) throws(MPIError) {
    guard code != MPI_SUCCESS else { return }
    var text = [CChar](repeating: 0, count: Int(MPI_MAX_ERROR_STRING) + 1)
    var length: Int32 = 0
    let described = unsafe text.withUnsafeMutableBufferPointer { buffer in
        unsafe MPI_Error_string(code, buffer.baseAddress, &length)
    }
    guard described == MPI_SUCCESS else {
        throw .call(function: "\(function)", reason: "error code \(code)")
    }
    let bytes = text.prefix(Int(length)).map { UInt8(bitPattern: $0) }
    throw .call(function: "\(function)", reason: String(decoding: bytes, as: UTF8.self))
}
