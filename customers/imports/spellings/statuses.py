"""What shops and platforms call the state of an order, and what each word means here."""

import re
import unicodedata
from enum import StrEnum
from functools import lru_cache


class Meaning(StrEnum):
    """What a status word can mean. Money that went back leaves the order paid, with a refund."""

    PAID = "paid"
    PENDING = "pending"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"
    PARTIALLY_REFUNDED = "partially_refunded"


# One word or phrase after another, separated by `|`, in the normal form of `word`.
WORDS = {
    Meaning.PAID: (
        "|paid|completed|complete|shipped|delivered|processing|processed|in process|fulfilled"
        "|partially fulfilled|unfulfilled|partial|unshipped|partially shipped|partiallyshipped"
        "|awaiting shipment|awaiting fulfillment|awaiting pickup|awaiting collection|ready to ship"
        "|ready for pickup|to ship|to receive|in transit|out for delivery|dispatched"
        "|payment received|payment accepted|payment completed|captured|partially paid|finished|done|success"
        "|successful|succeeded|received|picked up|packed|packing|invoiced|settled|已付款|已支付|已付|付款完成"
        "|支付完成|支付成功|付款成功|交易成功|交易完成|已完成|完成|订单完成|訂單完成|交易已完成|成功|已成功"
        "|待发货|待發貨|未发货|未發貨|待出货|待出貨|备货中|備貨中|待备货|待打包|等待发货|等待出库|待出库"
        "|正在出库|出库中|已出库|待配货|配货中|待配送|配送中|派送中|待揽收|已揽收|运输中|运送中|已发货|已發貨"
        "|已出货|已出貨|卖家已发货|部分发货|部分發貨|商家已发货|平台已发货|待收货|待收貨|待签收|等待确认收货"
        "|已收货|已收貨|确认收货|已确认收货|已签收|已簽收|待评价|待評價|未评价|已评价|已評價|双方已评|对方已评"
        "|我已评价|待取货|待自提|已自提|已取货|已取貨|已送达|已妥投|买家已付款|买家已付款,等待卖家发货"
        "|等待卖家发货|卖家部分发货|卖家已发货,等待买家确认|等待买家确认|等待买家确认收货|物流公司已揽件|已核销"
        "|待核销|待使用|已使用|已接单|待接单|处理中|处理完成|進行中|进行中|已确认|已確認|已成团,待发货|已成团"
        "|拼单成功|已发货,待签收|已发货,待收货|已发货,未签收|待成团|拼单中|已成团,待收货|定金已付,尾款已付"
        "|已结算|已入账|无售后|无售后或售后取消|售后取消|售后关闭|冻结期|退款中|退货中|退款处理中|退款申请中"
        "|申请退款|售后中|售后处理中|退款关闭|退款取消"
        "|退款失败|待退款|退货退款中|買家已付款|已付款,待发货|支払済|発送済|発送済み|入金済み|完了|배송완료"
        "|배송중|결제완료|구매확정|運送中|待揀貨|已送達|confirmed|shipping|to be shipped|toship"
        "|payment remotely accepted|remote payment accepted|preparation in progress|processing in progress"
        "|manual verification required|disputed|bezahlt|versendet|verschickt|geliefert|abgeschlossen|in bearbeitung"
        "|payé|payée|expédié|expédiée|livré|livrée|terminé|terminée|pagado|enviado|entregado|completado|pagato|spedito"
        "|consegnato|买家已签收|已付款待发货|已审核|审核通过|备货|拣货中|打包中|派件中|待取件|已追评|追评|完结|已完结"
        "|已归档|换货中|换货完成|换货成功|补发中|已补发|拼团成功|拼团中|待分享|待拼单|出貨中|已到店|買家申請退款"
        "|买家申请退款|退款申请|退款審核中|退貨中|退款处理|待商家处理|待平台处理|已发货待收货|已发货待签收"
        "|等待收货|等待买家收货|等待签收|等待自提|全部发货|已交付|已配達|已完成配送|已核銷"
        "|處理中|處理完成|部分出貨|已到達|已到貨|已結案|備貨完成|理貨中|揀貨中|待取貨|退款處理中|退貨處理中|退款申請中"
        "|trade paid|trade success|trade finished|trade buyer signed|paid forbid consign|wait seller send goods"
        "|wait buyer confirm goods|seller consigned part|wait seller stock out|wait goods receive confirm"
        "|wait seller delivery|finished l|to confirm receive|発送待ち|発送完了|支払手続き済|支払手続き済み|신규주문"
        "|발주확인|배송준비중|배송준비|상품준비중|교환완료|입금확인"
    ),
    Meaning.PENDING: (
        "pending|unpaid|not paid|pending payment|payment pending|awaiting payment|waiting for payment|to pay"
        "|new|draft|checkout draft|on hold|onhold|holded|held|hold|authorized|authorised|partially authorized"
        "|payment review|pending review|pending availability|pendingavailability|created|expired authorization"
        "|待付款|待支付|未付款|未支付|未付|等待付款|等待支付|等待买家付款|等待買家付款|待买家付款|待确认|待確認"
        "|待审核|审核中|待付定金|等待买家付定金|定金已付,尾款未付|定金已付尾款未付|等待买家付尾款|待付尾款"
        "|incomplete|awaiting bank wire payment|awaiting check payment|awaiting cheque payment"
        "|awaiting payment confirmation"
        "|offen|ausstehend|zahlung ausstehend|unbezahlt|en attente|en attente de paiement|impayé|pendiente"
        "|pendiente de pago|in attesa|wartend|已下单|未完成|未成团|买家已拍下|入金待ち|支払待ち|입금대기|결제대기"
        "|미결제"
        "|未确认|未確認|等待付款确认|草稿|定金已付|已付定金|尾款待付|待尾款|待付尾款中|wait buyer pay"
        "|trade no create pay|pay pending"
        "|wait pre auth confirm|注文確認待ち|楽天処理中|支払手続き中"
    ),
    Meaning.CANCELLED: (
        "cancelled|canceled|closed|voided|void|failed|failure|payment failed|payment error|expired|declined"
        "|denied|rejected|abandoned|trash|fraud|suspected fraud|invalid|deleted|unfulfillable|已取消|取消"
        "|用户取消|買家取消|买家取消|卖家取消|商家取消|系统取消|平台取消|订单取消|訂單取消|已撤销|已撤單|已撤单"
        "|交易关闭|交易關閉|已关闭|已關閉|关闭|订单关闭|交易取消|交易失败|交易已关闭|卖家关闭交易|超时关闭"
        "|付款以前,卖家或买家主动关闭交易|已作废|作废|无效|無效|已失效|已过期|支付失败|付款失败|未付款关闭|拒单"
        "|failed delivery|lost by 3pl|damaged by 3pl|storniert|abgebrochen|annulé|annulée|cancelado|cancelada|annullato"
        "|不成立|已拒单|已删除|拼单失败|未成团,已退款|キャンセル|キャンセル済み|キャンセル確定|취소|취소완료|주문취소"
        "|订单已取消|取消订单|用户已取消|买家已取消|卖家已取消|商家已取消|超时未付款|超时未支付|超时取消|超时已取消"
        "|自动关闭"
        "|自动取消|系统关闭|系统自动关闭|系统自动取消|交易已取消|已取消訂單|付款失敗|失败|失敗|拼团失败|拼單失敗"
        "|已关单|关单"
        "|trade closed|trade closed by taobao|trade canceled|trade cancelled"
    ),
    Meaning.REFUNDED: (
        "refunded|fully refunded|full refund|returned|returned refunded|reversed|chargeback"
        "|charged back|shipped - returned to seller|shipped - rejected by buyer|退款成功|已退款|全额退款"
        "|全部退款|已全额退款|退货退款|退货退款成功|退款完成|已退货|已退貨|退貨完成|退货完成|退货成功|退款退货"
        "|已退款退货|仅退款|已退款,交易关闭|交易关闭,已退款|已发货,退款成功|未发货,退款成功|已收货,退款成功"
        "|erstattet|zurückerstattet|retourniert|remboursé|remboursée|reembolsado|rimborsato|退款已完成|已完成退款"
        "|售后完成|售后成功|退款结束|返品済み|返金済み|환불완료|반품완료|仅退款成功|已退货退款|退货退款完成|已退費"
        "|已退費用|维权成功|維權成功|退款已到账|退款到账|全额退款成功|已全部退款|整单退款"
    ),
    Meaning.PARTIALLY_REFUNDED: (
        "partially refunded|partial refund|partially returned|partial return|部分退款|部分退货|部分退款成功"
        "|部分已退款|部分退貨"
    ),
}
_MEANING_OF: dict[str, str] = {word: str(meaning) for meaning, words in WORDS.items() for word in words.split("|")}


