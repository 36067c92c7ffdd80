"""The page in a real browser. Usage: page_test.py [BASE_URL] [--empty] [--token TOKEN] [--pictures FOLDER]

Without a URL it is the server at MILLRACE_URL. It must have one source, items to find and failed jobs in two groups
at least, or 2 in one; with --empty it must have nothing. Failed jobs are retried by this test. With
--token the server must ask for that one; every page then begins at the form.

The browser is MILLRACE_BROWSER, which Scripts/environment sets, and Debian's without it; where it is set to nothing there is
none of the system's, and playwright takes its own. The command that an empty page shows is run by the program at
MILLRACE_BINARY, else the debug build of this checkout.
"""

import argparse
import json
import os
import re
import shlex
import sqlite3
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

from playwright.sync_api import sync_playwright

BROWSER = os.environ.get("MILLRACE_BROWSER", "/usr/bin/chromium") or None
BINARY = os.environ.get("MILLRACE_BINARY", str(Path(__file__).resolve().parents[2] / ".build/debug/millrace"))
VIEWS = ["overview", "search", "sources", "jobs", "workers"]
TEXT_COLOURS = ["text", "muted", "accent", "waiting", "running", "done", "retrying", "failed", "held"]

arguments = argparse.ArgumentParser()
arguments.add_argument("base", nargs="?", default=os.environ.get("MILLRACE_URL"))
arguments.add_argument("--empty", action="store_true")
arguments.add_argument("--token")
arguments.add_argument("--pictures")
options = arguments.parse_args()
base = options.base.rstrip("/")


def check(condition, words):
    if not condition:
        sys.exit(f"page_test: {words}")


def ask(path, body=None):
    headers = {"Content-Type": "application/json"} if body is not None else {}
    if options.token:
        headers["Authorization"] = f"Bearer {options.token}"
    data = json.dumps(body).encode() if body is not None else None
    with urllib.request.urlopen(urllib.request.Request(base + path, data, headers)) as answer:
        return json.load(answer)


def status():
    return ask("/api/status")


def figure(page, state):
    """The number on the overview's tile of a job state."""
    text = page.locator(f'a.tile[href="#/jobs?state={state}"] .figure').inner_text()
    return int(re.sub(r"\D", "", text))


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first, second):
    """WCAG 2.2, 1.4.3."""
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def new_page(browser, problems, width=1280, height=800, **settings):
    context = browser.new_context(viewport={"width": width, "height": height}, **settings)
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.on("console", lambda m: problems.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda e: problems.append(str(e)))
    # A request that the browser gives up because it leaves the page is no failure.
    page.on("requestfailed", lambda r: None if r.failure == "net::ERR_ABORTED" else problems.append(f"{r.url}: {r.failure}"))
    page.on("request", lambda r: None if r.url.startswith(base) else problems.append(f"{r.url} is not ours"))
    if options.token:
        sign_in(page)
    return page


def sign_in(page):
    """By the form that the page leads to, with the keyboard alone."""
    page.goto(f"{base}/")
    check(page.url == f"{base}/login", f"whoever is not signed in is led to the form, not to {page.url}")
    until(page, "document.activeElement.name === 'token'")
    page.keyboard.type(options.token)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{base}/")


def until(page, script, arg=None, seconds=10):
    """Waits until the script is true. Playwright's own wait evaluates in the page, which the page's policy forbids."""
    for _ in range(seconds * 20):
        if page.evaluate(script, arg):
            return
        page.wait_for_timeout(50)
    sys.exit(f"page_test: not within {seconds} s: {script}")


def go(page, view, rest=""):
    page.goto(f"{base}/#/{view}{rest}")
    # The status has arrived when the version is there; narrow screens hide it but have it.
    until(page, "document.querySelector('nav .version')?.textContent.length > 0")


def check_widths(browser, problems):
    for width in (1280, 390, 320):
        for language in ("en-US", "ko-KR"):
            page = new_page(browser, problems, width, 844, locale=language)
            for view in VIEWS + ([] if options.empty else ["search?q=hinge"]):
                go(page, view)
                if "?" in view:
                    page.wait_for_selector(".result")
                room = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
                check(room[0] <= room[1], f"{view} at {width} px in {language} scrolls sideways: {room}")
                bare = page.evaluate("document.body.innerText.match(/\\b(nav|overview|column|job|jobs|time|search|session)\\.[a-z_]+/)")
                check(bare is None, f"{view} in {language} shows a key: {bare}")
            page.context.close()


