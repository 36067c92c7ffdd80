import HTTPTypes
import Hummingbird
import Messages

/// `/` and its files, and `/messages.json`.
struct PageRoutes {
    func add(to table: inout RouteTable) {
        for asset in Asset.all {
            table.get(asset.path) { request, _ in
                asset.response(to: request)
            }
        }
        table.get("/messages.json") { request, _ in
            let query = try QueryParameters(request.uri.query, known: ["lang"])
            let language: Language
            if let code = query.text("lang") {
                guard let known = Language(rawValue: code) else {
                    let codes = Language.allCases.map(\.rawValue).joined(separator: ", ")
                    throw Refusal(
                        .badRequest, "There are no texts in the language \(code).", hint: "Give one of: \(codes).",
                        field: "lang")
                }
                language = known
            } else {
                language = Language(acceptLanguage: request.headers[.acceptLanguage] ?? "")
            }
            var response = try Answer.json(TextsAnswer(language: language.rawValue, texts: Messages.texts(language)))
            response.headers[.vary] = "Accept-Language"
            return response
        }
    }

    private struct TextsAnswer: Encodable {
        let language: String
        let texts: [String: String]
    }
}

/// A file of the page, embedded in the program.
struct Asset: Sendable {
    let path: String
    let type: String
    let content: ByteBuffer
    /// Changes with every byte of the content.
    let tag: String

    init(_ path: String, type: String, _ bytes: [UInt8]) {
        self.path = path
        self.type = type
        content = ByteBuffer(bytes: bytes)
        // FNV-1a, 64 bits (http://www.isthe.com/chongo/tech/comp/fnv/): it tells versions apart and guards nothing.
        let hash = bytes.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        tag = "\"\(String(hash, radix: 16))\""
    }

    func response(to request: Request) -> Response {
        var headers = HTTPFields()
        headers[.eTag] = tag
        // Kept, but asked for each time: a new version of the program shows at once.
        headers[.cacheControl] = "no-cache"
        let known = request.headers[.ifNoneMatch]?.split(separator: ",").map { $0.filter { $0 != " " } } ?? []
        if known.contains(tag) || known.contains("W/\(tag)") {
            return Response(status: .notModified, headers: headers)
        }
        headers[.contentType] = type
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: content))
    }
}
