"""Which encoding a file is in.

Neighbours were chosen so that each encoding is read by the names, places and goods that stand in its country's exports,
with a file of one name (where doubt is right) beside a usual one, and the classical mistakes among them: names whose GBK
is valid UTF-8 or Korean, the wider names of encodings, signs that come late in the file.
"""

import codecs

import pytest

from core.lib.errors import Invalid
from customers.imports.reading import charsets
from tests.customers.reading.files import HEADER, ROW, csv, look, read

ENGLISH = "order_no,customer_id,name,date,paid,city\n"
PEOPLE = {
    "gb18030": [
        "王伟,北京市",
        "张三丰,广东省深圳市",
        "李娜,上海市",
        "欧阳娜娜,成都市",
        "陈怡君,杭州市",
        "赵静,哈尔滨市",
    ],
    "big5hkscs": ["陳志明,新北市", "林美玲,臺中市", "黃雅婷,桃園市", "張家豪,高雄市", "蔡依林,花蓮縣", "李小龍,九龍"],
    "cp932": ["佐藤太郎,東京都", "鈴木花子,大阪府", "サトウ,京都府", "田中 美咲,福岡県", "山田,北海道", "高橋,沖縄県"],
    "euc_jp": ["佐藤太郎,東京都", "鈴木花子,大阪府", "田中 美咲,福岡県", "山田,ティーカップ", "高橋,埼玉県"],
    "cp949": ["김민수,서울특별시", "이영희,부산광역시", "박지성,경기도", "최수진,대구", "정현우,광주", "한가인,제주"],
    "cp1252": ["Vera Fröhlich,Köln", "Léo Müller,Zürich", "José Muñoz,São Paulo", "Søren Ångström,Århus", "Zoë,Nîmes"],
    "cp1251": ["Иванов Пётр,Москва", "Анна Смирнова,Казань", "Ольга,Самара", "Дмитрий,Омск", "Елена,Тверь"],
    "utf-8": ["王伟,Köln", "陳志明,東京都", "김민수,Москва", "Łukasz,Plzeň", "🍵,Zürich"],
}


def file_of(people: list[str]) -> str:
    return ENGLISH + "".join(
        f"{n},c{n},{who.split(',')[0]},2026-09-01,10,{who.split(',')[1]}\n" for n, who in enumerate(people)
    )


@pytest.mark.parametrize("encoding", PEOPLE)
def test_names_tell_the_encoding(encoding: str) -> None:
    text = file_of(PEOPLE[encoding])

    seen = look(text.encode(encoding))

    assert (seen.encoding, seen.doubts) == (encoding, [])
    assert [row[2] for row in seen.sample] == [who.split(",")[0] for who in PEOPLE[encoding]]


@pytest.mark.parametrize(("encoding", "who"), [(encoding, who) for encoding, rows in PEOPLE.items() for who in rows])
def test_one_name_is_read_rightly_or_asked_about(encoding: str, who: str) -> None:
    seen = look(file_of([who]).encode(encoding))

    assert encoding in (seen.encoding, *(name for name, _lines in seen.doubts))
    assert seen.encoding == encoding or seen.doubts


@pytest.mark.parametrize("encoding", ["gb18030", "gbk", "gb2312"])
def test_a_known_header_ends_the_doubt(encoding: str) -> None:
    assert look(csv(HEADER, [*ROW[:3], "镕", *ROW[4:]]).encode("gb18030")).doubts == []
    assert read(csv(HEADER, ROW).encode(encoding)).names == HEADER


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (b"", "utf-16-le"),
        (b"", "utf-16-be"),
        (b"", "utf-8"),
    ],
)
def test_unicode_is_read_with_and_without_its_mark(mark: bytes, encoding: str) -> None:
    found = read(mark + csv(HEADER, ROW).encode(encoding))

    assert (found.seen.encoding, found.names, found.cells) == (encoding, HEADER, [ROW])


@pytest.mark.parametrize("name", ["联通", "翠花"])
def test_where_several_read_it_the_same_lines_are_shown_in_each_and_a_choice_ends_it(name: str) -> None:
    content = file_of([f"{name},x"]).encode("gb18030")

    seen = look(content)

    assert len(seen.doubts) > 1
    assert dict(seen.doubts)["gb18030"] == [name]
    chosen = look(content, encoding="gbk")
    assert (chosen.encoding, chosen.doubts, chosen.sample[0][2]) == ("gb18030", [], name)


def test_signs_that_come_late_are_seen() -> None:
    plain = ENGLISH + "".join(f"{n},c,Ann,2026-09-01,10,x\n" for n in range(60_000))

    found = read((plain + "z,c,陳志明,2026-09-01,10,臺北市\ny,d,林美玲,2026-09-01,10,高雄市\n").encode("big5"))

    assert found.seen.encoding == "big5hkscs"
    assert found.cells[-2][2] == "陳志明"


def test_a_line_that_is_not_of_the_encoding_is_given_back_and_the_rest_is_read() -> None:
    good = "".join(f"{n},c,李雷,2026-09-01,10,北京\n" for n in range(100))

    found = read((ENGLISH + good).encode() + b"x,c,\xc0\xee,2026-09-01,10,b\n" + "y,c,韩梅,2026-09-01,10,b\n".encode())

    assert (found.seen.encoding, found.broken, found.cells[-1][2]) == ("utf-8", [102], "韩梅")


def test_what_is_called_so_is_read_by_the_wider_set() -> None:
    names = ["gbk", "GB2312", "big5", "Shift-JIS", "EUC-KR", "latin-1", "utf-8-sig", "UTF-16", "nonsense", "rot13"]

    assert [charsets.name_of(name) for name in names] == [
        *("gb18030", "gb18030", "big5hkscs", "cp932", "cp949", "cp1252", "utf-8", "utf-16-le", "", "")
    ]
    with pytest.raises(Invalid) as refusal:
        look(b"a,b\n1,2\n", encoding="nonsense")
    assert refusal.value.code == "bad_encoding"


@pytest.mark.parametrize("cut", [1, 2])
def test_a_character_that_was_cut_does_not_make_another_encoding(cut: int) -> None:
    content = (
        (ENGLISH + "1,c,韩梅梅,2026-09-01,10,北京市朝阳区\n2,d,").encode()
        + "李雷".encode()[:-cut]
        + b",2026-09-01,10,x\n"
    )

    found = read(content)

    assert (found.seen.encoding, found.broken, found.cells[0][2]) == ("utf-8", [3], "韩梅梅")


@pytest.mark.parametrize("who", ["ｻﾄｳ ﾀﾛｳ", "鱻龘麤"])
def test_what_no_encoding_reads_well_is_asked_about(who: str) -> None:
    seen = look(file_of([f"{who},x"]).encode("cp932" if who[0] < "\uffff" and who[0] > "\uff00" else "gb18030"))

    assert len(seen.doubts) > 1
    assert who in [line for _encoding, lines in seen.doubts for line in lines]