def check_contrast(browser, problems):
    for scheme in ("light", "dark"):
        page = new_page(browser, problems, color_scheme=scheme)
        go(page, "overview")
        names = TEXT_COLOURS + ["ground", "surface", "on-accent"]
        script = "n => n.map(x => getComputedStyle(document.documentElement).getPropertyValue('--' + x).trim())"
        colours = dict(zip(names, page.evaluate(script, names)))
        pairs = [(text, ground) for text in TEXT_COLOURS for ground in ("ground", "surface")] + [("on-accent", "accent")]
        for text, ground in pairs:
            ratio = contrast(colours[text], colours[ground])
            check(ratio >= 4.5, f"--{text} on --{ground}, {scheme}: {ratio:.2f}")
        page.context.close()


def check_keyboard(browser, problems):
    page = new_page(browser, problems, locale="en-US")
    go(page, "overview")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Tab")
    check(page.evaluate("document.activeElement.id") == "skip", "the first stop is the link past the navigation")
    for view in VIEWS:
        page.keyboard.press("Tab")
        target = page.evaluate("document.activeElement.getAttribute('href')")
        check(target == f"#/{view}", f"Tab reaches {view}, not {target}")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        check(outline != "none", f"the focus on {view} is visible")
    page.keyboard.press("Enter")
    page.wait_for_selector("#workers-title")
    go(page, "search")
    nameless = page.evaluate(
        "[...document.querySelectorAll('button, input, select, a')]"
        ".filter(n => n.offsetParent && !n.innerText.trim() && !n.labels?.length && !n.ariaLabel).length")
    check(nameless == 0, f"{nameless} controls have no name")
    page.context.close()


def check_full(browser, problems):
    page = new_page(browser, problems, locale="en-US")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    go(page, "overview")
    check(figure(page, "dead") == status()["jobs"]["dead"], "the overview shows the number of failed jobs")

    # A change made elsewhere shows without a reload, and focus stays where it was.
    page.evaluate("window.mark = 'same page'; document.querySelector('a.tile').focus()")
    failed = status()["jobs"]["dead"]
    check(failed > 0, "the server has a failed job to begin with")
    job = ask("/api/jobs?state=dead&limit=1")["jobs"][0]
    check(ask("/api/jobs/retry", {"collection": job["collection"], "key": job["key"]})["count"] >= 1, "a retry counts")
    script = "n => Number(document.querySelector('a.tile[href=\"#/jobs?state=dead\"] .figure').innerText.replace(/\\D/g, '')) < n"
    until(page, script, failed)
    check(page.evaluate("window.mark") == "same page", "a change shows without a reload")
    check(page.evaluate("document.activeElement.matches('a.tile')"), "focus stays while the page changes")

    # The retry button of a group posts for that group.
    button = page.locator('button[data-action="retry"]').first
    group = {name: button.get_attribute(f"data-{name}") for name in ("collection", "reason")}
    with page.expect_request(lambda r: r.url.endswith("/api/jobs/retry") and r.method == "POST") as posted:
        button.click()
    check(posted.value.post_data_json == group, f"the button posts {group}, not {posted.value.post_data}")
    page.wait_for_selector(".toast")
    until(page, "g => !document.querySelector(`button[data-reason='${g}']`)", group["reason"])

    go(page, "jobs", "?state=held")
    page.wait_for_selector("table, .empty")
    go(page, "search")
    page.fill("input[name=q]", "hinge for a cabinet door")
    page.keyboard.press("Enter")
    page.wait_for_selector(".result")
    check(page.locator(".result").count() <= 10, "no more results than asked for")
    check(page.evaluate("document.activeElement.name") == "q", "focus stays in the search box")
    page.locator('.result button[data-action="similar"]').first.click()
    until(page, "location.hash.includes('item=')")
    page.wait_for_selector(".result")
    page.go_back()
    page.wait_for_selector(".result")
    check(page.input_value("input[name=q]") == "hinge for a cabinet door", "going back brings the question back")

    page.locator(".result button.plain").first.click()
    page.wait_for_selector(".toast")

    # The connection's loss is shown and mended by itself.
    check(problems == [], f"the console stays quiet: {problems}")
    page.context.set_offline(True)
    page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide')); dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    page.wait_for_selector("#banner .retrying")
    page.context.set_offline(False)
    page.wait_for_selector("#banner .retrying", state="detached", timeout=20_000)
    # The browser itself reports the loss; that is what was asked for.
    problems.clear()
    page.context.close()


def check_empty(browser, problems):
    page = new_page(browser, problems, locale="en-US")
    for view in ("overview", "sources"):
        go(page, view)
        command = page.locator(".empty .code").inner_text()
        check_command(command, view)
    go(page, "workers")
    check(page.locator(".empty .code").inner_text().startswith("millrace worker"), "workers gives the command")
    for state in ("dead", "available"):
        go(page, "jobs", f"?state={state}")
        page.wait_for_selector(".empty")
    page.context.close()


