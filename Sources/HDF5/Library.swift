import CHDF5
import Synchronization

/// The memory of the C library.
public enum HDF5Memory {
    /// Gives back what is free: the library keeps megabytes after it has read long lists.
    public static func giveBack() {
        Library.locked {
            _ = H5garbage_collect()
            malloc_trim(0)
        }
    }
}

/// The one way into the C library: every call holds the lock, and every return code is checked.
///
/// A serial build of HDF5 keeps its error stack and caches in global variables, so two calls must never overlap,
/// whatever thread they come from.
enum Library {
    private static let isPrepared = Mutex(false)

    /// Runs one C call and returns its result, or throws the innermost message of the error stack when it is negative.
    @discardableResult
    static func check<Code: SignedInteger & Sendable>(
        _ call: String, at location: String, _ body: () -> Code
    ) throws(HDF5Error) -> Code {
        let (code, reason) = locked { () -> (Code, String) in
            let code = body()
            return (code, code < 0 ? innermostMessage() : "")
        }
        guard code >= 0 else { throw .refused(location: location, call: call, reason: reason) }
        return code
    }

    /// Runs C calls whose failure has no consequence, or a meaning of its own.
    static func locked<Result: Sendable>(_ body: () -> Result) -> Result {
        isPrepared.withLock { isPrepared in
            if !isPrepared {
                // At exit the library would flush what could not be written, a full disk's file say, and crash. Every
                // owner closes its own object before.
                H5dont_atexit()
                isPrepared = true
            }
            // The library prints its stack on standard error unless told otherwise; messages are ours to print. It is
            // told each time, because builds that know threads keep one stack per thread.
            H5Eset_auto2(chdf5_default(), nil, nil)
            return body()
        }
    }

    /// The message of the deepest entry of the error stack. Corresponds to `H5Ewalk2`.
    private static func innermostMessage() -> String {
        var message = ""
        unsafe withUnsafeMutablePointer(to: &message) { pointer in
            _ = unsafe H5Ewalk2(chdf5_default(), H5E_WALK_UPWARD, keepFirst, pointer)
        }
        _ = H5Eclear2(chdf5_default())
        return message.isEmpty ? "no message" : message
    }
}

private let keepFirst: H5E_walk2_t = { depth, entry, client in
    guard depth == 0, let description = unsafe entry?.pointee.desc, let client = unsafe client else { return 0 }
    unsafe client.assumingMemoryBound(to: String.self).pointee = unsafe String(cString: description)
    return 0
}
