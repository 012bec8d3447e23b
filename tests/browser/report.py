#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The HTML report in a real browser (Chromium, driven through its debugging pipe): it loads nothing, complains of
nothing, nothing runs over its edge or over other words, colours have contrast in light and dark, tables open by
keyboard, and it prints. Usage: report.py BIN_FOLDER [FOLDER FOR PICTURES]"""
import base64
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SAMPLES = [ROOT / "tests/unit/tools/bench_sample.json", ROOT / "tools/bench/sample.json"]
SIZES = {"desk": (1100, 900), "phone": (390, 800)}
CONTRAST_LEAST = 4.5

# What a person would see wrong, as a list of words.
LOOK = """(() => {
  const faults = [];
  const root = document.documentElement;
  if (root.scrollWidth > window.innerWidth + 1) faults.push('the page is wider than the window');
  const channel = c => { c /= 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
  const light = c => { const p = c.match(/[\\d.]+/g).map(Number);
    return 0.2126 * channel(p[0]) + 0.7152 * channel(p[1]) + 0.0722 * channel(p[2]); };
  const paper = light(getComputedStyle(document.body).backgroundColor);
  const contrast = c => { const l = light(c); return (Math.max(l, paper) + 0.05) / (Math.min(l, paper) + 0.05); };
  for (const at of document.querySelectorAll('p, td, th, dt, dd, figcaption, summary, a, h1, h2, h3, li')) {
    const c = getComputedStyle(at).color;
    if (contrast(c) < LEAST) faults.push('contrast of ' + at.tagName + ' "' + at.textContent.slice(0, 30) + '" ' + c);
  }
  for (const svg of document.querySelectorAll('svg')) {
    const frame = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll('text')];
    const boxes = texts.map(t => t.getBoundingClientRect());
    boxes.forEach((box, i) => {
      const words = texts[i].textContent;
      if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 ||
          box.bottom > frame.bottom + 1) faults.push('"' + words + '" runs over the edge of ' +
          svg.getAttribute('aria-label'));
      const kind = texts[i].getAttribute('class');
      if (kind === 'inside') return;
      const fill = getComputedStyle(texts[i]).fill;
      if (contrast(fill) < LEAST) faults.push('contrast of "' + words + '" ' + fill);
      for (let k = 0; k < i; k++) {
        const other = boxes[k];
        if (texts[k].getAttribute('class') === 'inside') continue;
        const wide = Math.min(box.right, other.right) - Math.max(box.left, other.left);
        const high = Math.min(box.bottom, other.bottom) - Math.max(box.top, other.top);
        if (wide > 1 && high > 3) faults.push('"' + words + '" stands over "' + texts[k].textContent + '" in ' +
            svg.getAttribute('aria-label'));
      }
    });
    if (!svg.getAttribute('aria-label')) faults.push('a picture without words');
  }
  for (const figure of document.querySelectorAll('figure')) {
    if (!figure.querySelector('figcaption')) faults.push('a figure without caption');
  }
  return faults;
})()""".replace("LEAST", str(CONTRAST_LEAST))


class Browser:
    """One headless Chromium; answers and events come through a pipe, divided by NUL."""

    def __init__(self, program, profile):
        to_read, self.to_write = os.pipe()
        self.from_read, from_write = os.pipe()
        words = [program, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
                 "--disable-background-networking", f"--user-data-dir={profile}", "--remote-debugging-pipe"]
        self.process = subprocess.Popen(["bash", "-c", f'exec "$@" 3<&{to_read} 4>&{from_write}', "bash", *words],
                                        pass_fds=(to_read, from_write), stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(from_write)
        self.rest, self.number, self.events, self.session = b"", 0, [], None

    def receive(self):
        while b"\0" not in self.rest:
            piece = os.read(self.from_read, 1 << 20)
            if not piece:
                raise SystemExit("the browser ended")
            self.rest += piece
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def ask(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to_write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise SystemExit(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def open(self, url):
        self.session = None
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")
        self.events.clear()
        self.ask("Page.navigate", url=url)
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self.receive())

    def value(self, expression):
        return self.ask("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def close(self):
        self.session = None
        self.process.terminate()
        self.process.wait()


def check_quiet(browser, url):
    """Nothing but the page itself was asked for, and the console is empty."""
    faults = []
    for event in browser.events:
        if event.get("method") == "Network.requestWillBeSent":
            wanted = event["params"]["request"]["url"]
            if wanted != url and not wanted.startswith("data:"):
                faults.append(f"asks for {wanted}")
        if event.get("method") in ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
            faults.append(f"says {json.dumps(event['params'])[:200]}")
    return faults


def check_keyboard(browser):
    """Tab comes to the contents and to a table's line, Enter opens it."""
    browser.value("document.querySelector('summary').focus()")
    for kind in ("keyDown", "keyUp"):
        browser.ask("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=13,
                    text="\r")
    opened = browser.value("document.querySelector('details').open")
    browser.value("document.querySelectorAll('details').forEach(d => d.open = true)")
    return [] if opened else ["Enter does not open a table"]


def check(browser, url, pictures, name):
    faults = []
    for size, (width, height) in SIZES.items():
        for scheme in ("light", "dark"):
            browser.open(url)
            browser.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                        mobile=False)
            browser.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            found = browser.value(LOOK) + check_quiet(browser, url)
            if pictures:
                picture = browser.ask("Page.captureScreenshot", captureBeyondViewport=True,
                                      clip={"x": 0, "y": 0, "width": width, "scale": 1, "height": browser.value(
                                          "document.documentElement.scrollHeight")})["data"]
                (pictures / f"{name}-{size}-{scheme}.png").write_bytes(base64.b64decode(picture))
            found += check_keyboard(browser) + browser.value(LOOK)
            faults += [f"{name}, {size}, {scheme}: {fault}" for fault in found]
    pdf = base64.b64decode(browser.ask("Page.printToPDF", printBackground=True)["data"])
    if not pdf.startswith(b"%PDF") or len(pdf) < 20000:
        faults.append(f"{name}: prints {len(pdf)} bytes")
    if pictures:
        (pictures / f"{name}.pdf").write_bytes(pdf)
    return faults


def main():
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        print("SKIP report: no Chromium here (apt-get install chromium)")
        return 0
    pictures = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else None
    faults = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as work:
        browser = Browser(program, f"{work}/profile")
        try:
            for sample in SAMPLES:
                page = pathlib.Path(work) / f"{sample.stem}.html"
                subprocess.run([f"{sys.argv[1]}/corong", "bench", "report", sample, "--quiet", "--output", page],
                               check=True)
                faults += check(browser, page.as_uri(), pictures, sample.stem)
        finally:
            browser.close()
    print("\n".join(faults[:60]))
    print(f"report: {len(SAMPLES)} documents, {len(faults)} faults in the browser")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
