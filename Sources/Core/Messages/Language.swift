/// A language that every text exists in.
package enum Language: String, CaseIterable, Sendable {
    /// English, also where nothing else is asked for.
    case en
    /// Korean.
    case ko

    /// The language of a terminal: the first of `LC_ALL`, `LC_MESSAGES` and `LANG` that is set and not empty decides,
    /// as POSIX says (IEEE 1003.1, 8.2).
    package init(environment: [String: String]) {
        let name = ["LC_ALL", "LC_MESSAGES", "LANG"].lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
        self = name.flatMap { Language(tag: Substring($0)) } ?? .en
    }

    /// The language that a browser prefers: the tag of the highest weight that exists here (RFC 9110, 12.5.4).
    package init(acceptLanguage header: String) {
        var best: (language: Language, weight: Double) = (.en, 0)
        for range in header.split(separator: ",") {
            let parts = range.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" } }
            guard let tag = parts.first, let language = Language(tag: tag[...]) else { continue }
            let quality = parts.dropFirst().first { $0.hasPrefix("q=") }
            let weight = quality.map { Double($0.dropFirst(2)) ?? 0 } ?? 1
            if weight > best.weight {
                best = (language, weight)
            }
        }
        self = best.language
    }

    /// `ko`, `ko-KR`, `ko_KR.UTF-8`; nil for a language that is not kept.
    private init?(tag: Substring) {
        let primary = tag.prefix { $0 != "-" && $0 != "_" && $0 != "." }.lowercased()
        self.init(rawValue: primary)
    }
}
