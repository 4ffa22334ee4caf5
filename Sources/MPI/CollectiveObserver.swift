/// Is told when this rank goes into a collective and when it comes out.
///
/// It is called on the rank's own thread, so it must be quick and call no collective itself.
public protocol CollectiveObserver: AnyObject {
    /// This rank is about to call `function`, such as `MPI_Allreduce`.
    func collectiveBegins(_ function: StaticString)

    /// The call of `function` is over.
    func collectiveEnds(_ function: StaticString)
}
