/// What processors have spent on all threads of this process.
public enum ProcessorTime {
    /// In seconds.
    public static var seconds: Double { Double(Nanoseconds.processor()) * 1e-9 }
}
