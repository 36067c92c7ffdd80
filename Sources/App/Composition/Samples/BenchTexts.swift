/// Texts for a quick measurement: the sample's parts, each made different from the others.
package enum BenchTexts {
    package static func texts(_ count: Int) -> [String] {
        let parts = PartsSample.parts
        return (0..<count).map { "\(parts[$0 % parts.count]), lot \($0)" }
    }
}
