/// The files of the page.
extension Asset {
    private static let script = "text/javascript; charset=utf-8"

    static let all: [Asset] = [
        Asset("/", type: "text/html; charset=utf-8", PackageResources.index_html),
        Asset("/page.css", type: "text/css; charset=utf-8", PackageResources.page_css),
        Asset("/favicon.svg", type: "image/svg+xml", PackageResources.favicon_svg),
        Asset("/app.js", type: script, PackageResources.app_js),
        Asset("/api.js", type: script, PackageResources.api_js),
        Asset("/live.js", type: script, PackageResources.live_js),
        Asset("/parts.js", type: script, PackageResources.parts_js),
        Asset("/words.js", type: script, PackageResources.words_js),
        Asset("/overview.js", type: script, PackageResources.overview_js),
        Asset("/search.js", type: script, PackageResources.search_js),
        Asset("/sources.js", type: script, PackageResources.sources_js),
        Asset("/jobs.js", type: script, PackageResources.jobs_js),
        Asset("/workers.js", type: script, PackageResources.workers_js),
    ]
}
