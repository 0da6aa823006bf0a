"""An answer fails only where it is plainly in another language than the wanted one."""

import pytest

from mcp_router.decide.language import LANGUAGES, speaks

ANSWERS = {
    "ar": "سيصل المبلغ المسترد خلال خمسة أيام، شكرا لصبركم معنا.",
    "cs": "Vaše peníze jsou na cestě a dorazí do pěti dnů, děkujeme za trpělivost.",
    "da": "Din refusion er på vej, og den kommer inden for fem dage til din konto hos os.",
    "de": "Ihre Erstattung ist unterwegs und kommt in den nächsten fünf Tagen bei Ihnen an.",
    "el": "Τα χρήματά σας επιστρέφουν και η πληρωμή θα φτάσει μέσα σε πέντε ημέρες.",  # noqa: RUF001 - it is Greek
    "en": "Your refund is on its way and should be with you within the next five days.",
    "es": "Su reembolso está en camino y llegará a su cuenta en los próximos cinco días.",
    "fa": "بازپرداخت شما ظرف پنج روز به حساب شما واریز می شود.",
    "fi": "Hyvityksesi on matkalla ja se on tilillä viiden päivän kuluessa, kiitos kun jaksat.",
    "fr": "Votre remboursement est en route et il sera sur votre compte dans les cinq jours.",
    "he": "ההחזר הכספי שלך יגיע תוך חמישה ימים, תודה על הסבלנות.",
    "hi": "आपका रिफंड पाँच दिनों में आपके खाते में आ जाएगा।",
    "hu": "A visszatérítés már úton van, és nem kell hozzá semmit sem tennie, csak várni.",
    "it": "Il tuo rimborso è in arrivo e sarà sul conto nei prossimi cinque giorni, grazie.",
    "ja": "返金は5日以内に届きます。もうしばらくお待ちください。",
    "ko": "환불은 5일 이내에 도착합니다. 기다려 주셔서 감사합니다.",
    "nl": "Uw terugbetaling is onderweg en staat binnen vijf dagen op de rekening die u gaf.",
    "no": "Refusjonen din er på vei, og den kommer til kontoen din innen fem dager fra nå av.",
    "pl": "Twój zwrot jest już w drodze i będzie na koncie w ciągu pięciu dni, dziękujemy za to.",
    "pt": "O seu reembolso está a caminho e chegará à sua conta em até cinco dias, obrigado.",
    "ro": "Rambursarea este pe drum și va fi în contul dumneavoastră în cel mult cinci zile.",
    "ru": "Ваш возврат уже в пути и придёт в течение пяти дней.",
    "sv": "Din återbetalning är på väg och den kommer inom fem dagar till ditt konto hos oss.",
    "th": "เงินคืนของคุณจะมาถึงภายในห้าวัน ขอบคุณที่รอ",
    "tr": "Para iadeniz yolda ve beş gün içinde hesaba geçer; bu süre için teşekkür ederiz.",
    "uk": "Ваше повернення вже в дорозі й надійде протягом п'яти днів.",
    "zh": "您的退款将在五天之内到账。感谢您的耐心等待与理解。祝您生活愉快。",
}


def test_every_language_that_can_be_asked_for_has_an_answer_here() -> None:
    assert sorted(ANSWERS) == sorted(LANGUAGES)


@pytest.mark.parametrize("tag", ANSWERS)
def test_an_answer_in_the_wanted_language_passes(tag: str) -> None:
    assert speaks(ANSWERS[tag], tag)
    assert speaks(ANSWERS[tag], f"{tag}-XX")


@pytest.mark.parametrize("tag", [one for one in ANSWERS if one != "en"])
def test_an_answer_in_another_language_is_no_english(tag: str) -> None:
    assert not speaks(ANSWERS[tag], "en")


@pytest.mark.parametrize("tag", [one for one in ANSWERS if one != "en"])
def test_an_english_answer_is_no_other_language(tag: str) -> None:
    assert not speaks(ANSWERS["en"], tag)


def test_neighbours_are_told_apart_where_they_can_be() -> None:
    assert not speaks(ANSWERS["es"], "fr")
    assert not speaks(ANSWERS["ja"], "zh")
    assert not speaks(ANSWERS["de"], "nl")
    assert speaks(ANSWERS["da"], "nb")  # Danish and Norwegian share nearly all their words


@pytest.mark.parametrize("text", ["", "OK", "Vielen Dank!", "12345 67890 12345 67890"])
def test_what_is_too_short_to_tell_passes(text: str) -> None:
    assert speaks(text, "en")


def test_a_language_that_is_not_known_passes() -> None:
    assert speaks(ANSWERS["de"], "sw")
    assert speaks(ANSWERS["de"], "")


def test_code_and_addresses_do_not_count() -> None:
    command = "```\nplease run this and that with the option for your own account\n```"

    assert speaks(f"Starten Sie dies: {command} Mehr: https://example.org/how-to-do-it", "de")


def test_names_of_products_in_latin_letters_stay_japanese() -> None:
    assert speaks(
        "Zendesk Support Suite の設定画面を開き、Notifications を選択してください。", "ja"
    )
