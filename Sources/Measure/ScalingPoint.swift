import Foundation
import Partition

/// How a run of a scaling experiment divides the model.
public enum Division: String, Sendable, Hashable, Codable, CaseIterable {
    /// All ranks get the same part.
    case equal
    /// Parts by shares that were given.
    case weighted
    /// Parts by what the profile of a cluster says.
    case planned
}

/// One run of a scaling experiment: what it was to measure, and what came of it.
struct ScalingPoint: Sendable {
    /// What came of a run.
    enum Outcome: Sendable {
        case measured(ScalingRun)
        case failed(message: String)
    }

    var ranks: Int
    var division: Division
    /// `5:3:2` of a weighted division, else empty.
    var shares: String
    /// Which time the sweep was made, from 1.
    var round: Int
    var outcome: Outcome

    /// The run that a file name such as `ranks-3-shares-5:3:2`, `ranks-3-equal` or, of the second round,
    /// `ranks-3-equal-round-2` speaks of; nil for any other name.
    init?(name: String, outcome: Outcome) {
        guard
            let match = name.wholeMatch(
                of: /ranks-([1-9][0-9]{0,5})-(?:shares-([0-9.:eE+-]+)|([a-z]+))(?:-round-([2-9]|[1-9][0-9]{1,5}))?/),
            let ranks = Int(match.1), let round = Int(match.4 ?? "1")
        else { return nil }
        if let shares = match.2 {
            (division, self.shares) = (.weighted, String(shares))
        } else if let division = match.3.flatMap({ Division(rawValue: String($0)) }), division != .weighted {
            (self.division, shares) = (division, "")
        } else {
            return nil
        }
        (self.ranks, self.round, self.outcome) = (ranks, round, outcome)
    }

    /// The runs of a folder, by ranks, with equal shares first, and by round: `NAME.json` of one that was measured,
    /// `NAME.error` of one that failed.
    ///
    /// - Throws: ``MeasureError`` where there are none, or one is not complete.
    static func all(folder: String) throws(MeasureError) -> [ScalingPoint] {
        let names: [String]
        do { names = try FileManager.default.contentsOfDirectory(atPath: folder) } catch {
            throw .noRuns(folder: folder, found: "'\(error.localizedDescription)'")
        }
        var points: [ScalingPoint] = []
        for name in names.sorted() {
            let path = "\(folder)/\(name)"
            if name.hasSuffix(".json") {
                guard var point = ScalingPoint(name: String(name.dropLast(5)), outcome: .failed(message: "")) else {
                    continue
                }
                point.outcome = .measured(try ScalingRun(path: path))
                points.append(point)
            } else if name.hasSuffix(".error"), !names.contains("\(name.dropLast(6)).json") {
                let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
                let message = text.trimmingCharacters(in: .whitespacesAndNewlines)
                let failed = Outcome.failed(message: message.isEmpty ? "no message" : message)
                if let point = ScalingPoint(name: String(name.dropLast(6)), outcome: failed) { points.append(point) }
            }
        }
        guard !points.isEmpty else { throw .noRuns(folder: folder, found: "none") }
        return points.sorted { $0.place < $1.place }
    }

    private var place: (Int, Int, String, Int) {
        (ranks, Division.allCases.firstIndex(of: division) ?? 0, shares, round)
    }

    /// Whether both are rounds of the same ranks and shares.
    func isSameDivision(as other: ScalingPoint) -> Bool {
        (ranks, division, shares) == (other.ranks, other.division, other.shares)
    }
}
