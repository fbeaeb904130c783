"""The built book in a real browser, opened from the disk as a reader without a network would."""

import pytest
from conftest import ROOT

from mer_utils.book.build import BuildError, build_book
from mer_utils.book.runner import pages

PAGES = [page.relative_to(ROOT).with_suffix("").as_posix() for page in pages(ROOT)]
NOTEBOOKS = [
    p.relative_to(ROOT).with_suffix("").as_posix() for p in pages(ROOT) if p.suffix == ".ipynb"
]
PHONE = {"width": 390, "height": 844}

# Elements that stick out of the screen and do not sit in a box that scrolls.
STICKING_OUT = """() => {
  const article = document.querySelector('.bd-article-container, main');
  const scrolls = e => {
    for (let p = e; p && p !== article; p = p.parentElement)
      if (['auto', 'scroll', 'hidden'].includes(getComputedStyle(p).overflowX)) return true;
    return false;
  };
  const wide = e => e.getClientRects().length && e.getBoundingClientRect().right > innerWidth + 1;
  return [...article.querySelectorAll('*')].filter(e => wide(e) && !scrolls(e))
    .map(e => e.tagName + '.' + e.className + ' ' + e.textContent.trim().slice(0, 60)).slice(0, 5);
}"""
FIGURES = """() => [...document.querySelectorAll('.cell_output img')].map(image => ({
  alt: image.getAttribute('alt') || '',
  source: image.getAttribute('src'),
  caption: image.closest('figure')?.querySelector('figcaption .caption-text')?.textContent || '',
  loaded: image.naturalWidth > 0,
}))"""


@pytest.fixture(scope="session")
def book(quick_run):
    """Folder of the HTML book in the quick profile."""
    _, failed = quick_run
    assert not failed, f"notebooks failed: {', '.join(failed)}; see test_notebooks.py"
    try:
        return build_book(parameters={"profile": "quick"}).parent
    except BuildError as error:
        pytest.fail(str(error))


@pytest.fixture
def visit(chromium, book):
    """visit(name) -> (page, what its console complained about, what it asked of the network)."""
    with chromium.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()

        def open_page(name):
            complaints, requests = [], []
            page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("requestfailed", lambda r: complaints.append(f"not loaded: {r.url}"))
            page.on("request", lambda r: requests.append(r.url))
            page.goto((book / f"{name}.html").as_uri(), wait_until="load")
            page.wait_for_function("!window.MathJax || !MathJax.startup || MathJax.startup.promise")
            return page, complaints, [url for url in requests if url.startswith(("http", "ws"))]

        yield open_page


@pytest.mark.parametrize("name", PAGES)
def test_page_opens_without_error_and_without_network(visit, name):
    page, complaints, requests = visit(name)
    assert complaints == []
    assert requests == []
    assert page.locator("article h1").first.inner_text().strip()
    assert page.locator(".math").count() == page.locator(".math mjx-container").count()
    assert page.locator("mjx-merror").count() == 0


@pytest.mark.parametrize("name", PAGES)
def test_page_fits_a_phone(visit, name):
    page, _, _ = visit(name)
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert page.evaluate(STICKING_OUT) == []


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_figures_have_a_caption_and_an_alt_sentence(visit, name):
    page, _, _ = visit(name)
    for figure in page.evaluate(FIGURES):
        assert figure["loaded"], figure
        assert len(figure["alt"]) >= 20 and " " in figure["alt"], f"no alt sentence: {figure}"
        assert figure["alt"] not in figure["source"]
        assert len(figure["caption"]) >= 10, f"no caption: {figure}"


def test_dark_mode_leaves_plots_as_they_are(chromium, book):
    with chromium.new_context(color_scheme="dark") as context:
        page = context.new_page()
        for name in NOTEBOOKS:
            page.goto((book / f"{name}.html").as_uri())
            assert page.evaluate("document.documentElement.dataset.theme") == "dark"
            look = "images => images.map(i => getComputedStyle(i).filter)"
            filters = page.locator(".cell_output img").evaluate_all(look)
            assert set(filters) <= {"none"}, name


def test_search_works_from_the_disk(visit):
    page, complaints, requests = visit("search")
    page.goto(page.url + "?q=uncertainty")
    page.wait_for_selector("#search-results li a", timeout=10_000)
    assert complaints == [] and requests == []


def test_first_page_leads_into_the_book(visit):
    page, complaints, _ = visit("index")
    page.wait_for_url("**/book/intro.html")
    assert complaints == []


def test_a_quick_book_says_so_on_its_pages(visit):
    page, _, _ = visit(PAGES[0])
    assert "quick" in page.locator(".bd-header-announcement").inner_text()


def test_nothing_is_done_where_nothing_changed(book):
    said = []
    first = build_book(parameters={"profile": "quick"}, say=said.append)
    assert first == book / "index.html"
    assert said == [f"{len(NOTEBOOKS)} notebooks unchanged", "the book is unchanged"]


def test_no_page_names_this_machine(book):
    texts = {page: page.read_text(encoding="utf-8") for page in book.rglob("*.html")}
    assert [page.name for page, text in texts.items() if str(ROOT) in text] == []
