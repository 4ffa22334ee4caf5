import JSON

extension JSONValue {
    /// The value of a checkpoint's text, or an error that names the file.
    init(_ text: String, at location: String) throws(WeightsError) {
        do throws(JSONError) { try self.init(parsing: Array(text.utf8)) } catch {
            throw .malformed(location: location, expected: "JSON", found: error.finding())
        }
    }
}

extension JSONError {
    /// What was found where, in a text that begins at a byte of its file.
    func finding(from start: Int = 0) -> String { "\(found) at byte \(start + offset) in place of \(expected)" }
}
