import AsyncHTTPClient
import FoundationEssentials
import NIOCore
import NIOHTTP1

/// The running server as the command line calls it, over HTTP on this machine.
package struct ServerClient: Sendable {
    private let base: String

    package init(settings: Settings) {
        base = "http://127.0.0.1:\(settings.port)"
    }

    /// What `GET /api/search` answers.
    package struct SearchAnswer: Codable, Sendable {
        package struct Result: Codable, Sendable {
            package let key: String
            package let score: Double
            package let text: String
            package let collection: String
        }

        package let collection: String
        package let method: String
        package let tookMs: Double
        package let results: [Result]
    }

    private struct ErrorAnswer: Decodable {
        struct Problem: Decodable {
            let code: String
            let message: String
            let hint: String
        }

        let error: Problem
    }

    private struct SearchQuestion: Encodable {
        let text: String
        let k: Int
        let collection: String?
    }

    /// Searches by text.
    package func search(_ text: String, k: Int, collection: String?) async throws -> SearchAnswer {
        var request = HTTPClientRequest(url: base + "/api/search")
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        let body = try JSONEncoder().encode(SearchQuestion(text: text, k: k, collection: collection))
        request.body = .bytes(ByteBuffer(bytes: body))
        let response: HTTPClientResponse
        do {
            response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        } catch {
            throw Failure(
                .unavailable,
                "no server answers at \(base): start one with millrace serve, or name its port with --port")
        }
        let data = Data(buffer: try await response.body.collect(upTo: 64 << 20))
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        guard response.status == .ok else {
            guard let problem = try? decoder.decode(ErrorAnswer.self, from: data).error else {
                throw Failure(
                    .unavailable,
                    "\(base) answered \(response.status.code), which is not Millrace's: is another program on that port?"
                )
            }
            let exit: Failure.Exit =
                response.status.code == 503 ? .temporary : response.status.code < 500 ? .usage : .software
            throw Failure(exit, "\(problem.message) (\(problem.hint))")
        }
        return try decoder.decode(SearchAnswer.self, from: data)
    }
}

extension Data {
    fileprivate init(buffer: ByteBuffer) {
        self.init(buffer.readableBytesView)
    }
}
