"""What shops write where they do not know the customer: it means nobody, and never the same nobody twice."""

import re

from customers.keys.forms import whole

_BREAKS = re.compile(r"[\s_\-]+")
_NIL_UUID = re.compile(r"0{8}-?0{4}-?0{4}-?0{4}-?0{12}")
_WORDS = frozenset(
    """
    null nil nan nat none undefined n/a na n.a #n/a #null! \\n void empty blank missing nobody noone -1
    unknown anonymous anon guest visitor walkin default
    无 無 空 没有 沒有 暂无 暫無 未知 不详 不詳 未填 未填写 未填寫 无名 無名 无名氏 無名氏
    匿名 匿名用户 匿名用戶 匿名买家 匿名買家 匿名客户 匿名客戶 匿名会员 匿名會員 匿名购买 匿名購買 匿名顾客 匿名顧客
    游客 遊客 游客用户 遊客用戶 访客 訪客 访客用户 訪客用戶 散客 路人 过客 過客 临时客户 臨時客戶 临时用户
    现金客户 零售客户 零散客户 门店散客 线下散客 线下客户 門市散客 現金客戶 零售客戶
    未登录 未登錄 未登入 未注册 未註冊 非会员 非會員 非会员用户 非會員用戶
    ゲスト 匿名希望 なし 不明 비회원 게스트 없음 익명
    gast unbekannt anonym invité invite inconnu anonyme invitado desconocido anónimo anonimo convidado ospite
    """.split()  # noqa: SIM905
) | {
    "no customer",
    "no name",
    "not available",
    "not logged in",
    "not registered",
    "not set",
    "guest account",
    "guest buyer",
    "guest checkout",
    "guest customer",
    "guest order",
    "guest shopper",
    "guest user",
    "anonymous buyer",
    "anonymous customer",
    "anonymous user",
    "unknown customer",
    "unknown user",
    "walk in",
    "walk in customer",
    "cash customer",
    "retail customer",
}


def is_nobody(text: str) -> bool:
    """Whether this names no customer: nothing, only zeros or signs, or a word for somebody unknown in any case."""
    value = whole(text)
    if not any(character.isalnum() for character in value) or not value.strip("0") or _NIL_UUID.fullmatch(value):
        return True
    word = value.casefold().strip("()[]{}<>【】《》「」. ")
    return word in _WORDS or _BREAKS.sub(" ", word).strip() in _WORDS


def customer_key(text: str) -> str:
    """The normal form of a customer's number in its source; empty for nobody. The case is kept."""
    return "" if is_nobody(text) else whole(text)
