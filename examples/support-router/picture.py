"""Draws the result of a replay as an SVG: where the requests were answered, what that cost, and how often it was wrong. The same result gives
the same bytes. No font, script or picture from elsewhere; letters are dark or light as the reader's scheme is."""

from xml.sax.saxutils import escape

WIDTH, LEFT, BAR = 760, 20, 720
COLOURS = {"refused": "#cf222e", "static": "#8250df", "again": "#1b7c83", "exact": "#1a7f37", "semantic": "#2da44e", "limited": "#6e7781"}
TIERS = ["#54aeff", "#218bff", "#bc4c00"]
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .head { font-weight: 600; font-size: 15px }
  .small { font-size: 12px; fill: #57606a }
  rect { stroke: #ffffff; stroke-width: 1 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .small { fill: #9198a1 } rect { stroke: #0d1117 }
  }
"""


class Canvas:
    def __init__(self):
        self.parts, self.down = [], 0

    def text(self, x, words, kind="", anchor="start"):
        kind = f' class="{kind}"' if kind else ""
        anchor = f' text-anchor="{anchor}"' if anchor != "start" else ""
        self.parts.append(f'<text x="{x:.1f}" y="{self.down}"{kind}{anchor}>{escape(words)}</text>')

    def box(self, x, width, height, colour, title):
        self.parts.append(f'<rect x="{x:.1f}" y="{self.down}" width="{width:.1f}" height="{height}" fill="{colour}"><title>{escape(title)}</title></rect>')

    def bar(self, segments, of, height=26, width=BAR):
        """Segments (share, colour, title) of a bar that is full at `of`."""
        x = LEFT
        for share, colour, title in segments:
            self.box(x, width * share / of, height, colour, title)
            x += width * share / of
        return x


def draw(result, sources):
    """The picture."""
    canvas, count = Canvas(), result["requests"]
    colours = COLOURS | dict(zip(result["usd_by_model"], TIERS))
    best = list(result["usd_by_model"])[-1]
    seen = [(source, result["sources"][source]["requests"]) for source in sources if source in result["sources"]]
    canvas.down = 26
    canvas.text(LEFT, f"{count:,} requests to the support of three shops: who answered", "head")
    canvas.down += 14
    canvas.bar([(requests, colours[source], f"{sources[source]}: {requests}") for source, requests in seen], count)
    canvas.down += 48
    top = canvas.down
    for at, (source, requests) in enumerate(seen):
        x, canvas.down = LEFT + 370 * (at % 2), top + 21 * (at // 2)
        canvas.down -= 11
        canvas.box(x, 12, 12, colours[source], sources[source])
        canvas.down += 11
        canvas.text(x + 20, sources[source])
        canvas.text(x + 330, f"{requests}", anchor="end")
    canvas.down += 42

    cost = result["cost_usd"]
    canvas.text(LEFT, "Dollars at list price", "head")
    canvas.down += 12
    end = canvas.bar([(cost["best"], colours[best], f"everything to {best}")], cost["best"], 22, 480)
    canvas.down += 16
    canvas.text(end + 8, f"{cost['best']:.3f} everything to {best}")
    canvas.down += 14
    parts = [(usd, colours[model], f"{model}: {usd:.4f}") for model, usd in result["usd_by_model"].items()]
    end = canvas.bar(parts, cost["best"], 22, 480)
    canvas.down += 16
    saved = 100 * (1 - cost["router"] / cost["best"]) if cost["best"] else 0
    canvas.text(end + 8, f"{cost['router']:.3f} the support router: {saved:.0f} % less, embeddings counted")
    canvas.down += 22
    by = result["usd_saved_by"]
    whole = sum(by.values()) or 1
    share = ", ".join(f"{100 * usd / whole:.0f} % by {name}" for name, usd in by.items())
    canvas.text(LEFT, f"of what is saved: {share}", "small")

    canvas.down += 36
    canvas.text(LEFT, "Answers from a store, by the labels of the workload", "head")
    wrong, traps, near = result["wrong_from_a_store"], result["traps_served"], result["near_and_refused_by_a_check"]
    before, new = result["faq_repeated"], result["faq_in_new_words"]
    for words in [
        f"{before['are']} of {before['of']} repeated questions were answered from a store; of those in words that were new, {new['are']} of {new['of']}",
        f"{wrong['are']} of {wrong['of']} answers were made for another question",
        f"{traps['are']} of {traps['of']} traps (opposites, other products, numbers, countries) were given the other question's answer",
        f"{near['are']} that vectors alone would have got wrong were refused by the lexical checks",
    ]:
        canvas.down += 21
        canvas.text(LEFT, words)
    canvas.down += 26
    canvas.text(LEFT, f"embedder {result['embedder']}; what a smaller model itself gets wrong is not in this picture", "small")
    height = canvas.down + 14
    body = "\n".join(canvas.parts)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" role="img">\n'
            f"<title>What the support router did with {count:,} requests</title>\n<style>{STYLE}</style>\n{body}\n</svg>\n")
