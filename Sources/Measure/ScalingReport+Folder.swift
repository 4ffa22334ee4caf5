import Foundation

/// The report of a folder that `launch/scaling` fills.
extension ScalingReport {
    /// Reads the runs of a folder.
    ///
    /// - Throws: ``MeasureError`` where there are none, or one is not complete.
    public init(folder: String) throws(MeasureError) {
        let settings = (try? String(contentsOfFile: "\(folder)/settings", encoding: .utf8)) ?? ""
        self.init(points: try ScalingPoint.all(folder: folder), settings: settings)
    }

    /// Checks that a file holds a complete run.
    ///
    /// - Throws: ``MeasureError`` where it does not.
    public static func check(run path: String) throws(MeasureError) { _ = try ScalingRun(path: path) }

    /// Writes scaling.csv, scaling.json and, where wanted, scaling.html into the folder, each whole or not at all.
    ///
    /// - Throws: ``MeasureError`` where one cannot be written; the tables are there even where no page can be drawn.
    public func write(to folder: String, withPage: Bool) throws(MeasureError) {
        try Self.write(csv, to: "\(folder)/scaling.csv")
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        let path = "\(folder)/scaling.json"
        do {
            try Self.write(String(decoding: encoder.encode(self), as: UTF8.self) + "\n", to: path)
        } catch let error as MeasureError {
            throw error
        } catch {
            throw .unwritable(path: path, found: "\(error)")
        }
        if withPage { try Self.write(try page(), to: "\(folder)/scaling.html") }
    }

    private static func write(_ text: String, to path: String) throws(MeasureError) {
        do { try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic) } catch {
            throw .unwritable(path: path, found: error.localizedDescription)
        }
    }
}
