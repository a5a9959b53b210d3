"""Why customers of the demo mall have left, as they said it themselves."""

from typing import NamedTuple


class Left(NamedTuple):
    """Cause, why, whether and how they could come back, the rival and how its service is; empty where nobody asked."""

    cause: str
    why: str
    chance: str = ""
    recoverable: str = ""
    rival: str = ""
    rival_service: int | None = None
    compared: str = ""


LOST = (
    Left(
        "attracted",
        "别家满 300 减 80，还包邮。",
        "maybe",
        "包邮门槛降到 199 可能会回来",
        "云集优选",
        0,
        "送得一样快，客服差不多",
    ),
    Left("left", "孩子大了，不再买这些。", "no"),
    Left("poached", "对方业务员每周上门。", "yes", "派客户经理上门一次", "隔壁茶庄", 1, "每周有人上门问要什么"),
    Left("gave_up", "退换货三次都没谈拢，我们不再联系。", "no"),
    Left("attracted", "直播间更便宜。", "maybe", "给老客户留同样的价", "东市直播", -1, "便宜，但售后找不到人"),
    Left("forced", "搬去国外了。", "no"),
    Left("left", "三月投诉物流以后就不想买了。", "yes", "当面道歉，换一家快递", "云集优选", 1, "隔天就到"),
    Left(
        "poached",
        "公司换了采购，用他自己的供应商。",
        "maybe",
        "等合同到期再谈",
        "华联批发",
        0,
        "价格一样，账期长一个月",
    ),
    Left("other", "老板退休，店关了。", "no"),
    Left("attracted", "新出的茶我们没有。", "yes", "上新时先寄样品", "隔壁茶庄", 2, "每个月寄新茶样"),
    Left("left", "觉得包装越来越简单，送礼拿不出手。", "yes", "恢复礼盒包装"),
    Left(
        "attracted",
        "Found the same pan for a fifth less.",
        "maybe",
        "match the price once",
        "云集优选",
        0,
        "about the same",
    ),
)
HEARD = (
    ("rival", "来电查订单时说，下个月打算去隔壁茶庄买。"),
    ("service", "问发票时很不高兴：上次的快递摔坏了没有人管。"),
    ("price", "说同样的锅别家便宜五十块，问我们能不能一样。"),
)
SAID = "客服这边看，三月投诉过物流，之后再没有下单。 @{name} 打电话时先道歉。"
AGREED = "查清三月的物流投诉，给客户一个说法"