# Money is asked back, or is not given back after all: the order goes on as it was paid.
ASKED_BACK, NOT_GIVEN_BACK = "asked back", "not given back"
_ASKED = (
    "退款中|退货中|退款处理中|退款申请中|申请退款|买家申请退款|退款申请|售后中|售后处理中|退货退款中|待退款"
    "|退款关闭|退款取消|退款失败"
    "|退款审核中|退款待处理|退款處理中|退貨處理中|退款申請中|待退货|退款处理|退貨中|退款審核中|售后关闭|售后取消"
    "|return requested|refund requested"
    "|refund pending"
    "|pending refund|refund in progress|refund rejected"
)
_ASKED_BACK = frozenset(_ASKED.split("|"))
# What is asked for; what has come of it says another word beside it: 仅退款，退款中.
_REQUESTS = frozenset(("仅退款", "退货退款", "退款退货", "退货", "退款", "换货"))

_BETWEEN = re.compile(r"\s*[,;/|+、()]\s*")
# Of several things that are said of one order, what decides about its money.
_LAST_FIRST: tuple[str, ...] = ("refunded", "partially_refunded", "cancelled", "pending", "paid")


@lru_cache(maxsize=10_000)
def word(text: str) -> str:
    """The word as it is compared: folded, without the prefixes and the brackets that a platform puts around it."""
    value = unicodedata.normalize("NFKC", text).strip().lower().lstrip("'`").replace("_", " ").replace("，", ",")
    value = re.sub(r"^\((?:锁定|鎖定|预售|預售|暂停|删除|刪除|已删除)\)\s*|^wc-", "", value)
    value = re.sub(r"(?<=[a-z])-(?=[a-z])", " ", value)
    return re.sub(r"\s*,\s*", ",", " ".join(value.split()))


