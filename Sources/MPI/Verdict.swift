/// What a roll call has shown.
package enum Verdict: Equatable {
    /// The job is alive; the youngest progress is so many seconds old.
    case alive(age: Double)

    /// The job makes no progress: `message` says who is to blame, and the rank `reporter` prints it.
    case dead(message: String, reporter: Int)
}

extension Verdict {
    /// Judges the answers of all ranks, nil for none, to a rank that has seen no progress for `deadline` seconds.
    package init(reports: [RankReport?], hosts: [String], deadline: Double) {
        let answers = reports.compactMap { $0 }
        let silent = reports.indices.filter { reports[$0] == nil }
        let isIdle = answers.contains { $0.state == .idle }
        let youngest = answers.map(\.age).min() ?? 0
        // The ranks look at their clocks only now and then: they may be late by such a look.
        let isOverdue = youngest >= deadline - min(1, deadline / 4)
        guard let reporter = reports.firstIndex(where: { $0 != nil }) else {
            self = .alive(age: 0)
            return
        }
        if silent.isEmpty && isIdle {
            self = .alive(age: 0)
        } else if !isOverdue && !isIdle {
            self = .alive(age: youngest)
        } else {
            let findings = Self.findings(reports, silent: silent, hosts: hosts)
            let message = """
                no step finished for \(Self.seconds(deadline)): \(findings.joined(separator: "; ")); \
                look at those processes, at the load of their hosts and at the network, then start again; \
                a longer --deadline allows slower steps
                """
            self = .dead(message: message, reporter: reporter)
        }
    }

    private static func findings(_ reports: [RankReport?], silent: [Int], hosts: [String]) -> [String] {
        var findings: [String] = []
        if !silent.isEmpty {
            findings.append("\(RankList(silent, hosts: hosts)) did not answer (stopped or cut off)")
        }
        let waiting = reports.indices.filter { reports[$0]?.isWaiting == true && reports[$0]?.state != .finished }
        let finished = reports.indices.filter { reports[$0]?.state == .finished }
        let busy = reports.indices.filter { reports[$0]?.isWaiting == false && reports[$0]?.state == .working }
        let numbers = Set(waiting.compactMap { reports[$0]?.arrived })
        if !busy.isEmpty {
            findings.append(stuck(RankList(busy, hosts: hosts), waitingIn: numbers))
        }
        if !finished.isEmpty && !waiting.isEmpty {
            let list = RankList(finished, hosts: hosts)
            findings.append("\(list) \(list.verb("has", "have")) come to the end, the others wait in a collective")
        }
        if findings.isEmpty {
            findings.append(contentsOf: disagreement(reports, waiting, numbers, hosts))
        }
        return findings
    }

    private static func stuck(_ list: RankList, waitingIn numbers: Set<Int>) -> String {
        let start = "\(list) \(list.verb("is", "are")) stuck"
        guard let number = numbers.first else { return "\(start) outside of all collectives" }
        guard numbers.count == 1 else { return "\(start) outside of the collectives that the others wait in" }
        return "\(start) before collective \(number), in which the others wait"
    }

    /// Everybody answers and waits: either a message was lost, or the ranks wait for different things.
    private static func disagreement(
        _ reports: [RankReport?], _ waiting: [Int], _ numbers: Set<Int>, _ hosts: [String]
    ) -> [String] {
        guard numbers.count > 1 else {
            return ["all ranks wait for each other (a message was lost, or they wait in different collectives)"]
        }
        return numbers.sorted().map { number in
            let list = RankList(waiting.filter { reports[$0]?.arrived == number }, hosts: hosts)
            return "\(list) \(list.verb("waits", "wait")) in collective \(number)"
        }
    }

    private static func seconds(_ value: Double) -> String {
        value == value.rounded() ? "\(Int(value)) s" : "\(value) s"
    }
}
