import Foundation
import Partition

/// A picture that gnuplot draws, and what it shows.
struct Plot: Sendable {
    /// What stands above it.
    var title: String
    /// How it is to be read.
    var caption: String
    /// gnuplot's commands; they draw nothing that a user has named, so that nothing needs to be escaped.
    var commands: String

    /// Colours that people of any sight tell apart (Okabe and Ito).
    enum Color: String {
        case blue = "#0072B2"
        case sky = "#56B4E9"
        case green = "#009E73"
        case red = "#D55E00"
        case yellow = "#F0E442"
        case orange = "#E69F00"
        case pink = "#CC79A7"
        case gray = "#888888"
        case lightGray = "#BBBBBB"
    }

    /// Pixels of a picture.
    static let (width, height) = (760, 460)

    /// What all pictures have in common.
    private static let style = """
        reset
        set terminal svg size \(width),\(height) noenhanced font "sans-serif,14" background "white"
        set border 3 lc rgb "#444444"
        set tics nomirror out
        set grid ytics lt 1 lw 1 lc rgb "#DDDDDD"
        set key outside top center horizontal
        set rmargin 4
        set yrange [0:*]
        set style fill solid 1 noborder

        """

    /// Commands that draw this picture into a file.
    func script(output: String) -> String { Self.style + "set output \"\(output)\"\n" + commands + "unset output\n" }

    /// A block of data under a name.
    static func data(_ name: String, _ rows: [[Double]]) -> String {
        let lines = rows.map { $0.map { $0.isFinite ? "\($0)" : "NaN" }.joined(separator: " ") + "\n" }
        return "$\(name) << END\n\(lines.joined())END\n"
    }

    /// The command that draws several things into one picture.
    static func plot(_ things: [String]) -> String { "plot " + things.joined(separator: ", \\\n    ") + "\n" }

    /// The part of seconds in which a largest value is read best, and its name.
    static func unit(largest: Double) -> (name: String, perSecond: Double) {
        largest >= 1 ? ("s", 1) : largest >= 1e-3 ? ("ms", 1e3) : ("µs", 1e6)
    }
}

/// Names of runs below the bars of a picture.
struct RunLabels {
    /// In the order of the bars.
    var rows: [ScalingReport.Row]

    // Pixels that the axis has for all names, and those of a character.
    private static let room = 650.0
    private static let characterWidth = 8.5
    private static let longest = 26

    /// Commands that name the bars at 0, 1, 2, ...: in two lines each, or aslant where that would overlap.
    var commands: String {
        let widest = rows.map { shortened($0).count }.max() ?? 0
        let isTight = Double(widest + 1) * Self.characterWidth > Self.room / Double(max(1, rows.count))
        let names = rows.enumerated().map { index, row in
            "\"\(row.ranks)\(isTight ? " x " : "\\n")\(shortened(row))\" \(index)"
        }
        let tics = "set xtics scale 0 (\(names.joined(separator: ", ")))"
        // Few bars would fill the picture.
        let edge = max(0.6, 0.6 + Double(4 - rows.count) / 2)
        return """
            set xlabel "ranks and how the model is divided"\(isTight ? "" : " offset 0,-1")
            set xrange [\(-edge):\(Double(rows.count) - 1 + edge)]
            \(tics)\(isTight ? " rotate by 35 right" : "")

            """
    }

    private func shortened(_ row: ScalingReport.Row) -> String {
        let text = row.divisionText
        return text.count > Self.longest ? text.prefix(Self.longest - 1) + "…" : text
    }
}