def meaning(text: str) -> str:
    """What the word means on the platforms; nothing when that is not known.

    Of a phrase such as 已发货，退款成功 the last thing counts that can have happened, if all of it is known.
    """
    value = word(text)
    if found := _known(value):
        return found
    words = [part for part in _BETWEEN.split(value) if part]
    parts = [_known(part) for part in [part for part in words if part not in _REQUESTS] or words]
    return min(parts, key=_LAST_FIRST.index) if parts and all(parts) else ""


def asks_back(text: str) -> str:
    """ASKED_BACK when the word says that money was asked back and is not back yet, NOT_GIVEN_BACK when it stays."""
    parts = [part for part in _BETWEEN.split(word(text)) if part in _ASKED_BACK]
    if not parts:
        return ""
    return NOT_GIVEN_BACK if _REFUND_MEANING_OF.get(parts[-1]) == Meaning.CANCELLED else ASKED_BACK


def _known(value: str) -> str:
    return _MEANING_OF.get(value, "") or (
        Meaning.PAID if value in _ASKED_BACK or value.startswith("shipped - ") else ""
    )


# Of a refund, in the normal form of `word`: money that has gone back, that will, and that never will.
_OF_REFUND = {
    Meaning.REFUNDED: (
        "refunded|refund|success|successful|succeeded|complete|completed|done|finished|closed refunded|settled"
        "|paid|processed|approved refunded|partially refunded|退款成功|退款完成|已退款|成功|完成|已完成|售后成功"
        "|售后完成|退款结束|已到账|到账成功|退货退款成功|仅退款成功|退货成功|全额退款|部分退款|已打款|打款成功"
        "|退款到账|返金済み|환불완료"
    ),
    Meaning.PENDING: (
        "pending|open|requested|in progress|processing|approved|authorized|waiting|new|received|退款中|退款处理中"
        "|处理中|待处理|待审核|审核中|申请中|退款申请中|申请退款|待退款|待退货|待收货|退货中|待买家退货"
        "|待商家收货|商家处理中|平台处理中|售后中|等待卖家同意|买家已经申请退款,等待卖家同意|待商家处理|待商家审核"
        "|待平台处理|平台介入|平台介入中|待买家处理|售后处理中|退货退款中|退款审核中|退款申请|买家申请退款|维权中"
        "|处理中,待退款"
        "|待商家退款|待退货退款|待寄回|待买家发货|买家已退货|退貨中|退款審核中|return requested|refund requested"
        "|refund pending|pending refund|refund in progress"
        "|卖家已经同意退款,等待买家退货|买家已经退货,等待卖家确认收货|退款待处理"
    ),
    Meaning.CANCELLED: (
        "rejected|refused|declined|denied|cancelled|canceled|closed|failed|void|voided|expired|退款关闭|退款失败"
        "|退款取消|已关闭|关闭|已取消|取消|已拒绝|拒绝|拒绝退款|卖家拒绝退款|商家拒绝|售后关闭|售后取消|用户取消"
        "|买家撤销|已撤销|撤销|失败|审核不通过|驳回|已驳回|维权关闭|维权取消|维权撤销|退货关闭|商家拒绝退款"
        "|拒绝售后|refund rejected"
    ),
}
_REFUND_MEANING_OF = {text: str(meaning) for meaning, texts in _OF_REFUND.items() for text in texts.split("|")}


