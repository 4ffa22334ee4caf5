import ArgumentParser
import Measure

/// Tables and plots of a scaling experiment.
struct ScalingCommand: SoloCommand {
    static let configuration = CommandConfiguration(
        commandName: "scaling",
        abstract: "Make tables and a page of plots from the runs that launch/scaling has made.",
        discussion: """
            launch/scaling measures and then calls this. In the folder each run is a file, ranks-3-equal.json or \
            ranks-3-shares-5:3:2.json, of a second round ranks-3-equal-round-2.json, as bench --json prints it; one \
            that failed is a .error file. Written beside them: scaling.csv, scaling.json and scaling.html. The plots \
            are drawn by gnuplot.
            """)

    @Argument(help: "The folder.")
    var folder: String

    @Flag(help: "Only the tables, which need no gnuplot.")
    var noPage = false

    @Flag(help: "Instead, see whether FOLDER is the file of a complete run; the exit status is 1 if not.")
    var check = false

    func run() throws {
        if check { return try ScalingReport.check(run: folder) }
        try ScalingReport(folder: folder).write(to: folder, withPage: !noPage)
    }
}
