internal import CMPI

/// A number that ranks can send to each other: `Float`, `Double`, `Int32`, `Int64`, `UInt64` or `UInt8`.
public protocol Element: BitwiseCopyable, Sendable {
    /// Which of MPI's own types this is.
    static var elementKind: ElementKind { get }
}

/// The number types that MPI can add and compare.
public enum ElementKind: Sendable {
    /// 32 bits, `MPI_FLOAT`.
    case float
    /// 64 bits, `MPI_DOUBLE`.
    case double
    /// 32 bits with a sign, `MPI_INT32_T`.
    case int32
    /// 64 bits with a sign, `MPI_INT64_T`.
    case int64
    /// 64 bits without a sign, `MPI_UINT64_T`.
    case uint64
    /// 8 bits without a sign, `MPI_UINT8_T`.
    case uint8
}

/// How `allReduce` and `reduceScatter` put the ranks' values together.
public enum Reduction: Sendable {
    /// Adds them: `MPI_SUM`.
    case sum
    /// Takes the greatest: `MPI_MAX`.
    case maximum
    /// Takes the least: `MPI_MIN`.
    case minimum
}

extension Float: Element { public static var elementKind: ElementKind { .float } }
extension Double: Element { public static var elementKind: ElementKind { .double } }
extension Int32: Element { public static var elementKind: ElementKind { .int32 } }
extension Int64: Element { public static var elementKind: ElementKind { .int64 } }
extension UInt64: Element { public static var elementKind: ElementKind { .uint64 } }
extension UInt8: Element { public static var elementKind: ElementKind { .uint8 } }

extension Element {
    static var datatype: MPI_Datatype {
        switch elementKind {
        case .float: unsafe cmpi_float()
        case .double: unsafe cmpi_double()
        case .int32: unsafe cmpi_int32()
        case .int64: unsafe cmpi_int64()
        case .uint64: unsafe cmpi_uint64()
        case .uint8: unsafe cmpi_uint8()
        }
    }
}

extension Reduction {
    var operation: MPI_Op {
        switch self {
        case .sum: unsafe cmpi_sum()
        case .maximum: unsafe cmpi_maximum()
        case .minimum: unsafe cmpi_minimum()
        }
    }
}
