"""Pages of the report, read as a browser would."""

from html.parser import HTMLParser

from imagetagger.report.run.page import render_run_report

VOID = {"meta", "link", "img", "br", "hr", "input", "wbr"}


class Page(HTMLParser):
    """A page's elements, its text, and a complaint where tags do not balance."""

    def __init__(self, source):
        super().__init__()
        self.open, self.elements, self.text, self.complaints = [], [], [], []
        self.feed(source)
        self.close()
        self.complaints += [f"{tag} is never closed" for tag in self.open]

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if len(dict(attributes)) != len(attributes):
            self.complaints.append(f"{tag} has an attribute twice")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.complaints.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data):
        self.text.append(data)

    def all_text(self):
        return " ".join(" ".join(self.text).replace("\u00a0", " ").split())


def page(output, examples=4, seed=0):
    """The source of a run's page, and the page parsed."""
    source = render_run_report(output, examples=examples, seed=seed)
    parsed = Page(source)
    assert parsed.complaints == []
    return source, parsed
