import Compute
import Engine
import Foundation
import Partition

/// The report as text.
extension BenchmarkReport {
    /// Two paragraphs about what was measured, and a table with a row for each kind of forward.
    public var markdown: String {
        let encodings = byteCounts.sorted { $0.key < $1.key }.map { "\(Figure.bytes($0.value)) \($0.key)" }
        let limits = Factors.allCases.map { factors in
            let peak = peak(of: factors)
            return "\(factors.rawValue) \(peak > 0 ? Figure.giga(peak) : "-")"
        }
        let lines = [
            "\(model): \(Figure.grouped(parameterCount)) parameters, \(encodings.joined(separator: ", ")); "
                + "products of prompts multiply \(factors.rawValue), ranks \(way)",
            layout + (loading.map { "; \(Self.text($0))" } ?? ""),
            "checked: \(check.tokens) tokens together and one by one differ by \(Figure.scientific(check.difference)) "
                + "of the logits' spread (at most \(Figure.scientific(check.tolerance))), ranks hold the same bits",
            "errors of products against double precision, of the exact ones' spread: "
                + errors.map(Self.text).joined(separator: "; "),
            "limits of all ranks at once: reading \(Figure.giga(reading)) GB/s; "
                + "operations in Gop/s: \(limits.joined(separator: ", "))",
        ]
        return lines.map { $0 + "\n\n" }.joined() + table
            + tests.map { "\n" + $0.activity.text($0.name) + ($0.pacedPrediction.map { "\($0)\n" } ?? "") }.joined()
    }

    private var layout: String {
        let threads = Set(machines.map(\.threads)).sorted().map(String.init).joined(separator: " to ")
        var hosts: [String] = []
        for machine in machines {
            let text = "\(machine.host) (\(machine.instructionSet))"
            if !hosts.contains(text) { hosts.append(text) }
        }
        return "\(machines.count) rank\(machines.count == 1 ? "" : "s") x "
            + "\(threads) thread\(threads == "1" ? "" : "s") "
            + "on \(hosts.joined(separator: ", "))"
    }

    private var table: String {
        let titles =
            ["test", "tokens/s", "least", "greatest", "GB/s", "of reading", "Gop/s", "of peak"]
            + Phase.allCases.map(\.rawValue)
        let rows = tests.map { test in
            [
                test.name, Figure.decimal(test.tokensPerSecond.median, 2),
                Figure.decimal(test.tokensPerSecond.least, 2),
                Figure.decimal(test.tokensPerSecond.greatest, 2), Figure.giga(test.bytesPerSecond),
                test.shareOfReading.map { Figure.percent($0) } ?? "-", Figure.giga(test.operationsPerSecond),
                test.shareOfPeak.map { Figure.percent($0) } ?? "-",
            ] + Phase.allCases.map { Figure.percent(test.phases[$0.rawValue] ?? 0) }
        }
        let rule = titles.indices.map { $0 == 0 ? "---" : "---:" }
        return ([titles, rule] + rows).map { "| " + $0.joined(separator: " | ") + " |\n" }.joined()
    }

    private static func text(_ loading: Loading) -> String {
        "\(Figure.bytes(loading.byteCounts.reduce(0, +))) loaded in \(Figure.decimal(loading.seconds, 3)) s, "
            + "\(Figure.giga(loading.bytesPerSecond)) GB/s"
    }

    private static func text(_ error: EncodingError) -> String {
        "\(error.encoding) \(error.math) \(Figure.scientific(error.error.meanSquare)) "
            + "(largest \(Figure.scientific(error.error.largest)))"
    }

    /// A line of titles, then a line for each kind of forward; numbers in bytes, operations and seconds.
    public var csv: String {
        let titles =
            [
                "model", "parameters", "encodings", "factors", "way", "ranks", "threads", "hosts", "instructionSets",
                "readingBytesPerSecond", "peakOperationsPerSecond", "test", "batch", "firstPosition", "tokens",
                "tokensPerSecond", "least", "greatest", "bytesPerToken", "bytesPerSecond", "shareOfReading",
                "operationsPerSecond", "shareOfPeak",
            ] + Phase.allCases.map(\.rawValue)
        let shared = [
            model, "\(parameterCount)", byteCounts.keys.sorted().joined(separator: " "), factors.rawValue, way,
            "\(machines.count)", machines.map { "\($0.threads)" }.joined(separator: " "),
            machines.map(\.host).joined(separator: " "), machines.map(\.instructionSet).joined(separator: " "),
            "\(reading)", "\(peak)",
        ]
        let rows = tests.map { test in
            shared + [
                test.name, "\(test.batch)", "\(test.firstPosition)", "\(test.tokens)",
                "\(test.tokensPerSecond.median)", "\(test.tokensPerSecond.least)", "\(test.tokensPerSecond.greatest)",
                "\(test.bytesPerToken)", "\(test.bytesPerSecond)",
                test.shareOfReading.map { "\($0)" } ?? "",
                "\(test.operationsPerSecond)", test.shareOfPeak.map { "\($0)" } ?? "",
            ] + Phase.allCases.map { "\(test.phases[$0.rawValue] ?? 0)" }
        }
        return CommaTable.text([titles] + rows)
    }
}

extension BenchmarkReport.Test {
    /// A prediction that the machines' own change since they were probed is taken out of.
    fileprivate var pacedPrediction: String? {
        guard let seconds = predictedSecondsAtPace else { return nil }
        var path = ""
        if let predicted = predictedCriticalPathSecondsAtPace, let computed = criticalPathSeconds {
            path =
                "; critical path \(Activity.milliseconds(predicted)) ms, computed "
                + "\(Figure.percent(computed / predicted)) of it"
        }
        return "from the machines' speeds around this test, "
            + Activity.comparison(predicted: seconds, measured: secondsPerForward.median) + path
    }
}
