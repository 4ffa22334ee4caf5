internal import CMPI

/// The watchdog's thread: looks for progress, answers the other watchdogs, and calls the roll itself when there is
/// none.
///
/// It has a communicator of its own, so that its messages never meet those of the program.
@safe final class RollCall {
    private let watchdog: Watchdog
    private let handle: MPI_Comm
    private let rank: Int
    private let hosts: [String]
    private let calls: [Outbox]
    private let answers: [Outbox]

    private var clock = AwakeClock()
    private var lastProgress = -1
    private var age = 0.0
    private var round: Int64 = 0
    private var reports: [RankReport?] = []

    private enum Tag {
        static let call: Int32 = 1
        static let answer: Int32 = 2
        static let verdict: Int32 = 3
    }

    private enum Limit {
        static let lookMilliseconds: Int32 = 200
        static let lookDuringCallMilliseconds: Int32 = 10
        static let answerSeconds = 3.0
        static let reporterSeconds = 3.0
        // A message of one packet leaves at once, whether or not its receiver is ready.
        static let verdictByteCount = 3500
    }

    init(watchdog: Watchdog, handle: MPI_Comm, rank: Int, hosts: [String]) {
        self.watchdog = watchdog
        unsafe self.handle = unsafe handle
        self.rank = rank
        self.hosts = hosts
        calls = hosts.indices.map { unsafe Outbox(to: $0, tag: Tag.call, handle) }
        answers = hosts.indices.map { unsafe Outbox(to: $0, tag: Tag.answer, handle) }
    }

    /// Runs until MPI is about to be finalised, and then ends the process if that takes too long.
    func run() {
        while !watchdog.isClosing {
            watchdog.sleep(milliseconds: Limit.lookMilliseconds)
            observe()
            readMail()
            if age >= watchdog.deadline { callTheRoll() }
        }
        watchdog.confirmClosed()
        LastResort.sleep(seconds: watchdog.deadline)
        StandardError.write("lockstep: rank \(rank) on \(hosts[rank]): MPI_Finalize did not return")
        LastResort.exitNow()
    }

    private func observe() {
        let elapsed = clock.advance()
        let progress = watchdog.progressMark
        if progress != lastProgress || watchdog.report(age: 0).state == .idle {
            age = 0
        } else {
            age += elapsed
        }
        lastProgress = progress
    }

    private func callTheRoll() {
        round += 1
        let progress = watchdog.progressMark
        reports = Array(repeating: nil, count: hosts.count)
        for call in calls where call.destination != rank { call.send([round]) }
        var waited = AwakeClock()
        var seconds = 0.0
        while seconds < Limit.answerSeconds {
            readMail()
            reports[rank] = watchdog.report(age: age)
            if !reports.contains(nil) || watchdog.isClosing { break }
            watchdog.sleep(milliseconds: Limit.lookDuringCallMilliseconds)
            observe()
            seconds += waited.advance()
        }
        guard watchdog.progressMark == progress, !watchdog.isClosing else { return }
        switch Verdict(reports: reports, hosts: hosts, deadline: watchdog.deadline) {
        case .alive(let age): self.age = min(age, self.age)
        case .dead(let message, let reporter): endTheJob(message, reporter: reporter)
        }
    }

    /// One rank prints; the others pass it what they found, and go on alone if nothing comes of that.
    private func endTheJob(_ message: String, reporter: Int) {
        LastResort.arm()
        if reporter != rank {
            var text = Array(message.utf8.prefix(Limit.verdictByteCount))
            var request: MPI_Request?
            _ = unsafe MPI_Isend(
                &text, Int32(text.count), UInt8.datatype, Int32(reporter), Tag.verdict, handle, &request)
            LastResort.sleep(seconds: Limit.reporterSeconds)
        }
        LastResort.abort("lockstep: \(message)")
    }

    private func readMail() {
        while true {
            var isThere: Int32 = 0
            var status = MPI_Status()
            let code = unsafe MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, handle, &isThere, &status)
            guard code == MPI_SUCCESS, isThere != 0, let letter = receive(&status) else { return }
            read(letter, from: Int(status.MPI_SOURCE), tag: status.MPI_TAG)
        }
    }

    private func receive(_ status: inout MPI_Status) -> [UInt8]? {
        var count: Int32 = 0
        guard unsafe MPI_Get_count(&status, UInt8.datatype, &count) == MPI_SUCCESS else { return nil }
        var letter = [UInt8](repeating: 0, count: Int(count))
        let code = unsafe MPI_Recv(
            &letter, count, UInt8.datatype, status.MPI_SOURCE, status.MPI_TAG, handle, nil)
        return code == MPI_SUCCESS ? letter : nil
    }

    private func read(_ letter: [UInt8], from sender: Int, tag: Int32) {
        if tag == Tag.verdict {
            LastResort.arm()
            LastResort.abort("lockstep: \(String(decoding: letter, as: UTF8.self))")
        }
        let words = unsafe letter.withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count - 7, by: 8).map {
                unsafe bytes.loadUnaligned(fromByteOffset: $0, as: Int64.self)
            }
        }
        guard let round = words.first else { return }
        if tag == Tag.call {
            answers[sender].send([round] + watchdog.report(age: age).words)
        } else if tag == Tag.answer, round == self.round, reports.indices.contains(sender) {
            reports[sender] = RankReport(words: words.dropFirst())
        }
    }
}
