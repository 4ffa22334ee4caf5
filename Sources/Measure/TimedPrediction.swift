package import Partition

/// What a profile predicts for a test.
package struct TimedPrediction: Sendable {
    /// From the profile as it is.
    package var byProfile: Prediction
    /// At the machines' pace around the test.
    package var atPace: Prediction

    /// Both predictions.
    package init(byProfile: Prediction, atPace: Prediction) {
        (self.byProfile, self.atPace) = (byProfile, atPace)
    }
}
