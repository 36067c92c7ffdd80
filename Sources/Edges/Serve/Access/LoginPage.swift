import HTTPTypes
import Hummingbird
import Messages

/// The form that asks for the admin token: plain HTML, so that it works before any script may be loaded.
struct LoginPage {
    private let language: Language

    /// In the language that the browser prefers.
    init(_ request: Request) {
        language = Language(acceptLanguage: request.headers[.acceptLanguage] ?? "")
    }

    func response(problem: Message? = nil, status: HTTPResponse.Status = .ok) -> Response {
        var response = Answer.text(html(problem), type: "text/html; charset=utf-8", status: status)
        response.headers[.vary] = "Accept-Language"
        // Under no-referrer a browser hides even from us where the form comes from (Origin: null), and it would be refused.
        response.headers[.referrerPolicy] = "same-origin"
        return response
    }

    private func html(_ problem: Message?) -> String {
        let alert = problem.map { "<p class=\"alert\" role=\"alert\">\(text($0))</p>" } ?? ""
        return """
            <!doctype html>
            <html lang="\(language.rawValue)">
              <head>
                <meta charset="utf-8">
                <meta name="viewport" content="width=device-width, initial-scale=1">
                <meta name="color-scheme" content="light dark">
                <title>\(text(.loginTitle)) · Millrace</title>
                <link rel="icon" href="/favicon.svg" type="image/svg+xml">
                <link rel="stylesheet" href="/page.css">
              </head>
              <body class="login">
                <main>
                  <form class="card stack" method="post" action="/login">
                    <div class="brand"><img src="/favicon.svg" alt="">Millrace</div>
                    <h1>\(text(.loginTitle))</h1>
                    \(alert)
                    <label class="field"><span class="label">\(text(.loginToken))</span>
                      <input name="token" type="password" autocomplete="current-password" maxlength="1024" required
                        autofocus></label>
                    <p class="muted">\(text(.loginHint))</p>
                    <button class="primary" type="submit">\(text(.loginGo))</button>
                  </form>
                </main>
              </body>
            </html>

            """
    }

    /// The text with what means something in HTML escaped.
    private func text(_ key: Message) -> String {
        Messages.text(key, language).reduce(into: "") { result, character in
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            default: result.append(character)
            }
        }
    }
}