def meaning_of_refund(text: str) -> str:
    """What the word says of a refund: refunded, pending or cancelled; nothing when that is not known."""
    return _REFUND_MEANING_OF.get(word(text), "")


_NOTHING_BACK = (
    "|-|--|/|0|无|無|none|no|n/a|null|nan|无售后|無售後|未售后|没有售后|无售后申请|未申请售后|无退款|無退款"
    "|没有退款|未退款|未申请|未申请退款"
    "|没有申请退款|无退款申请|无售后或售后取消|正常|无维权|無維權|未维权|未发起|未發起|no return|not returned|no refund"
    "|not refunded|not requested|换货|换货中|换货完成|换货成功|换货关闭|待换货|补寄|补寄中|补寄成功|补寄完成|补发"
    "|补发成功"
    "|维修|维修中|维修完成|维修成功|退貨無|exchange|exchanged"
)
_NO_AFTER_SALES = frozenset(_NOTHING_BACK.split("|"))
_DENIED = re.compile(r"[无無未没沒]|(?:no|not|none)\b")
# Done with, whatever it was: money back, an exchange, nothing.
_DONE_WITH = (
    "完成|已完成|成功|处理完成|已处理|已解决|处理成功"
    "|complete|completed|done|finished|success|approved|yes|是|有|有售后"
)
_VAGUE = frozenset(_DONE_WITH.split("|"))


def meaning_of_after_sales(text: str) -> str:
    """What the word says of money of a paid order: refunded, partially refunded, pending where it may go back yet,
    cancelled where it will not, paid where nobody wants it; nothing when that is not known."""
    value = word(text)
    if value in _NO_AFTER_SALES or _DENIED.match(value):
        return Meaning.PAID
    if value in _VAGUE:
        return ""
    found = meaning(text)
    if found in (Meaning.REFUNDED, Meaning.PARTIALLY_REFUNDED):
        return found
    parts = [part for part in _BETWEEN.split(value) if part and part not in _REQUESTS]
    of_refund = _REFUND_MEANING_OF.get(value, "") or (_REFUND_MEANING_OF.get(parts[-1], "") if parts else "")
    return of_refund or (Meaning.PENDING if asks_back(text) else Meaning.PAID if found else "")


def of_column(column: str, text: str) -> str:
    """A word as it is asked about where it stands in a column beside that of the status: it may mean something else."""
    return f"{column}: {text}"


CHOICES = tuple(str(meaning) for meaning in Meaning)
