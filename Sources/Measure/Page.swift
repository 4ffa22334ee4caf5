/// Pieces of a page that is HTML and XML at once and refers to nothing outside of itself.
enum Page {
    /// Text in which no character means anything else.
    static func escaped(_ text: String) -> String {
        let known: [Unicode.Scalar: String] = ["&": "&amp;", "<": "&lt;", ">": "&gt;", "\"": "&quot;", "'": "&#39;"]
        return text.unicodeScalars.reduce(into: "") { escaped, scalar in
            // XML has no way to write other control characters.
            let isForbidden = scalar.value < 32 && !"\t\n\r".unicodeScalars.contains(scalar)
            escaped += known[scalar] ?? (isForbidden ? "\u{FFFD}" : String(scalar))
        }
    }

    /// An element that holds text.
    static func element(_ name: String, _ text: String) -> String { "<\(name)>\(escaped(text))</\(name)>\n" }

    /// A table; the columns after the first `textColumns` are numbers.
    static func table(_ titles: [String], _ rows: [[String]], textColumns: Int) -> String {
        func line(_ cells: [String], _ name: String) -> String {
            let parts = cells.enumerated().map { index, cell in
                "<\(name)\(index < textColumns ? "" : " class=\"number\"")>\(escaped(cell))</\(name)>"
            }
            return "<tr>\(parts.joined())</tr>\n"
        }
        return "<table>\n<thead>\n\(line(titles, "th"))</thead>\n<tbody>\n"
            + rows.map { line($0, "td") }.joined() + "</tbody>\n</table>\n"
    }

    /// The whole page.
    static func document(title: String, body: String) -> String {
        """
        <!DOCTYPE html>
        <html lang="en" xmlns="http://www.w3.org/1999/xhtml">
        <head>
        <meta charset="utf-8"/>
        <meta name="viewport" content="width=device-width, initial-scale=1"/>
        <title>\(escaped(title))</title>
        <style>
        body { font-family: sans-serif; line-height: 1.4; color: #222; }
        body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
        h1, td, pre { overflow-wrap: anywhere; }
        .wide { overflow-x: auto; }
        table { border-collapse: collapse; font-size: 0.85rem; }
        th, td { border-bottom: 1px solid #ccc; padding: 0.25rem 0.6rem; text-align: left; vertical-align: top; }
        .number { text-align: right; }
        td.number { white-space: nowrap; }
        pre { background: #f4f4f4; padding: 0.7rem; white-space: pre-wrap; }
        figure { margin: 1.5rem 0; }
        figcaption { font-size: 0.9rem; color: #444; }
        svg { max-width: 100%; height: auto; }
        </style>
        </head>
        <body>
        \(body)</body>
        </html>

        """
    }
}
