import JSON
import Partition

/// The checks of a `.safetensors` header.
enum SafetensorsHeader {
    /// The tensors that a header describes, in the order of their data.
    ///
    /// - Parameter data: the range of the file that must hold them, without a gap.
    static func tensors(
        _ header: [UInt8], path: String, data: Range<Int>
    ) throws(WeightsError) -> [SafetensorsTensor] {
        var tensors: [SafetensorsTensor] = []
        for member in try members(header, path: path) {
            if member.key == "__metadata__" {
                try checkMetadata(member.value, path: path)
            } else {
                tensors.append(try tensor(member, path: path, data: data))
            }
        }
        tensors.sort {
            ($0.byteRange.lowerBound, $0.byteRange.upperBound, $0.name) < (
                $1.byteRange.lowerBound, $1.byteRange.upperBound, $1.name
            )
        }
        try checkCoverage(tensors, path: path, data: data)
        return tensors
    }

    private static func members(_ header: [UInt8], path: String) throws(WeightsError) -> [JSONValue.Member] {
        let value: JSONValue
        do throws(JSONError) { value = try JSONValue(parsing: header) } catch {
            throw .malformed(location: path, expected: "a header in JSON", found: error.finding(from: 8))
        }
        guard header.first == UInt8(ascii: "{"), case .object(let members) = value else {
            throw .malformed(location: path, expected: "a header that is an object", found: "another value")
        }
        if let key = value.repeatedKey {
            throw .malformed(location: path, expected: "every key once in the header", found: "'\(key)' twice")
        }
        return members
    }

    private static func checkMetadata(_ value: JSONValue, path: String) throws(WeightsError) {
        // The reference library reads null as none, and mlx writes it.
        if case .null = value { return }
        guard case .object(let members) = value, members.allSatisfy({ $0.value.text != nil }) else {
            throw .malformed(location: path, expected: "'__metadata__' with texts only", found: "another value")
        }
    }

    private static func tensor(
        _ member: JSONValue.Member, path: String, data: Range<Int>
    ) throws(WeightsError) -> SafetensorsTensor {
        let location = "\(path), tensor '\(member.key)'"
        guard case .object(let fields) = member.value else {
            throw .malformed(location: location, expected: "an object", found: "another value")
        }
        if let unknown = fields.first(where: { !["dtype", "shape", "data_offsets"].contains($0.key) }) {
            throw .malformed(
                location: location, expected: "dtype, shape and data_offsets only", found: "'\(unknown.key)'")
        }
        let elementType = try elementType(member.value["dtype"], location: location)
        let shape = try counts(member.value["shape"], "shape", location: location)
        let offsets = try counts(member.value["data_offsets"], "data_offsets", location: location)
        guard offsets.count == 2, offsets[0] <= offsets[1], offsets[1] <= data.count else {
            throw .malformed(
                location: location, expected: "a first and a last offset within \(data.count) bytes of data",
                found: "\(offsets)")
        }
        guard let byteCount = byteCount(shape, elementType), byteCount == offsets[1] - offsets[0] else {
            let needed = byteCount(shape, elementType).map { Figure.count($0, "byte") } ?? "a whole number of bytes"
            throw .malformed(
                location: location, expected: "\(needed) for \(elementType.rawValue) \(shape)",
                found: Figure.count(offsets[1] - offsets[0], "byte"))
        }
        return SafetensorsTensor(
            name: member.key, elementType: elementType, shape: shape,
            byteRange: (data.lowerBound + offsets[0])..<(data.lowerBound + offsets[1]))
    }

    private static func elementType(
        _ value: JSONValue?, location: String
    ) throws(WeightsError) -> SafetensorsTensor.ElementType {
        let name = value?.text
        guard let name, let elementType = SafetensorsTensor.ElementType(rawValue: name) else {
            throw .malformed(
                location: location, expected: "a dtype of the format", found: name.map { "'\($0)'" } ?? "no text")
        }
        return elementType
    }

    private static func counts(_ value: JSONValue?, _ key: String, location: String) throws(WeightsError) -> [Int] {
        guard case .array(let elements) = value else {
            throw .malformed(location: location, expected: "'\(key)' to be an array", found: "something else")
        }
        var counts: [Int] = []
        for element in elements {
            guard let count = element.count else {
                throw .malformed(location: location, expected: "whole numbers in '\(key)'", found: element.json)
            }
            counts.append(count)
        }
        return counts
    }

    /// Bytes of a tensor; nil when the number is too large or not whole.
    private static func byteCount(_ shape: [Int], _ elementType: SafetensorsTensor.ElementType) -> Int? {
        var bitCount = elementType.bitCount
        for extent in shape {
            let (product, overflows) = bitCount.multipliedReportingOverflow(by: extent)
            guard !overflows else { return nil }
            bitCount = product
        }
        return bitCount % 8 == 0 ? bitCount / 8 : nil
    }

    /// Every byte of the data must belong to exactly one tensor.
    private static func checkCoverage(
        _ tensors: [SafetensorsTensor], path: String, data: Range<Int>
    ) throws(WeightsError) {
        var end = data.lowerBound
        for tensor in tensors {
            let start = tensor.byteRange.lowerBound
            guard start == end else {
                throw .malformed(
                    location: "\(path), tensor '\(tensor.name)'",
                    expected: "its data at offset \(end - data.lowerBound), right after the one before",
                    found: "offset \(start - data.lowerBound), \(start < end ? "an overlap" : "a hole")")
            }
            end = tensor.byteRange.upperBound
        }
        guard end == data.upperBound else {
            throw .malformed(
                location: path, expected: "the data to end with the last tensor at byte \(end)",
                found: Figure.count(data.upperBound, "byte"))
        }
    }
}
