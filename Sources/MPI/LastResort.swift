internal import CMPI
internal import Glibc

/// The end of a job that cannot end well.
enum LastResort {
    private static let longestSeconds: UInt32 = 8

    /// Makes sure that this process ends soon, whatever happens to its other threads and to `MPI_Abort`.
    static func arm() {
        var thread = pthread_t()
        let code = unsafe pthread_create(
            &thread, nil,
            { _ in
                LastResort.sleep(seconds: Double(LastResort.longestSeconds))
                LastResort.exitNow()
            }, nil)
        // The alarm's signal ends the process, too, though with another status.
        if code != 0 { alarm(longestSeconds) }
    }

    /// Prints the message, unless it is empty, and ends the whole job with status 1.
    static func abort(_ message: String) -> Never {
        if !message.isEmpty { StandardError.write(message) }
        _ = unsafe MPI_Abort(cmpi_comm_world(), 1)
        exitNow()
    }

    static func exitNow() -> Never { _exit(1) }

    /// Sleeps for the whole time, signals or not.
    static func sleep(seconds: Double) {
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end { usleep(10_000) }
    }
}

/// Standard error, without a buffer that an abort would lose.
enum StandardError {
    /// Writes a line in one piece, so that the lines of several ranks do not mix.
    static func write(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        _ = unsafe Glibc.write(STDERR_FILENO, bytes, bytes.count)
    }
}
