"""The server of a review: who may see pictures and store answers, and what else is refused."""

import http.client
import threading

import pytest

from imagetagger.web.review_routes import MAX_ANSWER_BYTES, AnswerError, ReviewFunctions
from imagetagger.web.review_server import ReviewServer, review_files
from imagetagger.web.site import SiteError, build_site
from tests.helpers.built_app import FILES, built_app
from tests.helpers.taught import bundle

APP = {**FILES, "review/review.html": b"<title>review</title>", "review/assets/review-1.js": b"export {};"}
JSON = {"Content-Type": "application/json"}


def store(body: bytes) -> bytes:
    if body == b"nonsense":
        raise AnswerError("got nonsense, expected answers")
    if body == b"full":
        raise OSError("no space left")
    return b"stored " + body


FUNCTIONS = ReviewFunctions(
    questions=lambda: b"[]",
    picture=lambda content, is_square: b"square" if (content, is_square) == ("abc", True) else None,
    answer=store,
)


@pytest.fixture
def server():
    with ReviewServer(0, APP, FUNCTIONS) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def fetch(server):
    """A function that sends a request, with the token if nothing else is said, and returns status and body."""

    def send(target, method="GET", body=None, word=server.access.token, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=20)
        try:
            authorization = {} if word is None else {"Authorization": f"Bearer {word}"}
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, target, body, authorization | sent)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    return send


def test_the_page_and_its_files_are_served_and_nothing_of_the_app(fetch):
    assert fetch("/", word=None) == (200, b"<title>review</title>")
    assert fetch("/assets/review-1.js", word=None) == (200, b"export {};")
    assert fetch("/sw.js", word=None)[0] == 404
    assert fetch("/assets/index-B1x_9-Qa.js", word=None)[0] == 404
    assert fetch("/", "POST", b"", word=None)[0] == 405


def test_it_is_reached_from_this_computer_only(server):
    assert server.local
    assert server.address("x").startswith("http://127.0.0.1:")


@pytest.mark.parametrize("word", [None, "", "guess", "é"])
def test_without_the_token_there_are_no_questions_no_pictures_and_no_answers(fetch, word):
    assert fetch("/review/questions", word=word)[0] == 403
    assert fetch("/review/square/abc", word=word)[0] == 403
    assert fetch("/review/answers", "POST", b"[]", word=word, **JSON)[0] == 403
    assert fetch("/review/session", "POST", b"", word=word)[0] == 403


def test_the_code_stands_for_the_token_once(fetch, server):
    code, token = server.access.code, server.access.token
    assert fetch("/review/questions", word=code)[0] == 403
    assert fetch("/review/session", "POST", b"", word=code) == (200, token.encode())
    assert fetch("/review/session", "POST", b"", word=code)[0] == 403
    assert fetch("/review/session", "POST", b"", word=token) == (200, token.encode())


def test_with_the_token_they_are_there(fetch):
    assert fetch("/review/questions") == (200, b"[]")
    assert fetch("/review/square/abc") == (200, b"square")
    assert fetch("/review/whole/abc")[0] == 404
    assert fetch("/review/square/../abc")[0] == 404
    assert fetch("/review/answers", "POST", b"[1]", **JSON) == (200, b"stored [1]")


def test_pictures_and_questions_stay_in_no_cache(server):
    headers = {"host": "127.0.0.1", "authorization": f"Bearer {server.access.token}"}
    for target in ("/review/questions", "/review/square/abc"):
        assert server.respond_review("GET", target, headers, b"").headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec_Fetch_Site": "cross-site"}],
    ids=str,
)
def test_pages_of_other_sites_are_refused_even_with_the_token(fetch, headers):
    assert fetch("/review/answers", "POST", b"[]", **JSON, **headers)[0] == 403
    assert fetch("/review/questions", **headers)[0] == 403


def test_its_own_page_is_not(fetch, server):
    origin = f"http://127.0.0.1:{server.server_address[1]}"
    assert fetch("/review/answers", "POST", b"[]", Origin=origin, Sec_Fetch_Site="same-origin", **JSON)[0] == 200


def test_under_a_name_of_another_site_nothing_is_there(fetch):
    assert fetch("/review/questions", Host="evil.example")[0] == 421


@pytest.mark.parametrize(
    ("method", "target", "body", "headers", "status"),
    [
        ("POST", "/review/answers", b"[]", {"Content-Type": "text/plain"}, 415),
        ("POST", "/review/answers", b"nonsense", JSON, 400),
        ("POST", "/review/answers", b"x" * (MAX_ANSWER_BYTES + 1), JSON, 413),
        ("POST", "/review/answers", iter([b"[]"]), JSON, 411),
        ("GET", "/review/answers", None, {}, 405),
        ("PUT", "/review/answers", b"[]", JSON, 405),
        ("POST", "/review/questions", b"[]", JSON, 405),
        ("GET", "/review/", None, {}, 404),
        ("OPTIONS", "/review/answers", None, {}, 405),
    ],
)
def test_what_is_no_answer_is_refused(fetch, method, target, body, headers, status):
    try:
        assert fetch(target, method, body, **headers)[0] == status
    except (BrokenPipeError, ConnectionResetError):
        assert status in (411, 413)  # refused before all of it was sent
    assert fetch("/review/questions") == (200, b"[]")


def test_what_fails_unexpectedly_is_a_response_and_in_the_terminal(fetch, capsys):
    status, body = fetch("/review/answers", "POST", b"full", **JSON)
    assert (status, b"OSError: no space left" in body) == (500, True)
    assert "Traceback" in capsys.readouterr().err
    assert fetch("/review/questions") == (200, b"[]")


def test_an_app_without_the_page_says_what_to_do():
    with pytest.raises(SiteError, match="make webapp"):
        review_files(FILES)


def test_a_site_has_nothing_of_the_review(tmp_path):
    assert not [name for name in build_site(bundle(), built_app(tmp_path, APP)) if "review" in name]
