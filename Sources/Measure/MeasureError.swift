/// Why a measurement is not worth making, or what came of measurements cannot be shown.
public enum MeasureError: Error, Hashable, Sendable {
    /// What the model computes is wrong before anything is measured.
    case wrongOutput(expected: String, found: String)
    /// No folder with runs of a scaling experiment.
    case noRuns(folder: String, found: String)
    /// Something in such a folder that is no complete run.
    case badRun(path: String, found: String)
    /// A report that cannot be written.
    case unwritable(path: String, found: String)
    /// Plots that gnuplot does not draw.
    case noPlots(found: String)
}

extension MeasureError: CustomStringConvertible {
    /// `where: expected, found; what to do`.
    public var description: String {
        switch self {
        case .wrongOutput(let expected, let found):
            "bench: expected \(expected), found \(found); "
                + "check the program with 'lockstep verify', and a weights file with 'lockstep show --verify'"
        case .noRuns(let folder, let found):
            "\(folder): expected runs of launch/scaling, found \(found); name the folder that it wrote"
        case .badRun(let path, let found):
            "\(path): expected what 'bench --json' prints, found \(found); "
                + "remove the file and start launch/scaling again"
        case .unwritable(let path, let found):
            "\(path): expected to write a report, found '\(found)'; see that its folder is there and has room"
        case .noPlots(let found):
            "gnuplot: expected it to draw the plots, found \(found); "
                + "install it, with Debian's apt-get install gnuplot-nox, or use --no-page"
        }
    }
}
