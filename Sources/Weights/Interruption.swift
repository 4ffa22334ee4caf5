import Dispatch
import Glibc
import Synchronization

/// Notices when the process is asked to end (SIGINT, SIGTERM, or SIGHUP when its terminal goes), so that an unfinished
/// file can be put away first.
///
/// Until it is asked for the first time signals do what they always do, and one that the process ignores stays ignored.
package final class Interruption {
    private let signal = Atomic<Int32>(0)
    private var sources: [any DispatchSourceSignal] = []
    private var isWatching = false

    /// Watches nothing yet.
    package init() {}

    /// Whether the process was asked to end since the first such question.
    package var hasCome: Bool {
        if !isWatching { watch() }
        return signal.load(ordering: .relaxed) != 0
    }

    /// Ends the process by the signal that has come, as if it had not been held up.
    package func proceed() {
        for source in sources { source.cancel() }
        let number = signal.load(ordering: .relaxed)
        guard number != 0 else { return }
        _ = Glibc.signal(number, SIG_DFL)
        raise(number)
    }

    private func watch() {
        isWatching = true
        for number in [SIGINT, SIGTERM, SIGHUP] {
            var action = sigaction()
            guard unsafe sigaction(number, nil, &action) == 0 else { continue }
            if unsafe unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == Self.ignored { continue }
            _ = Glibc.signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { [weak self] in self?.signal.store(number, ordering: .relaxed) }
            source.activate()
            sources.append(source)
        }
    }

    // SIG_IGN as a number: functions cannot be compared.
    private static let ignored = 1
}
