/// Sizes for people.
public enum ByteText {
    /// Three or four digits and a binary unit: `1.50 GiB`, `640 KiB`, `12 bytes`.
    public static func text(_ byteCount: Int) -> String {
        let units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
        var (value, unit) = (Double(byteCount), 0)
        while value >= 1024, unit < units.count - 1 { (value, unit) = (value / 1024, unit + 1) }
        guard unit > 0 else { return byteCount == 1 ? "1 byte" : "\(byteCount) bytes" }
        let decimals = value < 10 ? 2 : value < 100 ? 1 : 0
        return "\(fixed(value, decimals: decimals)) \(units[unit])"
    }

    private static func fixed(_ value: Double, decimals: Int) -> String {
        var scale = 1.0
        for _ in 0..<decimals { scale *= 10 }
        let scaled = Int((value * scale).rounded())
        guard decimals > 0 else { return "\(scaled)" }
        let fraction = "\(scaled % Int(scale))"
        return "\(scaled / Int(scale))." + String(repeating: "0", count: decimals - fraction.count) + fraction
    }
}
