import Foundation

/// A launch that is under way, as the test that disturbs it sees it.
package struct RunningLaunch {
    let output: URL
    let marker: String

    /// The variable by which the processes of a launch are found; they hand it on to their children.
    static let variable = "LOCKSTEP_TEST_LAUNCH"

    /// Waits until the job has written something to standard output, for 30 seconds at the most.
    package func waitForOutput() -> Bool {
        for _ in 0..<600 {
            if let data = try? Data(contentsOf: output), !data.isEmpty { return true }
            usleep(50_000)
        }
        return false
    }

    /// Sends a signal to a rank; returns whether there was one.
    package func signal(_ signal: Int32, rank: Int) -> Bool {
        let found = Self.processes(marker).filter { Self.environment($0).contains("OMPI_COMM_WORLD_RANK=\(rank)") }
        return !found.isEmpty && found.allSatisfy { kill($0, signal) == 0 }
    }

    /// The living processes of a launch.
    static func processes(_ marker: String) -> [Int32] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { Int32($0) }
            .filter { environment($0).contains("\(variable)=\(marker)") && isAlive($0) }
    }

    /// The variables of a process; none of one that is gone or another user's.
    private static func environment(_ process: Int32) -> [String] {
        guard let data = FileManager.default.contents(atPath: "/proc/\(process)/environ") else { return [] }
        return data.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }

    /// A process that has ended may be listed until its parent looks after it.
    private static func isAlive(_ process: Int32) -> Bool {
        guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
            let end = text.lastIndex(of: ")")
        else { return false }
        let state = text[end...].dropFirst(2).first
        return state != "Z" && state != "X"
    }
}