def check_command(command, view):
    """It attaches a table that has the names it shows, as it stands."""
    words = shlex.split(command)
    check(words[:3] == ["millrace", "source", "add"], f"{view} gives the command: {command}")
    flags = dict(zip(words[3::2], words[4::2]))
    check(set(flags) == {"--table", "--key", "--text", "--into"}, f"{view} says table, key, text and vector column: {command}")
    with tempfile.TemporaryDirectory(prefix="millrace-page-") as folder:
        with sqlite3.connect(f"{folder}/user.db") as user:
            user.execute("PRAGMA journal_mode = WAL")
            names = [f'"{flags[flag]}"' for flag in ("--table", "--key", "--text", "--into")]
            user.execute("CREATE TABLE {}({} INTEGER PRIMARY KEY, {} TEXT, {} TEXT)".format(*names))
        user.close()
        done = subprocess.run(
            [BINARY, *words[1:]], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
            env=dict(os.environ, MILLRACE_HOME=folder, DATABASE_URL=f"sqlite://{folder}/user.db", LC_ALL="C"))
    check(done.returncode == 0, f"{view} gives a command that ends with {done.returncode}: {command}: {done.stderr}")


def check_login(browser, problems):
    """The form by itself, at every width, language and colour set; wrong tokens, signing out, a session that ended."""
    for width in (1280, 390, 320):
        for language in ("en-US", "ko-KR"):
            for scheme in ("light", "dark"):
                context = browser.new_context(
                    viewport={"width": width, "height": 844}, locale=language, color_scheme=scheme)
                page = context.new_page()
                page.goto(f"{base}/login")
                room = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
                check(room[0] <= room[1], f"the form at {width} px in {language} scrolls sideways: {room}")
                check(page.evaluate("document.documentElement.lang") == language[:2], f"the form speaks {language}")
                until(page, "document.activeElement.name === 'token'")
                check(page.evaluate("document.querySelector('input').labels.length") == 1, "the field has a label")
                ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
                dark = sum(map(int, re.findall(r"\d+", ground)[:3])) < 3 * 64
                check(dark == (scheme == "dark"), f"the form is {scheme}: {ground}")
                if options.pictures:
                    page.screenshot(path=os.path.join(options.pictures, f"login-{width}-{scheme}-{language[:2]}.png"))
                context.close()

    page = browser.new_context(locale="en-US").new_page()
    page.goto(f"{base}/login")
    page.fill("input[name=token]", "canary of a wrong one")
    page.keyboard.press("Enter")
    page.wait_for_selector("[role=alert]")
    check("canary" not in page.content(), "what was typed is not shown again")
    if options.pictures:
        page.screenshot(path=os.path.join(options.pictures, "login-wrong.png"))
    page.context.close()

    page = new_page(browser, problems, locale="en-US")
    cookies = page.context.cookies()
    check([(c["httpOnly"], c["sameSite"]) for c in cookies] == [(True, "Strict")], f"one strict cookie: {cookies}")
    check(page.evaluate("document.cookie") == "", "scripts do not see the cookie")
    check(options.token not in json.dumps(cookies), "the cookie does not hold the token")
    go(page, "sources")
    # The session ends elsewhere; the next call leads to the form. The browser itself reports the refusals.
    second = page.context.new_page()
    second.goto(f"{base}/")
    second.click('button[data-action="signOut"]')
    second.wait_for_url(f"{base}/login")
    check(page.context.cookies() == [], "signing out takes the cookie away")
    page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide')); dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    page.wait_for_url(f"{base}/login")
    page.context.close()
    problems.clear()


def take_pictures(browser, problems):
    os.makedirs(options.pictures, exist_ok=True)
    kind = "empty" if options.empty else "full"
    for width, height in ((1280, 860), (390, 844)):
        for scheme in ("light", "dark"):
            for language in ("en-US", "ko-KR"):
                page = new_page(browser, problems, width, height, locale=language, color_scheme=scheme)
                for view in ["overview", "search?q=hinge", "sources", "jobs", "workers"]:
                    go(page, view)
                    page.wait_for_timeout(300)
                    name = f"{kind}-{view.split('?')[0]}-{width}-{scheme}-{language[:2]}.png"
                    page.screenshot(path=os.path.join(options.pictures, name), full_page=True)
                page.context.close()


with sync_playwright() as playwright:
    chromium = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
    console = []
    if options.pictures:
        take_pictures(chromium, console)
        if options.token:
            check_login(chromium, console)
    else:
        check_contrast(chromium, console)
        check_widths(chromium, console)
        check_keyboard(chromium, console)
        (check_empty if options.empty else check_full)(chromium, console)
        if options.token:
            check_login(chromium, console)
    check(console == [], f"the console stays quiet: {console}")
    chromium.close()
print("page_test: all good")
