import pytest

from imagetagger.archive.keywords.merge import FieldValue, merge_values

DC, LR, DIGIKAM, WINDOWS, IPTC = (
    "dc:subject",
    "lr:hierarchicalSubject",
    "digiKam:TagsList",
    "MicrosoftPhoto:LastKeywordXMP",
    "IPTC:Keywords",
)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([(DC, "cat"), (DC, "cat"), (IPTC, "cat")], [("cat",)]),
        ([(DC, "  polar   bear "), (LR, "polar bear")], [("polar bear",)]),
        ([(DC, ""), (LR, "|"), (DIGIKAM, "/ /")], []),
        ([(DC, "finch"), (LR, "bird|finch"), (DIGIKAM, "bird/finch"), (WINDOWS, "bird/finch")], [("bird", "finch")]),
        ([(DC, "Finch"), (LR, "bird|finch")], [("bird", "finch")]),
        ([(DC, "bird"), (DC, "finch"), (LR, "bird|finch")], [("bird", "finch")]),  # as Lightroom and darktable
        ([(LR, "bird|finch"), (LR, "toy|finch")], [("bird", "finch"), ("toy", "finch")]),
        ([(DIGIKAM, "/bird//finch/")], [("bird", "finch")]),
        ([(DC, "cafe\u0301"), (IPTC, "caf\u00e9")], [("caf\u00e9",)]),
    ],
)
def test_a_keyword_that_several_fields_have_is_named_once(values, expected):
    assert list(merge_values([FieldValue(*value) for value in values])) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([(DC, "AC/DC")], [("AC/DC",)]),
        ([(LR, "AC/DC")], [("AC/DC",)]),
        ([(LR, "music|AC/DC"), (DIGIKAM, "music/AC/DC"), (WINDOWS, "music/AC/DC")], [("music", "AC/DC")]),
        ([(DIGIKAM, "AC/DC"), (DC, "AC/DC")], [("AC/DC",)]),
        ([(DIGIKAM, "AC\\DC"), (DC, "AC/DC"), (IPTC, "AC/DC")], [("AC/DC",)]),
        ([(DIGIKAM, "music/AC\\DC"), (DC, "AC/DC")], [("music", "AC/DC")]),
        ([(DC, "a|b"), (LR, "a/b")], [("a/b",)]),
        ([(DIGIKAM, "places/Paris"), (DC, "places/Paris"), (DC, "Paris")], [("places", "Paris")]),
        ([(DC, "places|Paris"), (LR, "places|Paris")], [("places", "Paris")]),
        ([(DIGIKAM, "AC/DC"), (DC, "DC")], [("AC", "DC")]),
    ],
)
def test_a_separator_in_a_name_survives_where_any_field_shows_it(values, expected):
    assert list(merge_values([FieldValue(*value) for value in values])) == expected


def test_a_keyword_that_iptc_cut_is_the_whole_one():
    whole = "a very long keyword " * 5
    values = [FieldValue(DC, whole), FieldValue(IPTC, whole[:64]), FieldValue(IPTC, "a very long")]
    assert merge_values(values) == ((whole.strip(),), ("a very long",))


def test_thousands_of_keywords_take_no_time():
    values = [FieldValue(field, f"a{i}/b|c{i}") for field in (DC, LR, DIGIKAM, WINDOWS) for i in range(2000)]
    assert len(merge_values(values)) == 2000
