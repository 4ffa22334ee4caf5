public import ArgumentParser
import Foundation
public import Partition

extension Cutting: ExpressibleByArgument {}
extension Wire: ExpressibleByArgument {}
extension ExpertCut: ExpressibleByArgument {}

/// How the work is shared among ranks.
struct ShareOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The part of the work of each rank, in rank order; only ratios count. Default: equal parts.",
            valueName: "5:3:2"),
        transform: { try Shares(list: $0) })
    var shares: Shares?

    @Option(
        help: ArgumentHelp("A file with a line 'host share' for each host, instead of --shares.", valueName: "file"))
    var sharesFile: String?

    @Option(help: "uneven, or padded: every range padded with zeros to the longest, for comparison.")
    var split: Cutting = .uneven

    @Flag(help: "Results that are the same to the last bit on any number of ranks and any shares.")
    var exact = false

    @Option(help: "How sums travel between ranks: f32, or fewer bits for slow networks: bf16, q8. Not with --exact.")
    var wire: Wire = .f32

    @Option(
        help: ArgumentHelp(
            "How experts are shared out: inside, a part of each on every rank; whole ones; or mixed, all of them end "
                + "to end, so that a few are cut. Default: as the plan finds best.",
            valueName: "cut"))
    var experts: ExpertCut?

    func validate() throws {
        guard wire == .f32 || !exact else {
            throw ValidationError(
                "--wire, --exact: expected f32, with which alone results are exact, found \(wire.rawValue); "
                    + "leave one of them out")
        }
        if shares != nil, sharesFile != nil {
            throw ValidationError("--shares, --shares-file: expected one of them, found both; leave one out")
        }
    }

    /// The shares asked for, if any.
    func wanted() throws -> Shares? {
        try shares
            ?? sharesFile.map { path in
                try Shares(file: String(decoding: try TextFile.bytes(path), as: UTF8.self), path: path)
            }
    }

    /// How ranks put their parts together.
    var way: Way { exact ? .gather : .sum }
}
